package bustest

import (
	"bytes"
	"encoding/binary"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
)

// SmallBlocks is a bus.Topology.MaxBytes for which the server keeps a stream in
// several files, 32 kB each.
const SmallBlocks = 120_000

// Port returns where a server that runs listens for clients.
func Port(s *server.Server) int {
	at, ok := s.Addr().(*net.TCPAddr)
	if !ok {
		return 0
	}
	return at.Port
}

// Stop stops a server in order.
func Stop(s *server.Server) {
	s.Shutdown()
	s.WaitForShutdown()
}

// Kill stops a server and returns a folder with what it would have left in dir, had
// it been killed.
func Kill(t testing.TB, s *server.Server, dir string) (left string) {
	t.Helper()
	left = filepath.Join(t.TempDir(), "left")
	if err := os.CopyFS(left, os.DirFS(dir)); err != nil {
		t.Fatalf("copy the data of the server: %v", err)
	}
	Stop(s)
	return left
}

// Record is where a message is on the disk of a server that does not run.
type Record struct {
	Seq     uint64
	Subject string
	File    string
	at, n   int // bytes
}

// Layout of a record: its length with a bit for headers, sequence, time, length of the
// subject, subject, length of the headers, headers, body, checksum.
const (
	recordSeq      = 4
	recordSubject  = 22
	recordChecksum = 8
	recordHeaders  = 1 << 31
)

// Records returns where the messages of a stream are, by sequence, in the data that a
// server without accounts left in dir.
func Records(t testing.TB, dir, stream string) []Record {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "jetstream", "$G", "streams", stream, "msgs", "*.blk"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no messages of %s in %s: %v", stream, dir, err)
	}
	all := map[uint64]Record{}
	for _, file := range files {
		for _, r := range recordsIn(t, file) {
			all[r.Seq] = r
		}
	}
	var sorted []Record
	for _, seq := range slices.Sorted(maps.Keys(all)) {
		sorted = append(sorted, all[seq])
	}
	return sorted
}

func recordsIn(t testing.TB, file string) (all []Record) {
	data := read(t, file)
	for at := 0; at+recordSubject < len(data); {
		n := int(binary.LittleEndian.Uint32(data[at:]) &^ recordHeaders)
		subject := data[at+recordSubject:][:binary.LittleEndian.Uint16(data[at+recordSubject-2:])]
		all = append(all, Record{binary.LittleEndian.Uint64(data[at+recordSeq:]), string(subject), file, at, n})
		at += n
	}
	return all
}

func read(t testing.TB, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func write(t testing.TB, file string, data []byte) {
	t.Helper()
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Flip changes a bit at an offset from the record's beginning.
func (r Record) Flip(t testing.TB, offset int) {
	t.Helper()
	data := read(t, r.File)
	data[r.at+offset] ^= 4
	write(t, r.File, data)
}

// The places of a record that a test may flip a bit at.

// Length is the place of its length.
func (r Record) Length() int { return 0 }

// Sequence is the place of its sequence.
func (r Record) Sequence() int { return recordSeq }

// SubjectEnd is the place of its subject's last letter.
func (r Record) SubjectEnd() int { return recordSubject + len(r.Subject) - 1 }

// Header is a place within its headers.
func (r Record) Header(t testing.TB) int {
	t.Helper()
	at := bytes.Index(read(t, r.File)[r.at:][:r.n], []byte("ce-id"))
	if at < 0 {
		t.Fatalf("record %d has no header ce-id", r.Seq)
	}
	return at + 1
}

// Body is a place within its body.
func (r Record) Body() int { return r.n - recordChecksum - 16 }

// Checksum is a place within its checksum.
func (r Record) Checksum() int { return r.n - 1 }

// Cut has the file end in the middle of the record.
func (r Record) Cut(t testing.TB) {
	t.Helper()
	write(t, r.File, read(t, r.File)[:r.at+r.n/2])
}

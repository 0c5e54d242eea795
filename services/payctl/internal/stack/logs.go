package stack

import (
	"bytes"
	"io"
	"os"
	"sync"
)

// prefixed writes whole lines, each after a name, to a writer that it shares.
type prefixed struct {
	mu     *sync.Mutex
	to     io.Writer
	prefix string
	rest   []byte // a line that has not ended yet
}

// Write implements io.Writer. It never fails: a log that cannot be shown must not
// stop the service that writes it.
func (p *prefixed) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rest = append(p.rest, b...)
	for {
		line, rest, whole := bytes.Cut(p.rest, []byte("\n"))
		if !whole {
			return len(b), nil
		}
		_, _ = io.WriteString(p.to, p.prefix+string(line)+"\n")
		p.rest = bytes.Clone(rest)
	}
}

const (
	tailBytes = 8 << 10
	tailLines = 12
)

// tail returns the last lines of a file, or nothing.
func tail(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > tailBytes {
		_, _ = f.Seek(-tailBytes, io.SeekEnd)
	}
	text, err := io.ReadAll(io.LimitReader(f, tailBytes))
	if err != nil {
		return ""
	}
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-tailLines):], []byte("\n")))
}

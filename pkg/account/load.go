package account

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/payloom/payloom/pkg/conf"
)

// maxFileBytes is far above any file of accounts we know of.
const maxFileBytes = 4 << 20

// Lookup returns the secret that a reference stands for. Its errors must not show it.
type Lookup func(ref string) (conf.Secret, error)

// Load reads the file at path and every secret it refers to; a nil lookup means
// conf.ResolveSecret. The error is an *Invalid with all problems at once, unless
// the file cannot be read at all.
func Load(path string, lookup Lookup) (*Book, error) {
	book, _, err := load(path, lookup)
	return book, err
}

// load is Load that also tells which files secrets were sought in.
func load(path string, lookup Lookup) (*Book, []string, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, nil, fmt.Errorf("accounts: %w", err)
	}
	return parse(path, text, lookup)
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxFileBytes {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, maxFileBytes)
	}
	return text, nil
}

// Parse is Load for a text that is at hand; path is what problems name.
func Parse(path string, text []byte, lookup Lookup) (*Book, error) {
	book, _, err := parse(path, text, lookup)
	return book, err
}

func parse(path string, text []byte, lookup Lookup) (*Book, []string, error) {
	if lookup == nil {
		lookup = conf.ResolveSecret
	}
	s := &schema{reader: &reader{path: path}, lookup: lookup, digest: sha256.New()}
	s.digest.Write(text)
	book := s.book(text)
	if len(s.problems) > 0 {
		slices.SortStableFunc(s.problems, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
		return nil, s.files, &Invalid{slices.Compact(s.problems)}
	}
	book.digest = [sha256.Size]byte(s.digest.Sum(nil))
	return book, s.files, nil
}

// resolve follows a reference to a secret. What it finds becomes part of the
// book's digest, so that a rotated secret makes another book.
func (s *schema) resolve(ref string, e entry) conf.Secret {
	if path, ok := strings.CutPrefix(ref, "file:"); ok {
		s.files = append(s.files, path)
	}
	v, err := s.lookup(ref)
	if err != nil {
		s.report(e.line, e.field, "%s", explain(err))
		return ""
	}
	s.digest.Write([]byte{0})
	s.digest.Write([]byte(v.Reveal()))
	return v
}

func explain(err error) string {
	if errors.Is(err, conf.ErrNotAReference) {
		return "must be file:/path or env:NAME"
	}
	return err.Error()
}

func sameDigest(a, b *Book) bool {
	return bytes.Equal(a.digest[:], b.digest[:])
}

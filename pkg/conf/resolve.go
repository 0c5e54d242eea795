package conf

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// maxSecretBytes is far above any key or certificate chain we know of, and low
// enough that a reference to the wrong file does no harm.
const maxSecretBytes = 64 << 10

var (
	// ErrNotAReference says that a text is neither file:/path nor env:NAME.
	ErrNotAReference = errors.New("must be file:/path or env:NAME")
	// ErrEmptySecret says that a reference was followed and nothing was found there.
	ErrEmptySecret = errors.New("is empty or not set")
)

// ResolveSecret returns what ref points to: the content of a file (file:/path,
// at most 64 KiB, line ends at its end removed) or an environment variable
// (env:NAME). An error names the file or the variable, never a value: a ref that
// is no reference may be a secret put in the wrong place, so it is not repeated.
func ResolveSecret(ref string) (Secret, error) {
	return resolve(ref, os.Getenv)
}

func resolve(ref string, getenv func(string) string) (Secret, error) {
	if path, ok := strings.CutPrefix(ref, "file:"); ok {
		return secretFromFile(path)
	}
	name, ok := strings.CutPrefix(ref, "env:")
	if !ok {
		return "", fmt.Errorf("a secret's reference %w", ErrNotAReference)
	}
	if v := getenv(name); v != "" {
		return Secret(v), nil
	}
	return "", fmt.Errorf("variable %s %w", name, ErrEmptySecret)
}

func secretFromFile(path string) (Secret, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSecretBytes+1))
	if err != nil {
		return "", err
	}
	if len(b) > maxSecretBytes {
		return "", fmt.Errorf("file %s is larger than %d bytes", path, maxSecretBytes)
	}
	// Editors and `echo` end a file with a line end that nobody means.
	v := strings.TrimRight(string(b), "\r\n")
	if v == "" {
		return "", fmt.Errorf("file %s %w", path, ErrEmptySecret)
	}
	return Secret(v), nil
}

// isReference reports whether a configured value is to be followed.
func isReference(v string) bool {
	return strings.HasPrefix(v, "file:") || strings.HasPrefix(v, "env:")
}

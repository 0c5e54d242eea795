package batch

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/payloom/payloom/services/internal/payouts"
)

// Progress is how far a file was sent. It is kept beside the file until all of it is.
type Progress struct {
	Key      string    `json:"idempotency_key"`
	Target   string    `json:"target"` // where it is sent and for whom, as a digest
	Size     int64     `json:"size"`   // of the file, as is the time
	Modified time.Time `json:"modified"`
	Next     int       `json:"next_line"`
	Results  string    `json:"results"` // the file of results
	Bytes    int64     `json:"results_bytes"`
	payouts.Counts
}

// Target names an ingress and the key it is spoken to with, and tells neither. What
// was sent to a test system was not sent to the live one.
func Target(ingress, key string) string {
	sum := sha256.Sum256([]byte(ingress + "\x00" + key))
	return hex.EncodeToString(sum[:8])
}

// ReadProgress returns the progress in a file, and false when there is none.
func ReadProgress(path string) (Progress, bool, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Progress{}, false, nil
	}
	if err != nil {
		return Progress{}, false, err
	}
	var p Progress
	if err := json.Unmarshal(text, &p); err != nil {
		return Progress{}, false, fmt.Errorf("%s cannot be read; without it the file is sent from its beginning, which does no harm: %w", path, err)
	}
	return p, true, nil
}

// Continues tells whether p goes on where sending the same file ended.
func (p Progress) Continues(now Progress) bool {
	return p.Key == now.Key && p.Target == now.Target && p.Size == now.Size && p.Modified.Equal(now.Modified) && p.Results == now.Results
}

// Write replaces the file at path by p.
func (p Progress) Write(path string) error {
	text, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return err
	}
	part, err := os.CreateTemp(filepath.Dir(path), ".progress-*")
	if err != nil {
		return err
	}
	_, err = part.Write(append(text, '\n'))
	if err = errors.Join(err, part.Close()); err == nil {
		err = os.Rename(part.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(part.Name()))
	}
	return nil
}

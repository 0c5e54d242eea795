package seal_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/payloom/payloom/pkg/seal"
)

const place = "p.demo.order-1"

// kek writes a key-encryption key to a file and returns its entry.
func kek(t *testing.T, id string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), id)
	if err := os.WriteFile(path, []byte(seal.GenerateKEK().Reveal()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return id + "=file:" + path
}

func ring(t *testing.T, entries ...string) *seal.Ring {
	t.Helper()
	r, err := seal.ParseRing(entries)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func newKey(t *testing.T, r *seal.Ring) (*seal.Key, seal.Wrapped) {
	t.Helper()
	k, w, err := seal.New(t.Context(), r, place)
	if err != nil {
		t.Fatal(err)
	}
	return k, w
}

func TestKey_OpensWhatItSealedWhereItSealedIt(t *testing.T) {
	t.Parallel()
	k, _ := newKey(t, ring(t, kek(t, "a")))
	other, _ := newKey(t, ring(t, kek(t, "a")))
	text := []byte("Ada Example")
	sealed := k.Seal(text, place)
	if bytes.Contains(sealed, text) {
		t.Fatal("the text stands in what was sealed")
	}
	if bytes.Equal(sealed, k.Seal(text, place)) {
		t.Error("equal texts look equal when sealed")
	}
	if got, err := k.Open(sealed, place); err != nil || !bytes.Equal(got, text) {
		t.Errorf("opened %q, %v", got, err)
	}
	if _, err := k.Open(sealed, "p.demo.order-2"); !errors.Is(err, seal.ErrForged) {
		t.Errorf("opened at another place: %v", err)
	}
	if _, err := other.Open(sealed, place); !errors.Is(err, seal.ErrForged) {
		t.Errorf("opened with another key: %v", err)
	}
	for i := range sealed {
		sealed[i] ^= 1
		if _, err := k.Open(sealed, place); !errors.Is(err, seal.ErrForged) {
			t.Errorf("byte %d changed: %v", i, err)
		}
		sealed[i] ^= 1
	}
}

func TestWrapped_AnyKeyUnwrapsTheNewestWraps(t *testing.T) {
	t.Parallel()
	a, b := kek(t, "a"), kek(t, "b")
	k, w := newKey(t, ring(t, a))
	sealed := k.Seal([]byte("x"), place)

	both := ring(t, b, a)
	if got, err := w.Unwrap(t.Context(), both, place); err != nil || got.ID() != k.ID() {
		t.Fatalf("during the rotation: %v", err)
	}
	fresh, changed, err := w.Rewrap(t.Context(), both, place)
	if err != nil || !changed || fresh.KEK != "b" || fresh.ID != w.ID {
		t.Fatalf("rewrapped under %q, changed %v, %v", fresh.KEK, changed, err)
	}
	if _, changed, err := fresh.Rewrap(t.Context(), both, place); err != nil || changed {
		t.Errorf("rewrapped twice: changed %v, %v", changed, err)
	}
	again, err := fresh.Unwrap(t.Context(), ring(t, b), place)
	if err != nil {
		t.Fatalf("after the rotation: %v", err)
	}
	if _, err := again.Open(sealed, place); err != nil {
		t.Errorf("the data key is another: %v", err)
	}
	if _, err := w.Unwrap(t.Context(), ring(t, b), place); !errors.Is(err, seal.ErrNoKey) {
		t.Errorf("unwrapped without its key: %v", err)
	}
}

func TestWrapped_IsBoundToItsPlace(t *testing.T) {
	t.Parallel()
	r := ring(t, kek(t, "a"))
	_, w := newKey(t, r)
	if _, err := w.Unwrap(t.Context(), r, "p.demo.order-2"); !errors.Is(err, seal.ErrForged) {
		t.Errorf("served another payment: %v", err)
	}
	w.ID = "other"
	if _, err := w.Unwrap(t.Context(), r, place); !errors.Is(err, seal.ErrForged) {
		t.Errorf("served under another id: %v", err)
	}
}

func TestWrapped_IsStoredAndReadBack(t *testing.T) {
	t.Parallel()
	r := ring(t, kek(t, "a"))
	_, w := newKey(t, r)
	data, err := w.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	back, err := seal.ParseWrapped(data)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := back.Unwrap(t.Context(), r, place); err != nil {
		t.Error(err)
	}
	if _, err := seal.ParseWrapped([]byte("{")); err == nil {
		t.Error("read a torn key")
	}
}

func TestParseRing_RefusesWithoutShowing(t *testing.T) {
	t.Setenv("SHORT", base64.StdEncoding.EncodeToString([]byte("canary-canary")))
	t.Setenv("GARBAGE", "canary!")
	good := kek(t, "a")
	for name, entries := range map[string][]string{
		"nothing":      nil,
		"no id":        {"env:SHORT"},
		"odd id":       {"a b=env:SHORT"},
		"no reference": {"a=canary-in-the-wrong-place"},
		"missing":      {"a=env:NOT_THERE"},
		"short":        {"a=env:SHORT"},
		"no base64":    {"a=env:GARBAGE"},
		"twice":        {good, good},
	} {
		_, err := seal.ParseRing(entries)
		if err == nil {
			t.Errorf("%s: taken", name)
		} else if strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: the error shows the key: %v", name, err)
		}
	}
}

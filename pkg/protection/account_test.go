package protection_test

import (
	"testing"

	"github.com/payloom/payloom/pkg/protection"
)

// FuzzParseKey checks that a key is read as what it is written as, or not at all.
func FuzzParseKey(f *testing.F) {
	for _, seed := range []string{"", "breaker.computop", "breaker.computop.demo.eu", "breaker.computop.demo._", "a.b.c", "....", "a.b..", "a.b.c.d.e"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, key string) {
		r, a, ok := protection.ParseKey(key)
		if ok && protection.Key(r, a) != key {
			t.Errorf("%q is read as %q of %+v, whose key is %q", key, r, a, protection.Key(r, a))
		}
	})
}

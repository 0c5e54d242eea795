package storm

import (
	"bytes"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"

	"github.com/payloom/payloom/pkg/payment"
)

// Forger makes callbacks that no provider made, of genuine ones. The same seed and
// the same genuine callbacks make the same forgeries. It may be used concurrently.
type Forger struct {
	seed    uint64
	genuine []Callback
	keys    []Keys
}

// Keys are an account's address and what its callbacks are made with.
type Keys struct {
	Provider payment.Provider
	Endpoint string
	Cipher   string // of Computop, as the next
	MAC      string // by which it is judged what was forged; nothing is made with it
	Merchant string // Computop's MerchantID, Axerve's shop login, or ECommPay's project
}

// NewForger returns a forger of what a stranger can have seen and can know.
func NewForger(seed uint64, genuine []Callback, keys []Keys) *Forger {
	genuine = slices.Clone(genuine)
	slices.SortFunc(genuine, func(a, b Callback) int {
		if n := strings.Compare(a.path(), b.path()); n != 0 {
			return n
		}
		return strings.Compare(a.Query+string(a.Body), b.Query+string(b.Body))
	})
	return &Forger{seed: seed, genuine: genuine, keys: keys}
}

// trick makes a forgery, and tells its name.
type trick struct {
	name  string
	forge func(f *Forger, r *rand.Rand) Callback
}

// Replayed names the callbacks that are genuine, and late: they are taken, and
// change nothing.
const Replayed = "replayed late"

func tricks() []trick {
	return []trick{
		{"bits flipped", flipped},
		{"bytes changed", changed},
		{"cut off", truncated},
		{"garbage", garbage},
		{"blocks rearranged", rearranged},
		{"to another account", toAnother},
		{"signed with other keys", signedOtherwise},
		{"with the cipher key, without the MAC's", withCipherKey},
		{"signature left out", unsigned},
		{"of another merchant", ofAnother},
		{"fields added", padded},
		{Replayed, func(f *Forger, r *rand.Rand) Callback { return f.one(r) }},
	}
}

// Forge returns the i-th forgery and what it is called.
func (f *Forger) Forge(i int) (name string, c Callback) {
	r := rand.New(rand.NewPCG(f.seed, uint64(i)))
	all := tricks()
	t := all[r.IntN(len(all))]
	return t.name, t.forge(f, r)
}

// one returns a genuine callback, which may be changed.
func (f *Forger) one(r *rand.Rand) Callback {
	c := f.genuine[r.IntN(len(f.genuine))]
	c.Body = slices.Clone(c.Body)
	return c
}

// Content returns what a callback says, wherever it says it.
func (c Callback) Content() []byte {
	if len(c.Body) > 0 {
		return c.Body
	}
	return []byte(c.Query)
}

// say puts content back. Not everything can stand in an address.
func (c *Callback) say(content []byte) {
	if len(c.Body) > 0 || bytes.ContainsFunc(content, func(r rune) bool { return r <= ' ' || r > '~' || r == '#' }) {
		c.Method, c.Body, c.Query = http.MethodPost, content, ""
		return
	}
	c.Query = string(content)
}

func flipped(f *Forger, r *rand.Rand) Callback {
	c := f.one(r)
	text := slices.Clone(c.Content())
	for range 1 + r.IntN(3) {
		text[r.IntN(len(text))] ^= 1 << r.IntN(8)
	}
	c.say(text)
	return c
}

// changed puts other characters of the same kind in the place of some, so that what
// comes out still reads well.
func changed(f *Forger, r *rand.Rand) Callback {
	c := f.one(r)
	text := slices.Clone(c.Content())
	for range 1 + r.IntN(4) {
		i := r.IntN(len(text))
		switch b := text[i]; {
		case b >= '0' && b <= '9':
			text[i] = byte('0' + r.IntN(10))
		case b >= 'A' && b <= 'F':
			text[i] = byte('A' + r.IntN(6))
		case b >= 'a' && b <= 'z':
			text[i] = byte('a' + r.IntN(26))
		}
	}
	c.say(text)
	return c
}

func truncated(f *Forger, r *rand.Rand) Callback {
	c := f.one(r)
	text := c.Content()
	c.say(slices.Clone(text[:r.IntN(len(text))]))
	return c
}

func garbage(f *Forger, r *rand.Rand) Callback {
	c := f.one(r)
	text := make([]byte, 1+r.IntN(2000))
	for i := range text {
		text[i] = byte(r.UintN(256))
	}
	c.Method, c.Query, c.Body = http.MethodPost, "", text
	return c
}

// toAnother sends a genuine callback to an address that it is not for.
func toAnother(f *Forger, r *rand.Rand) Callback {
	c := f.one(r)
	others := slices.DeleteFunc(slices.Clone(f.keys), func(k Keys) bool { return k.Endpoint == c.Endpoint })
	k := others[r.IntN(len(others))]
	c.Provider, c.Endpoint = k.Provider, k.Endpoint
	return c
}

// padded puts fields around what is genuine.
func padded(f *Forger, r *rand.Rand) Callback {
	c := f.one(r)
	text := string(c.Content())
	extra := []string{"Status=OK", "Code=00000000", "amount=1", "Data=00", "Len=8", "a=PAYLOOM9", "b=" + hexOf(r, 64)}[r.IntN(7)]
	switch {
	case strings.HasPrefix(text, "{"):
		text = `{"general":{"payment_id":"` + hexOf(r, 8) + `"},` + text[1:]
	case r.IntN(2) == 0:
		text = extra + "&" + text
	default:
		text += "&" + extra
	}
	c.say([]byte(text))
	return c
}

func hexOf(r *rand.Rand, n int) string {
	const digits = "0123456789ABCDEF"
	b := make([]byte, n)
	for i := range b {
		b[i] = digits[r.IntN(len(digits))]
	}
	return string(b)
}

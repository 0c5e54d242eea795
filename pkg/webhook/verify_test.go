package webhook

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The example of the Standard Webhooks libraries.
const (
	vectorSecret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	vectorID        = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	vectorTime      = 1614265330
	vectorBody      = `{"test": 2432232314}`
	vectorSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
)

// mustKey returns the secret made of one letter and its key.
func mustKey(t *testing.T, letter string) (string, Key) {
	t.Helper()
	secret := "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(letter, 32)))
	k, err := ParseKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	return secret, k
}

func TestSign_KnownVector(t *testing.T) {
	t.Parallel()
	k, err := ParseKey(vectorSecret)
	if err != nil {
		t.Fatal(err)
	}
	h := Sign([]Key{k}, vectorID, time.Unix(vectorTime, 0), []byte(vectorBody))
	if got := h.Get("webhook-signature"); got != vectorSignature {
		t.Errorf("signature %s, want %s", got, vectorSignature)
	}
	if h.Get("Webhook-Id") != vectorID || h.Get("webhook-timestamp") != "1614265330" {
		t.Errorf("headers are %v", h)
	}
	if err := verify(vectorSecret, h, []byte(vectorBody), 0, time.Unix(vectorTime, 0)); err != nil {
		t.Error(err)
	}
}

func TestVerify_DuringARotation(t *testing.T) {
	t.Parallel()
	newSecret, newKey := mustKey(t, "n")
	oldSecret, oldKey := mustKey(t, "o")
	other, _ := mustKey(t, "x")
	body := []byte(`{"a":1}`)
	h := Sign([]Key{newKey, oldKey}, "msg_1", time.Now(), body)
	if n := len(strings.Fields(h.Get(HeaderSignature))); n != 2 {
		t.Fatalf("%d signatures, want 2", n)
	}
	for _, secret := range []string{newSecret, oldSecret} {
		if err := Verify(secret, h, body, Tolerance); err != nil {
			t.Errorf("one of the two live secrets is refused: %v", err)
		}
	}
	if err := Verify(other, h, body, Tolerance); !errors.Is(err, ErrSignature) {
		t.Errorf("another secret: %v", err)
	}
}

func TestVerify_Refuses(t *testing.T) {
	t.Parallel()
	secret, key := mustKey(t, "a")
	now := time.Unix(1_800_000_000, 0)
	tests := map[string]struct {
		change func(h http.Header)
		secret string
		body   string
		want   error
	}{
		"nothing was changed":                {want: nil},
		"another byte in the body":           {body: `{"a":2}`, want: ErrSignature},
		"another id":                         {change: func(h http.Header) { h.Set(HeaderID, "msg_2") }, want: ErrSignature},
		"another time":                       {change: func(h http.Header) { h.Set(HeaderTimestamp, "1800000001") }, want: ErrSignature},
		"no id":                              {change: func(h http.Header) { h.Del(HeaderID) }, want: ErrHeader},
		"no time":                            {change: func(h http.Header) { h.Del(HeaderTimestamp) }, want: ErrHeader},
		"a time that is no number":           {change: func(h http.Header) { h.Set(HeaderTimestamp, "now") }, want: ErrHeader},
		"no signature":                       {change: func(h http.Header) { h.Del(HeaderSignature) }, want: ErrSignature},
		"a signature without its version":    {change: func(h http.Header) { h.Set(HeaderSignature, h.Get(HeaderSignature)[3:]) }, want: ErrSignature},
		"a version that is not known":        {change: func(h http.Header) { h.Set(HeaderSignature, "v2"+h.Get(HeaderSignature)[2:]) }, want: ErrSignature},
		"an empty signature":                 {change: func(h http.Header) { h.Set(HeaderSignature, "v1,") }, want: ErrSignature},
		"the right one among others":         {change: func(h http.Header) { h.Set(HeaderSignature, "v1a,x v1,AAAA "+h.Get(HeaderSignature)) }},
		"just old enough":                    {change: resigned(t, key, now.Add(-5*time.Minute))},
		"too old":                            {change: resigned(t, key, now.Add(-5*time.Minute-time.Second)), want: ErrTimestamp},
		"from the future":                    {change: resigned(t, key, now.Add(5*time.Minute+time.Second)), want: ErrTimestamp},
		"a time that no duration reaches":    {change: func(h http.Header) { h.Set(HeaderTimestamp, strconv.FormatInt(math.MaxInt64, 10)) }, want: ErrTimestamp},
		"a time before all durations":        {change: func(h http.Header) { h.Set(HeaderTimestamp, strconv.FormatInt(math.MinInt64, 10)) }, want: ErrTimestamp},
		"a secret without its prefix":        {secret: secret[6:], want: ErrSecret},
		"a secret that is too short":         {secret: "whsec_AAAA", want: ErrSecret},
		"a secret that is no base64":         {secret: "whsec_" + strings.Repeat("*", 40), want: ErrSecret},
		"a secret that is too long":          {secret: "whsec_" + strings.Repeat("A", 88), want: ErrSecret},
		"no secret":                          {secret: " ", want: ErrSecret},
		"a secret without the padding of it": {secret: strings.TrimRight(secret, "=")},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := Sign([]Key{key}, "msg_1", now, []byte(`{"a":1}`))
			if tt.change != nil {
				tt.change(h)
			}
			body, s := `{"a":1}`, secret
			if tt.body != "" {
				body = tt.body
			}
			if tt.secret != "" {
				s = tt.secret
			}
			err := verify(s, h, []byte(body), 0, now)
			if !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), secret[6:]) {
				t.Error("the error shows the secret")
			}
		})
	}
}

// resigned replaces all headers by those of another moment.
func resigned(t *testing.T, k Key, at time.Time) func(http.Header) {
	t.Helper()
	return func(h http.Header) {
		for name, v := range Sign([]Key{k}, "msg_1", at, []byte(`{"a":1}`)) {
			h[name] = v
		}
	}
}

func TestKey_IsHidden(t *testing.T) {
	t.Parallel()
	_, k := mustKey(t, "s")
	if shown := fmt.Sprintf("%v %+v %#v %s %d %x", k, k, k, k, k, k); strings.Contains(shown, "115") || strings.Contains(shown, "ss") {
		t.Errorf("shows %s", shown)
	}
}

func FuzzVerify(f *testing.F) {
	f.Add(vectorSecret, vectorID, "1614265330", vectorSignature, vectorBody)
	f.Fuzz(func(t *testing.T, secret, id, at, signature, body string) {
		h := http.Header{}
		h.Set(HeaderID, id)
		h.Set(HeaderTimestamp, at)
		h.Set(HeaderSignature, signature)
		err := verify(secret, h, []byte(body), 0, time.Unix(vectorTime, 0))
		known := secret == vectorSecret && id == vectorID && at == "1614265330" && body == vectorBody
		if err == nil && !known && !strings.Contains(signature, "v1,") {
			t.Error("taken without a signature")
		}
	})
}

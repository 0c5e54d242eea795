package callback_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/payloom/payloom/pkg/callback"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/wire"
)

// What a provider sends of a card in full is not stored, in whatever form it comes.
// Masked numbers are what providers are expected to send, and ids may look like
// anything.
func TestReceive_KeepsNoCardNumber(t *testing.T) {
	t.Parallel()
	const pan = "4111111111111111"
	for name, c := range map[string]struct {
		body, query string
		kept        bool
	}{
		"JSON, by its name":        {body: `{"payment":{"card_number":"` + pan + `"}}`},
		"JSON, in an object":       {body: `{"card":{"number":"4111 1111 1111 1111"}}`},
		"JSON, as a number":        {body: `{"pan":` + pan + `}`},
		"a form":                   {body: "status=ok&CCNr=" + pan},
		"the query":                {body: "{}", query: "pan=" + pan},
		"a masked number":          {body: `{"account":{"number":"411111******1111"},"card":{"number":"411111******1111"}}`, kept: true},
		"an id that looks like it": {body: `{"operation":{"id":` + pan + `,"request_id":"` + pan + `"}}`, kept: true},
		"a wallet's phone number":  {body: `{"account":{"number":"4000000000006"}}`, kept: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(o *callback.Options) { o.Parsers = failing(provider.ErrUnreadable) })
			path := callbackPath
			if c.query != "" {
				path += "?" + c.query
			}
			if got := w.do("POST", path, c.body); got.status != 200 {
				t.Fatalf("status %d", got.status)
			}
			got := w.one()
			if got.Verdict != wire.Quarantined || (len(got.Body) > 0) != c.kept {
				t.Errorf("%s, %d bytes of body are kept", got.Verdict, len(got.Body))
			}
			if whole, err := wire.MarshalCallback(got); err != nil || (!c.kept && bytes.Contains(whole, []byte(pan))) {
				t.Errorf("the number is stored, %v", err)
			}
		})
	}
}

// A callback whose key is gone is no forgery: it means nothing any more.
func TestInterpret_WithoutTheKeyOfItsDay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustNotify(sealed(t, macKey, notify("order-1")))
	c := w.one()
	c.Closed, c.Header, c.Body, c.Query = true, nil, nil, ""
	if _, n, err := w.interpreter().Interpret(t.Context(), c); n != 0 || !errors.Is(err, provider.ErrUnreadable) || errors.Is(err, provider.ErrForged) {
		t.Errorf("%d events, %v", n, err)
	}
}

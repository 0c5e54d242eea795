package gestpay

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func FuzzParse(f *testing.F) {
	v := mustVectors(f)
	for _, r := range v.Responses {
		f.Add(string(r.Operation), r.Status, mustRead(f, r.File))
	}
	for _, r := range v.Rejects {
		f.Add(string(OpSettle), r.Status, mustRead(f, r.File))
	}
	f.Fuzz(func(t *testing.T, op string, status int, body []byte) {
		r, err := Parse(Operation(op), status, body)
		if err != nil {
			if !errors.Is(err, ErrProtocol) && !errors.Is(err, ErrTransport) {
				t.Fatalf("error %v", err)
			}
			return
		}
		if status != 200 && status != 0 {
			t.Fatalf("status %d gave an answer", status)
		}
		if outcome := r.Outcome(); outcome == "" || outcome == ProtocolError || outcome == TransportFault {
			t.Fatalf("outcome %q without an error", outcome)
		}
		if _, err := r.Ledger(); r.Operation == OpRead && err != nil {
			t.Fatalf("an answer that was verified has no ledger: %v", err)
		}
	})
}

func FuzzReadEnvelope(f *testing.F) {
	for _, r := range mustVectors(f).Requests {
		f.Add(mustRead(f, r.File))
	}
	f.Add([]byte(`<Envelope><Body><a xmlns="urn:x"><b xmlns="" nil="1">&lt;</b></a></Body></Envelope>`))
	f.Fuzz(func(t *testing.T, body []byte) {
		version, n, err := ReadEnvelope(body)
		if err != nil {
			if !errors.Is(err, ErrXML) {
				t.Fatalf("error %v", err)
			}
			return
		}
		// What was read can be written, and reads the same.
		_, again, err := ReadEnvelope(version.Envelope(n))
		if err != nil {
			return // names with characters that only some readers take
		}
		if diff := cmp.Diff(plain(n), plain(again)); diff != "" {
			t.Fatal(diff)
		}
	})
}

// plain drops what is not written again: xsi:nil, and the place of text among
// children.
func plain(n Node) Node {
	n.Nil = false
	var children []Node
	for _, c := range n.Children {
		children = append(children, plain(c))
	}
	n.Children = children
	return n
}

func FuzzParseNotification(f *testing.F) {
	for _, n := range mustVectors(f).Notifications {
		f.Add(n.Query + n.Body)
	}
	f.Fuzz(func(t *testing.T, query string) {
		n, err := ParseNotification(query)
		if err != nil {
			if !errors.Is(err, ErrNotification) || n != (Notification{}) {
				t.Fatalf("%v, %v", n, err)
			}
			return
		}
		if again, err := ParseNotification(n.Query()); err != nil || again != n {
			t.Fatalf("%q: became %v, %v", query, again, err)
		}
	})
}

func FuzzParseAmount(f *testing.F) {
	for _, text := range append(mustVectors(f).Amounts.RejectParse, "49.90", "50", " 0.1 ", "999999.99") {
		f.Add(text, "EUR")
		f.Add(text, "JPY")
	}
	f.Fuzz(func(t *testing.T, text, iso string) {
		minor, err := ParseAmount(text, iso)
		if err != nil || minor == 0 {
			return
		}
		written, err := FormatAmount(minor, iso)
		if err != nil {
			return // what the service writes without a point may be longer with one
		}
		if again, err := ParseAmount(written, iso); err != nil || again != minor {
			t.Fatalf("%q is %d, written %q, is %d, %v", text, minor, written, again, err)
		}
	})
}

func FuzzCustomInfo(f *testing.F) {
	f.Add("CART=88213*P1*NOTE=gift%20wrap%3F*P1*EMPTY=")
	f.Add("=*P1**P1*=")
	f.Fuzz(func(t *testing.T, text string) {
		pairs := ParseCustomInfo(text)
		for key := range DecodeCustomInfo(pairs) {
			if _, found := pairs[key]; !found || key == "" {
				t.Fatalf("key %q", key)
			}
		}
		written, err := FormatCustomInfo(DecodeCustomInfo(pairs))
		if err != nil {
			return
		}
		if diff := cmp.Diff(DecodeCustomInfo(pairs), DecodeCustomInfo(ParseCustomInfo(written))); diff != "" {
			t.Fatal(diff)
		}
	})
}

func FuzzEventDate(f *testing.F) {
	f.Add("20/01/26 10:05:10")
	f.Add("29/03/26 02:30:00")
	f.Fuzz(func(t *testing.T, date string) {
		at, err := Event{Date: date}.At()
		if err != nil && !errors.Is(err, ErrDate) {
			t.Fatal(err)
		}
		if err == nil && at.Location().String() != EventZone {
			t.Fatalf("%q: %v", date, at)
		}
	})
}

func FuzzLines(f *testing.F) {
	f.Add([]byte(`{"op":"parse","operation":"callSettleS2S","http_status":200,"body":"<GestPayS2S><TransactionResult>OK</TransactionResult></GestPayS2S>"}` + "\n"))
	f.Add([]byte(`{"op":"build","operation":"Encrypt","params":{"paymentTypes":[{"x":[1]}]}}` + "\n{}\n\nx"))
	f.Fuzz(func(t *testing.T, in []byte) {
		var out bytes.Buffer
		if err := Lines(bytes.NewReader(in), &out); err != nil {
			t.Fatal(err)
		}
		want := bytes.Count(in, []byte("\n"))
		if len(in) > 0 && in[len(in)-1] != '\n' {
			want++
		}
		if got := bytes.Count(out.Bytes(), []byte("\n")); got != want {
			t.Fatalf("%d lines out for %d in", got, want)
		}
		for line := range bytes.Lines(out.Bytes()) {
			if !json.Valid(line) {
				t.Fatalf("not JSON: %q", line)
			}
		}
	})
}

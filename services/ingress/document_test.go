package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/wire"
)

// FuzzParse reads anything with every body of the API: nothing panics, what is
// read is JSON to everybody else as well, and what has no fault can be stored.
func FuzzParse(f *testing.F) {
	for _, a := range refusals() {
		if len(a.body) < 4<<10 {
			f.Add(a.body)
		}
	}
	f.Add(button)
	f.Fuzz(func(t *testing.T, body string) {
		v, err := parse([]byte(body))
		if err != nil {
			if len(body) > 20 && strings.Contains(err.Error(), body) {
				t.Errorf("the error repeats the body: %v", err)
			}
			return
		}
		if !json.Valid([]byte(body)) {
			t.Fatalf("read what is no JSON: %q", body)
		}
		for _, rt := range routes() {
			checkRead(t, rt, v)
		}
	})
}

func checkRead(t *testing.T, rt route, v value) {
	t.Helper()
	var f faults
	q := &request{body: newObject("", v, &f), command: payment.Command{
		ID: payment.DeriveCommandID("m", "r"), Merchant: "m", ReqID: "r", Kind: rt.kind, Payment: "p", Provider: payment.Computop,
	}}
	refuseCards("", v, &f)
	rt.read(q)
	q.body.finish()
	checkRules(q.command, &f)
	if len(f.list) > 0 {
		return
	}
	data, err := wire.MarshalCommand(q.command)
	if err != nil {
		t.Fatalf("%s without faults cannot be stored: %v", rt.kind, err)
	}
	back, err := wire.UnmarshalCommand(data)
	if err != nil || wire.Fingerprint(back) != wire.Fingerprint(q.command) {
		t.Fatalf("%s is another command once it was stored: %v", rt.kind, err)
	}
}

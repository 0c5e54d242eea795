package service

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"pgregory.net/rapid"
)

func TestMasked(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ in, want string }{
		"a card number of 16 digits":             {"pan 4111111111111111.", "pan ****************."},
		"13 digits":                              {"4222222222222", "*************"},
		"19 digits":                              {"6304000000000000000", "*******************"},
		"groups parted by blanks":                {"no 4111 1111 1111 1111 ok", "no **** **** **** **** ok"},
		"groups parted by hyphens":               {"3782-822463-10005", "****-******-*****"},
		"two cards beside each other":            {"4111111111111111,5500000000000004", "****************,****************"},
		"a card after a short number":            {"12 4111111111111111", "12 ****************"},
		"a wrong check digit stays":              {"4111111111111112", "4111111111111112"},
		"12 digits stay":                         {"411111111111", "411111111111"},
		"20 digits stay":                         {"41111111111111111111", "41111111111111111111"},
		"zeros are no card":                      {"0000000000000000", "0000000000000000"},
		"a time stays":                           {"2026-01-02T03:04:05.123456789Z", "2026-01-02T03:04:05.123456789Z"},
		"an amount and an id without digits too": {"p_abc 1200 EUR", "p_abc 1200 EUR"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			mustPrint(t, masked(&out), tt.in)
			if out.String() != tt.want {
				t.Errorf("%q became %q, want %q", tt.in, out.String(), tt.want)
			}
		})
	}
}

func TestMaskedJSON_TouchesOnlyStrings(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ in, want string }{
		"numbers stay numbers":            {`{"n":4111111111111111,"s":"4111111111111111"}`, `{"n":4111111111111111,"s":"****************"}`},
		"an escaped quote ends no string": {`{"s":"a\"4111111111111111"}`, `{"s":"a\"****************"}`},
		"digits of an escape are none":    {`{"s":"\u000a4111111111111111"}`, `{"s":"\u000a****************"}`},
		"an escaped backslash":            {`{"s":"\\","n":4111111111111111}`, `{"s":"\\","n":4111111111111111}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			mustPrint(t, maskedJSON(&out), tt.in)
			if out.String() != tt.want {
				t.Errorf("%s became %s, want %s", tt.in, out.String(), tt.want)
			}
		})
	}
}

func mustPrint(t *testing.T, w interface{ Write([]byte) (int, error) }, text string) {
	t.Helper()
	b := []byte(text)
	if n, err := w.Write(b); err != nil || n != len(b) || string(b) != text {
		t.Fatalf("wrote %d of %d, error %v, input now %q", n, len(b), err, b)
	}
}

func TestLogger_MasksEverywhere(t *testing.T) {
	t.Parallel()
	const card = "4111111111111111"
	var out bytes.Buffer
	log := newLogger(&out, "svc", Config{LogLevel: zapcore.InfoLevel, Instance: "one"})
	log.With(zap.String("with", card)).Info("card "+card,
		zap.Error(fmt.Errorf("declined: %w", errors.New(card))),
		zap.Strings("list", []string{card}),
		zap.Any("reflected", struct{ N string }{card}),
		zap.ByteString("bytes", []byte(card)),
		zap.Stringer("stringer", bytes.NewBufferString(card)))
	log.Debug("below the level")
	if strings.Contains(out.String(), card) {
		t.Errorf("the card number is in %s", out.String())
	}
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatalf("not one JSON line: %v: %s", err, out.String())
	}
	if line["service"] != "svc" || line["instance"] != "one" || line["level"] != "info" || line["msg"] != "card ****************" {
		t.Errorf("line is %v", line)
	}
}

func TestMaskedJSON_StaysJSON(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := map[string]any{rapid.String().Draw(t, "key"): rapid.String().Draw(t, "value"), "n": rapid.Int64().Draw(t, "n")}
		line, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if _, err := maskedJSON(&out).Write(line); err != nil {
			t.Fatal(err)
		}
		if out.Len() != len(line) || !json.Valid(out.Bytes()) {
			t.Fatalf("%s became %s", line, out.String())
		}
	})
}

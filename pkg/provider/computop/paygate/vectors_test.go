package paygate

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// vectors is testdata/computop.json: messages made by two independent
// implementations. Keys, ids and amounts in it are invented.
type vectors struct {
	Blowfish []blowfishVector `json:"blowfish_vectors"`
	AES      []aesVector      `json:"aes_vectors"`
	Accept   []wireCase       `json:"accept_cases"`
	Reject   []wireCase       `json:"reject_cases"`
}

type blowfishVector struct {
	ID        string      `json:"id"`
	Key       string      `json:"blowfish_key"`
	Params    [][2]string `json:"params"`
	Plaintext string      `json:"plaintext"`
	PlainHex  string      `json:"plaintext_hex"`
	Len       int         `json:"len"`
	PadByte   *string     `json:"pad_byte"`
	PadCount  int         `json:"pad_count"`
	DataHex   string      `json:"data_hex"`
	HexCase   string      `json:"hex_case"`
	MACKey    *string     `json:"mac_key"`
	MACString *string     `json:"mac_string"`
	MACHex    *string     `json:"mac_hex"`
	MACInside bool        `json:"mac_in_plaintext"`
	WireBody  string      `json:"wire_body"`
}

type aesVector struct {
	ID        string `json:"id"`
	Key       string `json:"aes_key"`
	IV        string `json:"iv_hex"`
	Plaintext string `json:"plaintext"`
	Len       int    `json:"len"`
	Data      string `json:"data"`
	WireBody  string `json:"wire_body"`
}

type wireCase struct {
	ID         string `json:"id"`
	WireBody   string `json:"wire_body"`
	Key        string `json:"blowfish_key"`
	MACKey     string `json:"mac_key"`
	MerchantID string `json:"merchant_id"`
	Plaintext  string `json:"plaintext"`
}

func mustVectors(t testing.TB) vectors {
	t.Helper()
	raw, err := os.ReadFile("testdata/computop.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Blowfish) != 18 || len(v.AES) != 3 || len(v.Accept) != 2 || len(v.Reject) != 7 {
		t.Fatalf("vectors: %d blowfish, %d aes, %d accept, %d reject",
			len(v.Blowfish), len(v.AES), len(v.Accept), len(v.Reject))
	}
	return v
}

func (v blowfishVector) message() Message {
	var m Message
	for _, p := range v.Params {
		m.Add(p[0], p[1])
	}
	return m
}

func (v blowfishVector) style() Style {
	s := Style{Upper: v.HexCase == "upper"}
	if v.PadByte != nil && *v.PadByte == "20" {
		s.Pad = ' '
	}
	return s
}

func TestBlowfishVectors_Seal(t *testing.T) {
	t.Parallel()
	for _, v := range mustVectors(t).Blowfish {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			codec, err := NewCodec(v.Key)
			if err != nil {
				t.Fatal(err)
			}
			env, err := codec.Seal(Blowfish, "orc_demo_mid", v.message(), v.style())
			if err != nil {
				t.Fatal(err)
			}
			if env.Data != v.DataHex || env.Len != v.Len {
				t.Errorf("sealed Len=%d Data=%s\nwant   Len=%d Data=%s", env.Len, env.Data, v.Len, v.DataHex)
			}
			text, err := v.message().Encode()
			if err != nil || hex.EncodeToString(text) != v.PlainHex {
				t.Errorf("plaintext bytes %x, %v; want %s", text, err, v.PlainHex)
			}
		})
	}
}

func TestBlowfishVectors_Open(t *testing.T) {
	t.Parallel()
	for _, v := range mustVectors(t).Blowfish {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			for _, data := range []string{v.DataHex, strings.ToUpper(v.DataHex), strings.ToLower(v.DataHex)} {
				got, err := Open(v.Key, Envelope{Len: v.Len, Data: data})
				if err != nil || got != v.Plaintext {
					t.Errorf("opened %q, %v\nwant %q", got, err, v.Plaintext)
				}
			}
			got, err := Open(v.Key, Envelope{Len: LenMissing, Data: v.DataHex})
			if err != nil || got != v.Plaintext {
				t.Errorf("without Len: opened %q, %v\nwant %q", got, err, v.Plaintext)
			}
			if m := ParseMessage(v.Plaintext); m.String() != v.Plaintext || len(m) != len(v.Params) {
				t.Errorf("parsed %q\nwant %q", m, v.Plaintext)
			}
		})
	}
}

func TestBlowfishVectors_WireBody(t *testing.T) {
	t.Parallel()
	for _, v := range mustVectors(t).Blowfish {
		if v.WireBody == "" {
			continue
		}
		env, extras, err := ParseEnvelope([]byte(v.WireBody))
		if err != nil || env.Data != v.DataHex || env.Len != v.Len || len(extras) != 0 {
			t.Errorf("%s: parsed %+v with %v, %v", v.ID, env, extras, err)
		}
		again, _, err := ParseEnvelope([]byte(env.Form().Encode()))
		if err != nil || again != env {
			t.Errorf("%s: form and back: %+v, %v", v.ID, again, err)
		}
	}
}

func TestBlowfishVectors_MAC(t *testing.T) {
	t.Parallel()
	seen := 0
	for _, v := range mustVectors(t).Blowfish {
		if v.MACKey == nil {
			continue
		}
		seen++
		got := MAC(*v.MACKey, strings.Split(*v.MACString, "*")...)
		if got != strings.ToLower(*v.MACHex) || !EqualMAC(got, *v.MACHex) {
			t.Errorf("%s: MAC %s, want %s", v.ID, got, *v.MACHex)
		}
		if m := v.message(); v.MACInside && !EqualMAC(m.Get("mac"), got) {
			t.Errorf("%s: MAC in the message is %s, want %s", v.ID, m.Get("mac"), got)
		}
	}
	if seen < 8 {
		t.Errorf("only %d vectors had a MAC", seen)
	}
}

func TestAESVectors(t *testing.T) {
	t.Parallel()
	for _, v := range mustVectors(t).AES {
		iv, err := hex.DecodeString(v.IV)
		if err != nil {
			t.Fatal(err)
		}
		env, err := EncryptStyle(AES, v.Key, v.Plaintext, Style{IV: iv})
		if err != nil || env.Data != v.Data || env.Len != v.Len {
			t.Errorf("%s: encrypted %+v, %v; want %s", v.ID, env, err, v.Data)
		}
		parsed, _, err := ParseEnvelope([]byte(v.WireBody))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Open(v.Key, parsed); err != nil || got != v.Plaintext {
			t.Errorf("%s: opened %q, %v", v.ID, got, err)
		}
	}
}

func TestAcceptCases(t *testing.T) {
	t.Parallel()
	for _, c := range mustVectors(t).Accept {
		m := mustOpenBody(t, c)
		if m.String() != strings.TrimSuffix(c.Plaintext, "&AnotherNew=") {
			t.Errorf("%s: opened %q\nwant %q", c.ID, m, c.Plaintext)
		}
		if !authentic(c, m) || !Code(m.Get("code")).OK() {
			t.Errorf("%s: not accepted", c.ID)
		}
	}
	unknown := mustOpenBody(t, mustVectors(t).Accept[1])
	if got := unknown.Get("NEWPARAM"); got != "some=thing+%2B%" {
		t.Errorf("unknown parameter = %q", got)
	}
	if _, found := unknown.Lookup("anothernew"); !found {
		t.Error("unknown parameter without a value was dropped")
	}
}

func TestRejectCases(t *testing.T) {
	t.Parallel()
	type verdict string
	const (
		undecipherable verdict = "undecipherable"
		forged         verdict = "forged"
		noSuccess      verdict = "authentic, no success"
	)
	want := map[string]verdict{
		"ctp-neg-01-tampered-status":       forged,
		"ctp-neg-02-failure-data-replayed": noSuccess,
		"ctp-neg-03-len-too-large":         undecipherable,
		"ctp-neg-04-not-block-aligned":     undecipherable,
		"ctp-neg-05-not-hex":               undecipherable,
		"ctp-neg-06-foreign-mid":           forged,
		"ctp-neg-07-notify-without-mac":    forged,
	}
	for _, c := range mustVectors(t).Reject {
		got := noSuccess
		m, err := openBody(c)
		switch {
		case err != nil:
			got = undecipherable
		case !authentic(c, m):
			got = forged
		case Code(m.Get("code")).OK():
			got = "accepted"
		}
		if got != want[c.ID] {
			t.Errorf("%s: %s, want %s", c.ID, got, want[c.ID])
		}
	}
}

// authentic is what a receiver does with a notify.
func authentic(c wireCase, m Message) bool {
	if mid := m.Get("mid"); mid != "" && mid != c.MerchantID {
		return false
	}
	mac := NotifyMAC(c.MACKey, m.Get("payid"), m.Get("transid"), c.MerchantID, m.Get("status"), m.Get("code"))
	return EqualMAC(m.Get("mac"), mac)
}

func openBody(c wireCase) (Message, error) {
	env, _, err := ParseEnvelope([]byte(c.WireBody))
	if err != nil {
		return nil, err
	}
	text, err := Open(c.Key, env)
	return ParseMessage(text), err
}

func mustOpenBody(t *testing.T, c wireCase) Message {
	t.Helper()
	m, err := openBody(c)
	if err != nil {
		t.Fatalf("%s: %v", c.ID, err)
	}
	return m
}

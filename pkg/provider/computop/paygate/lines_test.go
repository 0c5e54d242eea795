package paygate

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// mustRun feeds lines and returns what came back, decoded.
func mustRun(t *testing.T, in string) []map[string]any {
	t.Helper()
	var out bytes.Buffer
	if err := Lines(strings.NewReader(in), &out); err != nil {
		t.Fatal(err)
	}
	var replies []map[string]any
	for line := range strings.Lines(out.String()) {
		var reply map[string]any
		if err := json.Unmarshal([]byte(line), &reply); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		replies = append(replies, reply)
	}
	return replies
}

func mustLine(t *testing.T, fields map[string]any) string {
	t.Helper()
	raw, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw) + "\n"
}

func TestLines_BlowfishVectors(t *testing.T) {
	t.Parallel()
	for _, v := range mustVectors(t).Blowfish {
		in := mustLine(t, map[string]any{"op": "encrypt", "cipher": "blowfish", "key": v.Key, "plaintext": v.Plaintext}) +
			mustLine(t, map[string]any{"op": "decrypt", "key": v.Key, "len": v.Len, "data": v.DataHex}) +
			mustLine(t, map[string]any{"op": "decrypt", "key": v.Key, "data": v.DataHex})
		if v.MACKey != nil {
			in += mustLine(t, map[string]any{"op": "mac", "key": *v.MACKey, "fields": strings.Split(*v.MACString, "*")})
		}
		out := mustRun(t, in)
		if out[0]["len"] != float64(v.Len) {
			t.Errorf("%s: %v", v.ID, out[0])
		}
		// A merchant pads with NUL: equal to the vector unless that is an answer.
		if v.style().Pad == 0 && out[0]["data"] != strings.ToLower(v.DataHex) {
			t.Errorf("%s: data %v", v.ID, out[0]["data"])
		}
		fields := map[string]any{}
		for _, p := range v.Params {
			fields[strings.ToLower(p[0])] = p[1]
		}
		want := map[string]any{"plaintext": v.Plaintext, "fields": fields}
		if diff := cmp.Diff([]map[string]any{want, want}, out[1:3]); diff != "" {
			t.Errorf("%s: %s", v.ID, diff)
		}
		if v.MACKey != nil && out[3]["mac"] != strings.ToLower(*v.MACHex) {
			t.Errorf("%s: mac %v", v.ID, out[3])
		}
	}
}

func TestLines_AESVectors(t *testing.T) {
	t.Parallel()
	for _, v := range mustVectors(t).AES {
		out := mustRun(t, mustLine(t, map[string]any{"op": "decrypt", "key": v.Key, "len": v.Len, "data": v.Data})+
			mustLine(t, map[string]any{"op": "encrypt", "cipher": "aes", "key": v.Key, "plaintext": v.Plaintext}))
		if out[0]["plaintext"] != v.Plaintext || out[1]["len"] != float64(v.Len) {
			t.Errorf("%s: %v", v.ID, out)
		}
		data, _ := out[1]["data"].(string)
		if got, err := Open(v.Key, Envelope{Data: data}); err != nil || got != v.Plaintext {
			t.Errorf("%s: %q does not open: %v", v.ID, data, err)
		}
	}
}

func TestLines_RejectCases(t *testing.T) {
	t.Parallel()
	refused := 0
	for _, c := range mustVectors(t).Reject {
		env, _, err := ParseEnvelope([]byte(c.WireBody))
		if err != nil {
			t.Fatal(err)
		}
		out := mustRun(t, mustLine(t, map[string]any{"op": "decrypt", "key": c.Key, "len": env.Len, "data": env.Data}))
		if out[0]["error"] == "undecipherable" {
			refused++
		} else if c.Plaintext != "" && out[0]["plaintext"] != c.Plaintext {
			t.Errorf("%s: %v", c.ID, out)
		}
	}
	if refused != 3 {
		t.Errorf("%d undecipherable, want 3", refused)
	}
}

func TestLines_Errors(t *testing.T) {
	t.Parallel()
	const secret = "hush-hush-secret"
	cases := map[string]struct{ in, want string }{
		"no JSON":             {"hello " + secret, "line is not a JSON object"},
		"an empty line":       {"", "line is not a JSON object"},
		"an array":            {`["` + secret + `"]`, "line is not a JSON object"},
		"two objects":         {`{"op":"mac"}{}`, "line is not a JSON object"},
		"no op":               {`{"key":"` + secret + `"}`, "op must be encrypt, decrypt or mac"},
		"a key of digits":     {`{"op":"mac","key":5}`, "key has the wrong type"},
		"no key":              {`{"op":"mac","fields":[]}`, "key is missing"},
		"no fields":           {`{"op":"mac","key":"` + secret + `"}`, "fields is missing"},
		"no data":             {`{"op":"decrypt","key":"` + secret + `"}`, "data is missing"},
		"no plaintext":        {`{"op":"encrypt","cipher":"aes","key":"` + secret + `"}`, "plaintext is missing"},
		"no cipher":           {`{"op":"encrypt","key":"` + secret + `","plaintext":"a=1"}`, "cipher must be blowfish or aes"},
		"a key that misfits":  {`{"op":"encrypt","cipher":"aes","key":"` + secret + `1","plaintext":"a=1"}`, "key does not fit the cipher"},
		"a euro sign":         {`{"op":"encrypt","cipher":"aes","key":"` + secret + `","plaintext":"a=€"}`, "plaintext has a character outside ISO-8859-1"},
		"a line feed":         {`{"op":"encrypt","cipher":"aes","key":"` + secret + `","plaintext":"a=\n"}`, "plaintext has a control character"},
		"a euro sign in MAC":  {`{"op":"mac","key":"` + secret + `","fields":["€"]}`, "fields has a character outside ISO-8859-1"},
		"a negative len":      {`{"op":"decrypt","key":"` + secret + `","len":-1,"data":""}`, "len is negative"},
		"text that is no hex": {`{"op":"decrypt","key":"` + secret + `","data":"` + secret + `"}`, "undecipherable"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			good := `{"op":"mac","key":"k","fields":["a"]}` + "\n"
			out := mustRun(t, good+c.in+"\n"+good)
			if len(out) != 3 || out[0]["mac"] == nil || out[2]["mac"] != out[0]["mac"] {
				t.Fatalf("replies %v", out)
			}
			if diff := cmp.Diff(map[string]any{"error": c.want}, out[1]); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLines_LongLine(t *testing.T) {
	t.Parallel()
	good := `{"op":"mac","key":"k","fields":["a"]}`
	out := mustRun(t, strings.Repeat("x", 3*MaxLine)+"\r\n"+good+"\r\n"+strings.Repeat("y", MaxLine+1))
	if len(out) != 3 || out[0]["error"] != "line is longer than 1048576 bytes" || out[1]["mac"] == nil || out[2]["error"] == nil {
		t.Errorf("replies %v", out)
	}
}

func TestLines_TextWithoutFields(t *testing.T) {
	t.Parallel()
	in := `{"op":"encrypt","cipher":"blowfish","key":"k","plaintext":"hi <there>"}` + "\n"
	data := mustRun(t, in)[0]["data"]
	out := mustRun(t, mustLine(t, map[string]any{"op": "decrypt", "key": "k", "data": data}))
	if diff := cmp.Diff(map[string]any{"plaintext": "hi <there>", "fields": map[string]any{}}, out[0]); diff != "" {
		t.Error(diff)
	}
}

// TestLines_AnswersAtOnce feeds one line at a time, as a program at the other
// end of two pipes does.
func TestLines_AnswersAtOnce(t *testing.T) {
	t.Parallel()
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- errors.Join(Lines(inR, outW), outW.Close()) }()
	dec := json.NewDecoder(outR)
	for range 3 {
		if _, err := io.WriteString(inW, `{"op":"mac","key":"k","fields":[]}`+"\n"); err != nil {
			t.Fatal(err)
		}
		var reply macReply
		if err := dec.Decode(&reply); err != nil || len(reply.MAC) != 64 {
			t.Fatalf("%+v, %v", reply, err)
		}
	}
	if err := errors.Join(inW.Close(), <-done); err != nil {
		t.Error(err)
	}
}

func TestLines_ReportsBrokenPipes(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	reader, writer := io.Pipe()
	writer.CloseWithError(broken)
	if err := Lines(reader, io.Discard); !errors.Is(err, broken) {
		t.Errorf("reading: %v", err)
	}
	outR, outW := io.Pipe()
	outR.CloseWithError(broken)
	if err := Lines(strings.NewReader("{}\n"), outW); !errors.Is(err, broken) {
		t.Errorf("writing: %v", err)
	}
}

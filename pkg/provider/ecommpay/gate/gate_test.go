package gate

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"testing"
)

func TestParse_Refuses(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		body string
		want error
	}{
		"nothing":                          {"", ErrMalformed},
		"a string":                         {`"a"`, ErrMalformed},
		"null":                             {`null`, ErrMalformed},
		"an array":                         {`[{"a":1}]`, ErrMalformed},
		"two objects":                      {`{"a":1}{"b":2}`, ErrMalformed},
		"text behind the object":           {`{"a":1} x`, ErrMalformed},
		"a comma too many":                 {`{"a":1,}`, ErrMalformed},
		"a byte order mark":                {"\ufeff{}", ErrMalformed},
		"a byte that is no UTF-8":          {"{\"a\":\"\xff\"}", ErrMalformed},
		"a control character in a string":  {"{\"a\":\"\x01\"}", ErrMalformed},
		"a member twice":                   {`{"a":1,"a":1}`, ErrDuplicate},
		"a member twice, escaped once":     {`{"a":1,"\u0061":2}`, ErrDuplicate},
		"a member twice, deep down":        {`{"x":[{"a":{"b":1,"b":2}}]}`, ErrDuplicate},
		"two signatures":                   {`{"signature":"a","signature":"b"}`, ErrDuplicate},
		"more than the largest body":       {`{"a":"` + strings.Repeat("x", MaxBody) + `"}`, ErrTooLarge},
		"nesting beyond the limit":         {strings.Repeat(`{"a":`, MaxDepth+1) + "1" + strings.Repeat("}", MaxDepth+1), ErrTooLarge},
		"nesting beyond reason, unclosed":  {strings.Repeat(`[`, 100_000), ErrMalformed},
		"a number that JSON does not have": {`{"a":0x10}`, ErrMalformed},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse([]byte(c.body))
			if !errors.Is(err, c.want) || !errors.Is(err, ErrMalformed) {
				t.Errorf("error %v, want %v", err, c.want)
			}
		})
	}
	deepest := strings.Repeat(`{"a":`, MaxDepth) + "1" + strings.Repeat("}", MaxDepth)
	if _, err := Parse([]byte(deepest)); err != nil {
		t.Errorf("nesting at the limit: %v", err)
	}
}

func TestValue(t *testing.T) {
	t.Parallel()
	m := mustParse(t, `{"s":"10","n":10,"big":18446744073709551615,"f":1.0,"e":1e2,"neg":-7,"z":"01","t":true,"nil":null,"o":{"p":{"q":"x"}},"l":["a",{"k":"v"}],"empty":""}`)
	texts := map[string]string{"s": "10", "n": "10", "big": "18446744073709551615", "f": "1.0", "e": "1e2", "empty": ""}
	for name, want := range texts {
		if got, ok := m.Get(name).Text(); !ok || got != want {
			t.Errorf("%s: %q %v", name, got, ok)
		}
	}
	for _, name := range []string{"t", "nil", "o", "l", "missing"} {
		if text, ok := m.Get(name).Text(); ok {
			t.Errorf("%s has the text %q", name, text)
		}
	}
	for name, want := range map[string]int64{"s": 10, "n": 10, "neg": -7} {
		if got, ok := m.Get(name).Int(); !ok || got != want {
			t.Errorf("%s: %d %v", name, got, ok)
		}
	}
	for _, name := range []string{"big", "f", "e", "z", "t", "nil", "empty", "missing"} {
		if n, ok := m.Get(name).Int(); ok {
			t.Errorf("%s is the number %d", name, n)
		}
	}
	if got, _ := m.Get("o", "p", "q").Text(); got != "x" {
		t.Errorf("o.p.q: %q", got)
	}
	if m.Get("o", "p", "q", "r").Kind() != Absent || m.Get("s", "x").Kind() != Absent {
		t.Error("a scalar has members")
	}
	items := m.Get("l").Items()
	if got, _ := items[1].Get("k").Text(); len(items) != 2 || got != "v" {
		t.Errorf("l: %d items, %q", len(items), got)
	}
}

// The parser keeps nothing of the caller's bytes.
func TestParse_Copies(t *testing.T) {
	t.Parallel()
	body := []byte(`{"general":{"a":1}}`)
	m, err := Parse(body)
	if err != nil {
		t.Fatal(err)
	}
	clear(body)
	got, err := m.Signed("s", InGeneral)
	if err != nil || !bytes.HasPrefix(got, []byte(`{"general":{"a":1,"signature":"`)) {
		t.Errorf("%s, %v", got, err)
	}
}

func TestNatural(t *testing.T) {
	t.Parallel()
	ascending := []string{
		"", "A", "a", "a01", "a1", "a2", "a10", "a10:b", "a010:c", "a11", "a99999999999999999999998", "a99999999999999999999999", "a:", "a:b", "b",
	}
	for i, x := range ascending {
		for j, y := range ascending {
			got := natural(x, y)
			if (got < 0) != (i < j) || (got > 0) != (i > j) {
				t.Errorf("natural(%q, %q) = %d", x, y, got)
			}
		}
	}
}

func TestSeal_Refuses(t *testing.T) {
	t.Parallel()
	long := `{"list":["` + strings.Repeat(`x","`, 10) + `x"]}`
	cases := map[string]struct {
		body  string
		place Place
		want  error
	}{
		"what is no object":                   {`[]`, AtTop, ErrMalformed},
		"a member twice":                      {`{"a":1,"a":2}`, AtTop, ErrDuplicate},
		"a semicolon in a value":              {`{"a":"x;y"}`, AtTop, ErrAmbiguous},
		"a semicolon in a name":               {`{"a;b":{"c":1}}`, AtTop, ErrAmbiguous},
		"a list of eleven":                    {long, AtTop, ErrUnportable},
		"siblings that differ by a digit":     {`{"address":"1","address2":"2"}`, AtTop, ErrUnportable},
		"no general to hold it":               {`{"a":1}`, InGeneral, ErrPlace},
		"a general that is no object":         {`{"general":"a"}`, InGeneral, ErrPlace},
		"a signature at the top":              {`{"general":{},"signature":"x"}`, InGeneral, ErrSigned},
		"a signature in general":              {`{"general":{"signature":"x"}}`, AtTop, ErrSigned},
		"a signature in general that is null": {`{"general":{"signature":null}}`, AtTop, ErrSigned},
	}
	for name, c := range cases {
		if got, err := Seal("s", []byte(c.body), c.place); !errors.Is(err, c.want) || got != nil {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
}

func TestSeal_KeepsTheText(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		body  string
		place Place
		want  string
	}{
		"an empty object":        {`{}`, AtTop, `{"signature":"SIG"}`},
		"an empty general":       {` { "general" : { } , "b" : 1 } `, InGeneral, ` { "general" : { "signature":"SIG"} , "b" : 1 } `},
		"white space and escape": {"{\n\t\"a\" : \"\\u0041\\/\"\n}\n", AtTop, "{\n\t\"a\" : \"\\u0041\\/\"\n,\"signature\":\"SIG\"}\n"},
	}
	for name, c := range cases {
		got, err := Seal("secret", []byte(c.body), c.place)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		sig := mustParse(t, c.body).Signature("secret")
		if want := strings.ReplaceAll(c.want, "SIG", sig); string(got) != want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
		}
	}
}

// The top level is looked at first, and what is no signature there does not hide
// one in general.
func TestVerify_Place(t *testing.T) {
	t.Parallel()
	const content = `"a":1`
	sig := mustParse(t, `{`+content+`}`).Signature("s")
	cases := map[string]struct {
		body  string
		place Place
		want  error
	}{
		"at the top":                           {`{` + content + `,"signature":"` + sig + `"}`, AtTop, nil},
		"in general":                           {`{` + content + `,"general":{"signature":"` + sig + `"}}`, InGeneral, nil},
		"right at the top, wrong in general":   {`{` + content + `,"signature":"` + sig + `","general":{"signature":"x"}}`, AtTop, nil},
		"wrong at the top, right in general":   {`{` + content + `,"signature":"x","general":{"signature":"` + sig + `"}}`, AtTop, ErrSignature},
		"empty at the top, right in general":   {`{` + content + `,"signature":"","general":{"signature":"` + sig + `"}}`, InGeneral, nil},
		"a number at the top, none in general": {`{` + content + `,"signature":5,"general":{}}`, AtTop, ErrUnsigned},
		"in another object":                    {`{` + content + `,"body":{"signature":"` + sig + `"}}`, AtTop, ErrUnsigned},
		"under another secret":                 {`{` + content + `,"signature":"` + mustParse(t, `{`+content+`}`).Signature("t") + `"}`, AtTop, ErrSignature},
	}
	for name, c := range cases {
		_, match, err := Open("s", []byte(c.body))
		if !errors.Is(err, c.want) || match.Place != c.place {
			t.Errorf("%s: %v, %v", name, match.Place, err)
		}
	}
}

// One bit anywhere makes a message another one, or none.
func TestVerify_EveryBit(t *testing.T) {
	t.Parallel()
	sealed, err := Seal("secret", []byte(`{"project_id":197,"payment":{"id":"P1","status":"success"}}`), AtTop)
	if err != nil {
		t.Fatal(err)
	}
	for i := range sealed {
		for bit := range 8 {
			body := bytes.Clone(sealed)
			body[i] ^= 1 << bit
			if _, _, err := Open("secret", body); err == nil {
				t.Errorf("byte %d, bit %d: %q accepted", i, bit, body)
			}
		}
	}
}

func TestLines(t *testing.T) {
	t.Parallel()
	list := `[\"0\"`
	for i := 1; i < 12; i++ {
		list += `,\"` + strconv.Itoa(i) + `\"`
	}
	list += "]"
	byPath := signature("s", join(mustParse(t, strings.ReplaceAll(`{"l":`+list+`}`, `\"`, `"`)).lines(), ByPath))
	cases := map[string][2]string{
		"canonical":                 {`{"op":"canonical","body":"{\"b\":{\"c\":2},\"a\":1}"}`, `{"canonical":"a:1;b:c:2"}`},
		"canonical of nothing":      {`{"op":"canonical","body":"{}"}`, `{"canonical":""}`},
		"HTML is left alone":        {`{"op":"canonical","body":"{\"a\":\"<&>\"}"}`, `{"canonical":"a:<&>"}`},
		"sign":                      {`{"op":"sign","secret":"6f7263686573747261","body":"{\"a\":\"1\"}"}`, `{"signature":"hoagY+I3IqDgA0NmV3NoiAYtljKSxn9GQgghX7V/JiIBTBd8CaGfDlYGuopUdlS/GdYnl3ZSmv0dUwAWm0ZXsQ=="}`},
		"verify":                    {`{"op":"verify","secret":"6f7263686573747261","body":"{\"a\":\"1\",\"signature\":\"hoagY+I3IqDgA0NmV3NoiAYtljKSxn9GQgghX7V/JiIBTBd8CaGfDlYGuopUdlS/GdYnl3ZSmv0dUwAWm0ZXsQ==\"}"}`, `{"valid":true}`},
		"verify, not genuine":       {`{"op":"verify","secret":"s","body":"{\"a\":\"1\",\"signature\":\"x\"}"}`, `{"valid":false}`},
		"verify, another order":     {`{"op":"verify","secret":"s","body":"{\"l\":` + list + `,\"signature\":\"` + byPath + `\"}"}`, `{"valid":true,"order":"path"}`},
		"no signature":              {`{"op":"verify","secret":"s","body":"{}"}`, `{"error":"signature is missing"}`},
		"no secret":                 {`{"op":"sign","body":"{}"}`, `{"error":"secret is missing"}`},
		"an empty secret":           {`{"op":"verify","secret":"","body":"{}"}`, `{"error":"secret is missing"}`},
		"no body":                   {`{"op":"canonical"}`, `{"error":"body is missing"}`},
		"a body that is no text":    {`{"op":"canonical","body":{"a":1}}`, `{"error":"body has the wrong type"}`},
		"a body that is no object":  {`{"op":"canonical","body":"payment=1"}`, `{"error":"body is not a JSON object"}`},
		"a body with a name twice":  {`{"op":"sign","secret":"s","body":"{\"a\":1,\"a\":2}"}`, `{"error":"body has a member twice"}`},
		"a body that is too deep":   {`{"op":"canonical","body":"` + strings.Repeat(`{\"a\":`, 65) + "1" + strings.Repeat("}", 65) + `"}`, `{"error":"body is too large"}`},
		"an operation nobody knows": {`{"op":"steal"}`, `{"error":"op must be canonical, sign or verify"}`},
		"no JSON":                   {`hello`, `{"error":"line is not a JSON object"}`},
		"nothing":                   {"", `{"error":"line is not a JSON object"}`},
	}
	for name, c := range cases {
		var out bytes.Buffer
		if err := Lines(strings.NewReader(c[0]+"\r\n"+c[0]+"\n"), &out); err != nil {
			t.Fatal(err)
		}
		if want := c[1] + "\n" + c[1] + "\n"; out.String() != want {
			t.Errorf("%s: %s, want %s", name, out.String(), want)
		}
	}
}

func TestLines_LongLine(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	in := strings.Repeat("x", MaxLine+1) + "\n" + `{"op":"canonical","body":"{}"}`
	if err := Lines(strings.NewReader(in), &out); err != nil {
		t.Fatal(err)
	}
	if want := `{"error":"line is longer than 2097152 bytes"}` + "\n" + `{"canonical":""}` + "\n"; out.String() != want {
		t.Errorf("%s", out.String())
	}
}

// broken fails to read or to write.
type broken struct{}

var errBroken = errors.New("broken")

func (broken) Read([]byte) (int, error)  { return 0, errBroken }
func (broken) Write([]byte) (int, error) { return 0, errBroken }

func TestLines_BrokenPipe(t *testing.T) {
	t.Parallel()
	if err := Lines(broken{}, &bytes.Buffer{}); !errors.Is(err, errBroken) {
		t.Errorf("reading: %v", err)
	}
	if err := Lines(strings.NewReader("{}\n"), broken{}); !errors.Is(err, errBroken) {
		t.Errorf("writing: %v", err)
	}
}

package wire

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/payloom/payloom/pkg/payment"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// mustHex reads what hexLines wrote.
func mustHex(tb testing.TB, text []byte) []byte {
	tb.Helper()
	data, err := hex.DecodeString(string(bytes.ReplaceAll(text, []byte("\n"), nil)))
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// hexLines writes data as hex, 32 bytes to the line.
func hexLines(data []byte) []byte {
	var out bytes.Buffer
	for len(data) > 0 {
		n := min(len(data), 32)
		out.WriteString(hex.EncodeToString(data[:n]) + "\n")
		data = data[n:]
	}
	return out.Bytes()
}

// mustGolden returns what the file holds, after writing got to it with -update.
func mustGolden(t *testing.T, name string, got []byte) []byte {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return want
}

// checkGolden checks that v has the bytes of the file, and the file's bytes mean
// v: what is stored for years must be readable for years.
func checkGolden[V any](t *testing.T, name string, v V, marshal func(V) ([]byte, error), unmarshal func([]byte) (V, error)) {
	t.Helper()
	data, err := marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	want := mustGolden(t, name+".hex", hexLines(data))
	if diff := cmp.Diff(string(want), string(hexLines(data))); diff != "" {
		t.Errorf("%s: the bytes changed (-golden +now):\n%s", name, diff)
	}
	got, err := unmarshal(mustHex(t, want))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(v, got); diff != "" {
		t.Errorf("%s: the bytes mean something else (-golden +now):\n%s", name, diff)
	}
}

// checkGoldenJSON checks that v has the JSON of the file.
func checkGoldenJSON[V any](t *testing.T, name string, v V, marshal func(V) ([]byte, error)) {
	t.Helper()
	line, err := marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if err := json.Indent(&got, line, "", "  "); err != nil {
		t.Fatal(err)
	}
	got.WriteByte('\n')
	if diff := cmp.Diff(string(mustGolden(t, name+".json", got.Bytes())), got.String()); diff != "" {
		t.Errorf("%s: the JSON changed (-golden +now):\n%s", name, diff)
	}
}

func TestGolden_Events(t *testing.T) {
	t.Parallel()
	for typ, d := range filledData(t) {
		t.Run(string(typ), func(t *testing.T) {
			t.Parallel()
			r := filledRecord(t, d)
			checkGolden(t, "event_"+string(typ), r, MarshalRecord, UnmarshalRecord)
			checkGoldenJSON(t, "event_"+string(typ), r, EventJSON)
		})
	}
}

func TestGolden_Commands(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]payment.Command{
		"authorize": authorize(), "capture": followUp(payment.Capture), "cancel": followUp(payment.Cancel), "payout": payout(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkGolden(t, "command_"+name, c, MarshalCommand, UnmarshalCommand)
			checkGoldenJSON(t, "command_"+name, c, CommandJSON)
		})
	}
}

// A fingerprint is compared with one that was computed up to twelve months ago.
func TestGolden_Fingerprint(t *testing.T) {
	t.Parallel()
	sum := Fingerprint(authorize())
	got := hex.EncodeToString(sum[:]) + "\n"
	if want := string(mustGolden(t, "fingerprint.txt", []byte(got))); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestGolden_Others(t *testing.T) {
	t.Parallel()
	checkGolden(t, "callback", filled[StoredCallback](t), MarshalCallback, UnmarshalCallback)
	checkGolden(t, "dead_letter", filled[DeadLetter](t), MarshalDeadLetter, UnmarshalDeadLetter)
}

func command(k payment.Kind) payment.Command {
	id := payment.DeriveCommandID("shop", payment.ReqID("req-"+string(k)))
	return payment.Command{
		ID: id, Merchant: "shop", ReqID: payment.ReqID("req-" + string(k)), Payment: "order-1",
		Provider: payment.Computop, Account: "eu", Kind: k,
	}
}

// authorize returns a valid command with every field that may be set together.
func authorize() payment.Command {
	c := command(payment.Authorize)
	c.Amount = payment.Money{Minor: 1999, Currency: "EUR"}
	c.Description, c.StatementText, c.Reference = "Two books, ä", "BOOKS", "R-1"
	c.Authorization = &payment.Authorization{
		Method: payment.Button, Capture: payment.CaptureManual, Country: "EU", LocalCurrency: "CHF",
		Scope: []string{"name", "shippingAddress"}, Language: "en_GB",
		Return: payment.ReturnURLs{
			Success: "https://shop.example/ok?order=1", Failure: "https://shop.example/failed",
			Cancel: "http://localhost:8080/cancelled", Review: "http://127.0.0.1/review",
		},
		Recurring: &payment.Recurring{Cycle: payment.Month, Interval: 1, Amount: payment.Money{Minor: 500, Currency: "EUR"}},
	}
	return c
}

func payout() payment.Command {
	c := command(payment.Payout)
	c.Provider, c.Amount = payment.ECommPay, payment.Money{Minor: 10000, Currency: "INR"}
	c.Beneficiary = &payment.Beneficiary{
		CustomerID: "c-1", IPAddress: "192.0.2.1", FirstName: "Asha", LastName: "Example",
		Email: "asha@example.com", Address: "1 Main Road, Pune", AccountNumber: "9198765432100",
	}
	return c
}

func followUp(k payment.Kind) payment.Command {
	c := command(k)
	if k != payment.Cancel && k != payment.Sync {
		c.Amount = payment.Money{Minor: 500, Currency: "EUR"}
	}
	return c
}

// benchRecord is what most stored events look like: a sale with its outcome.
func benchRecord() Record {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	c := authorize()
	e := payment.Event{
		ID: "5f9c1a0d7e3b42c8", Payment: c.Payment, Merchant: c.Merchant, Provider: c.Provider, Version: 1,
		Command: c.ID, At: at, Source: payment.FromWorker,
		Data: payment.AttemptStarted{
			Kind: c.Kind, Amount: c.Amount, Attempt: 1, Key: string(c.Payment), Idem: string(c.ID), Account: c.Account,
			Terms: &payment.Terms{Capture: payment.CaptureAuto, Method: payment.Button, Return: c.Authorization.Return},
		},
	}
	p := payment.Fold(payment.Payment{}, e)
	e.ID, e.Version, e.Source = "0b7c1a0d7e3b42c9", 2, payment.FromAnswer
	e.Data = payment.OperationSucceeded{
		Ref: "9f3a", Code: "00000000", Amount: c.Amount.Minor, Captured: true,
		Refs: map[string]string{"payid": "0123456789abcdef0123456789abcdef", "xid": "fedcba9876543210fedcba9876543210"},
	}
	return Record{Event: e, After: payment.Fold(p, e), Prev: Hash([]byte("intent"))}
}

func BenchmarkMarshalRecord(b *testing.B) {
	r := benchRecord()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := MarshalRecord(r); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUnmarshalRecord(b *testing.B) {
	data, err := MarshalRecord(benchRecord())
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := UnmarshalRecord(data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMarshalCommand(b *testing.B) {
	c := authorize()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := MarshalCommand(c); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkValidate(b *testing.B) {
	c := authorize()
	if err := Validate(c); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := Validate(c); err != nil {
			b.Fatal(err)
		}
	}
}

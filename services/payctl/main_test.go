package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/bus/bustest"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/testkit"
	"github.com/payloom/payloom/pkg/wire"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// printed is what a run of payctl gave.
type printed struct {
	code     int
	out, err string
}

// payctl runs the program in an environment of its own.
func payctl(t *testing.T, environ map[string]string, stdin string, args ...string) printed {
	t.Helper()
	if environ == nil {
		environ = map[string]string{}
	}
	var out, err bytes.Buffer
	code := run(t.Context(), process{args: args, in: strings.NewReader(stdin), out: &out, err: &err, environ: environ})
	return printed{code, out.String(), err.String()}
}

func TestRun_ExitCodesAndHints(t *testing.T) {
	t.Parallel()
	nowhere := map[string]string{"NATS_URL": "nats://127.0.0.1:1"}
	tests := map[string]struct {
		environ map[string]string
		args    []string
		code    int
		hint    string // on either stream
	}{
		"help":                               {nil, []string{"--help"}, 0, "Available Commands"},
		"version":                            {nil, []string{"--version"}, 0, "payctl version"},
		"a command that is none":             {nil, []string{"pay"}, 2, `unknown command "pay"`},
		"a flag that is none":                {nil, []string{"events", "--fast"}, 2, "unknown flag: --fast"},
		"an argument too many":               {nil, []string{"migrate", "now"}, 2, `unknown command "now"`},
		"a payment without id":               {nil, []string{"payment", "get"}, 2, "accepts 1 arg(s)"},
		"a payment id that cannot be":        {nowhere, []string{"events", "--timeout", "0s"}, 2, "--timeout"},
		"no broker":                          {nowhere, []string{"events"}, 1, "--dir"},
		"no database":                        {nil, []string{"payment", "list"}, 1, "DATABASE_URL is not set"},
		"nothing runs in the folder":         {nil, []string{"--dir", t.TempDir(), "events"}, 1, "payctl up --dir"},
		"a sequence that is none":            {nil, []string{"dead", "show", "x"}, 2, "payctl dead list"},
		"a command named twice":              {nil, []string{"command", "get", "x", "--req-id", "y"}, 2, "by its id, or by --req-id"},
		"too few payments for a demo":        {nil, []string{"demo", "--payments", "10"}, 2, "50 to 5000"},
		"a latency above a call's time":      {nil, []string{"bench", "--provider-latency", "1m"}, 2, "0 to 8s"},
		"ports that are none":                {nil, []string{"up", "--ports", "a,b,c,d"}, 2, `"a" is no port`},
		"workers that are none":              {nil, []string{"up", "--workers", "0"}, 2, "1 to 64"},
		"a rebuild that swaps by force only": {nil, []string{"rebuild", "--force"}, 2, "--swap"},
		"reverify without a time":            {nil, []string{"callbacks", "reverify"}, 2, "--since"},
		"no accounts file":                   {nil, []string{"accounts", "check"}, 2, "PAYLOOM_ACCOUNTS"},
		"an accounts file that is not there": {nil, []string{"accounts", "check", "/nonexistent.yaml"}, 1, "no such file"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := payctl(t, tt.environ, "", tt.args...)
			if got.code != tt.code || !strings.Contains(got.out+got.err, tt.hint) {
				t.Errorf("exit code %d, want %d; printed\n%s%s\nwant %s", got.code, tt.code, got.out, got.err, tt.hint)
			}
		})
	}
}

func TestParsePorts(t *testing.T) {
	t.Parallel()
	got, err := parsePorts("1, 2,3,0")
	if err != nil || got.Ingress != 1 || got.Notify != 2 || got.Tracker != 3 || got.Simulator != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range []string{"", "1,2,3", "1,2,3,4,5", "1,2,3,70000", "-1,2,3,4"} {
		if _, err := parsePorts(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestProviderLatency(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{"0": 0, "20": 20 * time.Millisecond, "1.5s": 1500 * time.Millisecond} {
		if got, err := (benchOptions{latency: text}).providerLatency(); err != nil || got != want {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
}

func TestCompletion(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		args []string
		want string
	}{
		"states of payments": {[]string{"payment", "list", "--state", ""}, "accepted\nrejected\nprocessing\nrequires_action\n"},
		"providers":          {[]string{"payment", "list", "--provider", ""}, "computop\naxerve\n"},
		"durabilities":       {[]string{"up", "--durability", ""}, "laptop\nmoney\n"},
		"verdicts":           {[]string{"callbacks", "list", "--verdict", ""}, "accepted\nunverified\nquarantined\n"},
		"commands":           {[]string{"pro"}, "provider\tLook at payment providers, and pause them\nprovision\tLay out streams and consumers; again without harm\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := payctl(t, nil, "", append([]string{"__complete"}, tt.args...)...)
			if !strings.HasPrefix(got.out, tt.want) {
				t.Errorf("offers\n%s\nwant\n%s", got.out, tt.want)
			}
		})
	}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if got := payctl(t, nil, "", "completion", shell); got.code != 0 || len(got.out) < 1000 {
			t.Errorf("no script for %s: %s", shell, got.err)
		}
	}
}

func TestCodec(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ line, want string }{
		"computop": {`{"op":"mac","key":"k","fields":["a","b"]}`, `{"mac":"`},
		"axerve":   {`{"op":"build","operation":"callDeleteS2S","params":{"shopLogin":"S","bankTransactionId":"1"}}`, `{"soap_action":"`},
		"ecommpay": {`{"op":"canonical","body":"{\"a\":1}"}`, `{"canonical":"a:1"}`},
	}
	for provider, tt := range tests {
		t.Run(provider, func(t *testing.T) {
			t.Parallel()
			got := payctl(t, nil, tt.line+"\nnonsense\n", "codec", provider)
			lines := strings.Split(strings.TrimSpace(got.out), "\n")
			if got.code != 0 || len(lines) != 2 || !strings.HasPrefix(lines[0], tt.want) || !strings.HasPrefix(lines[1], `{"error":`) {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestProviderList(t *testing.T) {
	t.Parallel()
	var list struct {
		Operations []ability `json:"operations"`
	}
	got := payctl(t, nil, "", "provider", "list", "--json")
	if err := json.Unmarshal([]byte(got.out), &list); err != nil {
		t.Fatal(err)
	}
	classes := map[payment.Kind]string{}
	for _, o := range list.Operations {
		if o.Provider == payment.Computop && o.Method == "" {
			classes[o.Operation] = o.Class
		}
	}
	if classes[payment.Capture] != "T3" || classes[payment.Refund] != "T3" || classes[payment.Sync] != "-" {
		t.Errorf("%v", classes)
	}
	if text := payctl(t, nil, "", "provider", "list"); !strings.Contains(text.out, "computop  capture") {
		t.Errorf("%s", text.out)
	}
}

func TestAccountsCheck(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "accounts.yaml")
	if err := os.WriteFile(path, []byte("merchants:\n  - id: Shop\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := payctl(t, map[string]string{"PAYLOOM_ACCOUNTS": path}, "", "accounts", "check", "--json")
	var report struct {
		OK       bool
		Problems []problemView
	}
	if err := json.Unmarshal([]byte(got.out), &report); err != nil {
		t.Fatalf("%v: %s", err, got.out)
	}
	if got.code != 1 || report.OK || len(report.Problems) == 0 || report.Problems[0].Line != 2 {
		t.Errorf("exit code %d, %+v", got.code, report)
	}
}

func TestProvision(t *testing.T) {
	t.Parallel()
	environ := map[string]string{"NATS_URL": bustest.Server(t).URL}
	first := payctl(t, environ, "", "provision", "--shards", "2", "--max-bytes", "1000000")
	if first.code != 0 || !strings.Contains(first.out, "created stream EVENTS_1") {
		t.Fatalf("%+v", first)
	}
	if again := payctl(t, environ, "", "provision", "--shards", "2", "--max-bytes", "1000000", "--json"); again.out != "{\n  \"changed\": []\n}\n" {
		t.Errorf("a second time: %+v", again)
	}
	for name, args := range map[string][]string{"other shards": {"--shards", "3"}, "less room": {"--shards", "2", "--max-bytes", "10"}} {
		if got := payctl(t, environ, "", append([]string{"provision"}, args...)...); got.code != 1 || !strings.Contains(got.err, "lose data") {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// seeded is a broker with a payment that is being opened, and a dead letter.
func seeded(t *testing.T) (environ map[string]string, command payment.CommandID) {
	t.Helper()
	cfg := bustest.Server(t)
	bustest.Provision(t, cfg, bus.Topology{})
	b := bustest.Connect(t, cfg, "test")
	c := payment.Command{
		ID: payment.DeriveCommandID("demo", "req-1"), Merchant: "demo", ReqID: "req-1", Payment: "order-1", Provider: payment.Computop,
		Kind: payment.Authorize, Amount: payment.Money{Minor: 1000, Currency: "EUR"},
		Authorization: &payment.Authorization{Method: payment.Button, Capture: payment.CaptureManual, Country: "EU"},
	}
	if _, _, err := b.Accept(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	_, err := b.Append(t.Context(), payment.Head{}, payment.Event{
		Payment: "order-1", Merchant: "demo", Provider: payment.Computop, Command: c.ID, At: time.Now(), Source: payment.FromWorker,
		Data: payment.AttemptStarted{
			Kind: payment.Authorize, Amount: c.Amount, Attempt: 1, Key: "order-1", Idem: string(c.ID),
			Terms: &payment.Terms{Method: payment.Button, Capture: payment.CaptureManual},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	data, err := wire.MarshalCommand(c)
	if err != nil {
		t.Fatal(err)
	}
	err = b.Bury(t.Context(), wire.DeadLetter{
		Service: "worker-computop", Stream: "COMMANDS_0", Sequence: 7, Subject: "pay.cmd.0.computop.demo.x", Reason: "no hope",
		Deliveries: 3, Body: data, At: time.Now(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{"NATS_URL": cfg.URL}, c.ID
}

func TestLooking(t *testing.T) {
	t.Parallel()
	environ, command := seeded(t)
	tests := map[string]struct {
		args []string
		code int
		want []string // on either stream
		not  string
	}{
		"a payment":             {[]string{"payment", "get", "order-1"}, 0, []string{"processing", "10.00 EUR", "authorize", "open"}, ""},
		"a payment as JSON":     {[]string{"payment", "get", "order-1", "--json"}, 0, []string{`"state": "processing"`}, ""},
		"no such payment":       {[]string{"payment", "get", "order-9"}, 1, []string{"no such payment", "--merchant"}, ""},
		"another merchant's":    {[]string{"payment", "get", "order-1", "--merchant", "other"}, 1, []string{"merchant other"}, ""},
		"a bad payment id":      {[]string{"payment", "get", "order 1"}, 2, []string{"payment id must match"}, ""},
		"a timeline":            {[]string{"payment", "timeline", "order-1"}, 0, []string{"AttemptStarted", "authorize as order-1", "callbacks are read from their stream"}, ""},
		"a command":             {[]string{"command", "get", string(command)}, 0, []string{"authorize", "open", "order-1"}, ""},
		"a command by its key":  {[]string{"command", "get", "--req-id", "req-1", "--json"}, 0, []string{`"status": "open"`, `"attempts": 1`}, ""},
		"no such command":       {[]string{"command", "get", "--req-id", "req-2"}, 1, []string{"has no command"}, ""},
		"events":                {[]string{"events"}, 0, []string{`"payment_id":"order-1"`}, ""},
		"events of a payment":   {[]string{"events", "--payment", "order-1", "--brief"}, 0, []string{"AttemptStarted", "v1"}, ""},
		"events of another":     {[]string{"events", "--payment", "order-9"}, 1, []string{"no such payment"}, ""},
		"callbacks":             {[]string{"callbacks", "list", "--json"}, 0, []string{`"callbacks": []`}, ""},
		"dead letters":          {[]string{"dead", "list"}, 0, []string{"worker-computop", "COMMANDS_0/7", "no hope"}, ""},
		"another service's":     {[]string{"dead", "list", "--service", "tracker"}, 0, []string{"no dead letters"}, ""},
		"a dead letter":         {[]string{"dead", "show", "1"}, 0, []string{"no hope", "deliveries  3"}, "order-1"},
		"a dead letter's body":  {[]string{"dead", "show", "1", "--body"}, 0, []string{`"payment_id":"order-1"`}, ""},
		"no such dead letter":   {[]string{"dead", "show", "9"}, 1, []string{"payctl dead list"}, ""},
		"verification":          {[]string{"verify"}, 0, []string{"every command reaches exactly one end", "skipped: no database was named"}, ""},
		"verification at once":  {[]string{"verify", "--grace", "0"}, 1, []string{"I2", "has no end"}, ""},
		"verification as JSON":  {[]string{"verify", "--grace", "0", "--json"}, 1, []string{`"stuck": 1`, `"ok": false`}, ""},
		"a journal that is not": {[]string{"verify", "--journal", "/nonexistent"}, 1, []string{"no such file"}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := payctl(t, environ, "", tt.args...)
			if got.code != tt.code {
				t.Errorf("exit code %d, want %d", got.code, tt.code)
			}
			for _, want := range tt.want {
				if !strings.Contains(got.out+got.err, want) {
					t.Errorf("does not say %q:\n%s%s", want, got.out, got.err)
				}
			}
			if tt.not != "" && strings.Contains(got.out, tt.not) {
				t.Errorf("shows %q:\n%s", tt.not, got.out)
			}
		})
	}
}

func TestVerify_Journal(t *testing.T) {
	t.Parallel()
	environ, command := seeded(t)
	path := filepath.Join(t.TempDir(), "journal")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(`{"merchant":"demo","req_id":"req-1","command_id":"` + string(command) + `","payment_id":"order-1"}` + "\n")
	if got := payctl(t, environ, "", "verify", "--journal", path); got.code != 0 {
		t.Errorf("%+v", got)
	}
	write(`{"merchant":"demo","req_id":"req-2","command_id":"forgotten","payment_id":"order-2"}` + "\n")
	if got := payctl(t, environ, "", "verify", "--journal", path); got.code != 1 || !strings.Contains(got.out, "is not stored") {
		t.Errorf("%+v", got)
	}
	write("{}\nnonsense\n")
	if got := payctl(t, environ, "", "verify", "--journal", path); got.code != 1 || !strings.Contains(got.err, "journal:2") {
		t.Errorf("%+v", got)
	}
}

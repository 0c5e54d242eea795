package doctor

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/bus"
)

var noon = time.Date(2031, 5, 6, 12, 0, 0, 0, time.UTC)

// healthy are the vitals of a system with which nothing is wrong.
func healthy() Vitals {
	return Vitals{
		Now: noon,
		Broker: &bus.Survey{
			Version: "2.15.2", Offset: 3 * time.Millisecond, Within: time.Millisecond, Topology: bus.Topology{Shards: 1, Replicas: 3},
			Streams: []bus.StreamReport{
				{Name: "EVENTS_0", Bytes: 10, MaxBytes: 100, Leader: "n1"}, {Name: bus.TimerStream, Bytes: 20, MaxBytes: 100, Leader: "n2"},
			},
			Consumers: []bus.ConsumerReport{
				{Stream: "COMMANDS_0", Name: "worker-computop"}, {Stream: bus.CallbackStream, Name: "interpreter", Pending: 3, Oldest: 20 * time.Minute},
			},
		},
		Rows:     &Rows{Lags: []Lag{{Stream: "EVENTS_0", Messages: 3, Age: time.Second}}},
		Accounts: "accounts.yaml",
		Secrets:  []Aged{{"key", noon.AddDate(0, 0, -89)}},
		Certs:    []Cert{{Path: "ca", NotAfter: noon.AddDate(1, 0, 0)}},
	}
}

// plant is one thing that is wrong.
type plant struct {
	id    string
	level Level
	says  string
	spoil func(v *Vitals)
}

func stream(f func(*bus.StreamReport)) func(*Vitals) {
	return func(v *Vitals) { f(&v.Broker.Streams[0]) }
}

func consumer(f func(*bus.ConsumerReport)) func(*Vitals) {
	return func(v *Vitals) { f(&v.Broker.Consumers[0]) }
}

func rows(f func(*Rows)) func(*Vitals) { return func(v *Vitals) { f(v.Rows) } }

func plants() []plant {
	broken := errors.New("broken pipe")
	waiting := func(age time.Duration) Waiting { return Waiting{2, noon.Add(-age)} }
	return []plant{
		{"broker.reachable", Fail, "broken pipe", func(v *Vitals) { v.Broker, v.BrokerErr = nil, broken }},
		{"broker.reachable", Fail, "payctl provision", func(v *Vitals) { v.Broker, v.BrokerErr = nil, bus.ErrNotProvisioned }},
		{"broker.version", Fail, "older than NATS", func(v *Vitals) { v.Broker.TooOld = bus.ErrTooOld }},
		{"broker.durability", Warn, "laptop", func(v *Vitals) { v.Laptop = true }},
		{"broker.durability", Fail, "before fsync", func(v *Vitals) { v.Durability = bus.ErrNotDurable }},
		{"broker.clock", Warn, "600ms", func(v *Vitals) { v.Broker.Offset = 600 * time.Millisecond }},
		{"broker.clock", Fail, "-6s", func(v *Vitals) { v.Broker.Offset = -6 * time.Second }},
		{"streams.exist", Fail, "EVENTS_0 is missing", stream(func(r *bus.StreamReport) { r.Missing = true })},
		{"streams.config", Fail, "max age", stream(func(r *bus.StreamReport) { r.Differs = []string{"max age"} })},
		{"streams.replicas", Fail, "n3", stream(func(r *bus.StreamReport) { r.Behind = []string{"n3"} })},
		{"streams.replicas", Fail, "no leader", stream(func(r *bus.StreamReport) { r.Leader = "" })},
		{"streams.replicas", Warn, "one copy", func(v *Vitals) { v.Broker.Topology.Replicas = 1 }},
		{"streams.room", Warn, "EVENTS_0 is 70 % full", stream(func(r *bus.StreamReport) { r.Bytes = 70 })},
		{"streams.room", Fail, "85 %", stream(func(r *bus.StreamReport) { r.Bytes = 85 })},
		{"streams.gaps", Fail, "4 messages", stream(func(r *bus.StreamReport) { r.Gaps = 4 })},
		{"consumers.exist", Fail, "worker-computop of COMMANDS_0 is missing", consumer(func(r *bus.ConsumerReport) { r.Missing = true })},
		{"consumers.config", Fail, "max deliver", consumer(func(r *bus.ConsumerReport) { r.Differs = []string{"max deliver"} })},
		{"consumers.backlog", Warn, "6m0s", consumer(func(r *bus.ConsumerReport) { r.Pending, r.Oldest = 1, 6*time.Minute })},
		{"consumers.backlog", Fail, "16m0s", consumer(func(r *bus.ConsumerReport) { r.Pending, r.Oldest = 1, 16*time.Minute })},
		{"consumers.backlog", Warn, "interpreter", func(v *Vitals) { v.Broker.Consumers[1].Oldest = 2 * time.Hour }},
		{"consumers.redelivered", Warn, "51", consumer(func(r *bus.ConsumerReport) { r.Redelivered = 51 })},
		{"advisories.max_deliveries", Fail, "worker-x of COMMANDS_0 1h0m0s ago", func(v *Vitals) {
			v.Stranded = []bus.Advisory{{Kind: bus.MaxDeliveries, Stream: "COMMANDS_0", Consumer: "worker-x", At: noon.Add(-time.Hour)}}
		}},
		{"advisories.max_deliveries", Warn, "broken pipe", func(v *Vitals) { v.AdvisoryErr = broken }},
		{"advisories.max_deliveries", Fail, "1 message", func(v *Vitals) { v.AdvisoryErr, v.Stranded = broken, []bus.Advisory{{At: noon}} }},
		{"dead.letters", Warn, "broken pipe", func(v *Vitals) { v.DeadErr = broken }},
		{"dead.letters", Fail, "1 are open", func(v *Vitals) { v.DeadErr, v.Dead = broken, []time.Time{noon} }},
		{"dead.letters", Fail, "2 are open, the oldest since 2h0m0s", func(v *Vitals) { v.Dead = []time.Time{noon.Add(-time.Hour), noon.Add(-2 * time.Hour)} }},
		{"audit.chain", Fail, "hold together", func(v *Vitals) { v.AuditErr = bus.ErrTampered }},
		{"audit.chain", Warn, "broken pipe", func(v *Vitals) { v.AuditErr = broken }},
		{"database.reachable", Fail, "broken pipe", func(v *Vitals) { v.Rows, v.RowsErr = nil, broken }},
		{"database.reachable", Warn, "DATABASE_URL", func(v *Vitals) { v.Rows, v.NoRows = nil, true }},
		{"database.migrations", Fail, "broken pipe", rows(func(r *Rows) { r.Migrated = broken })},
		{"projection.checkpoint", Fail, "another message", rows(func(r *Rows) { r.Positions = []string{"EVENTS_0 holds another message"} })},
		{"projection.lag", Warn, "11s", rows(func(r *Rows) { r.Lags[0].Age = 11 * time.Second })},
		{"projection.lag", Fail, "3m0s", rows(func(r *Rows) { r.Lags[0].Age = 3 * time.Minute })},
		{"registry.partitions", Warn, "commands_2031_06", rows(func(r *Rows) { r.Partitions = []string{"commands_2031_06 is missing"} })},
		{"sweeper.alive", Fail, "7 commands", rows(func(r *Rows) { r.Overdue = 7 })},
		{"outcomes.unknown", Warn, "11m0s", rows(func(r *Rows) { r.Unknown = waiting(11 * time.Minute) })},
		{"outcomes.unknown", Fail, "2h0m0s", rows(func(r *Rows) { r.Unknown = waiting(2 * time.Hour) })},
		{"payments.parked", Warn, "2 operations", rows(func(r *Rows) { r.Parked = waiting(time.Minute) })},
		{"payments.parked", Fail, "3 days", rows(func(r *Rows) { r.Parked = waiting(72 * time.Hour) })},
		{"payments.frozen", Fail, "2 payments", rows(func(r *Rows) { r.Frozen = waiting(time.Minute) })},
		{"webhooks.failing", Warn, "given up", rows(func(r *Rows) { r.Disabled = 1 })},
		{"webhooks.failing", Warn, "expired", rows(func(r *Rows) { r.GivenUp = 1 })},
		{"webhooks.failing", Fail, "overdue", rows(func(r *Rows) { r.Webhooks = waiting(7 * time.Hour) })},
		{"accounts.file", Fail, "broken pipe", func(v *Vitals) { v.AccountsErr = broken }},
		{"accounts.file", Warn, "PAYLOOM_ACCOUNTS", func(v *Vitals) { v.Accounts = "" }},
		{"secrets.age", Warn, "key is 91 days old", func(v *Vitals) { v.Secrets[0].Changed = noon.AddDate(0, 0, -91) }},
		{"certificates.expiry", Warn, "20 days", func(v *Vitals) { v.Certs[0].NotAfter = noon.AddDate(0, 0, 20) }},
		{"certificates.expiry", Fail, "6 days", func(v *Vitals) { v.Certs[0].NotAfter = noon.AddDate(0, 0, 6) }},
		{"certificates.expiry", Fail, "broken pipe", func(v *Vitals) { v.Certs[0].Err = broken }},
	}
}

func TestJudge_Healthy(t *testing.T) {
	t.Parallel()
	all := Judge(healthy())
	var ids []string
	for _, f := range all {
		ids = append(ids, f.ID)
		if f.Level != OK || f.Do != "" || f.Is == "" {
			t.Errorf("%+v", f)
		}
	}
	if !slices.Equal(ids, IDs()) || Worst(all) != OK {
		t.Errorf("findings %v, ids %v", ids, IDs())
	}
}

// TestJudge_FindsWhatIsPlanted plants one thing at a time: that is found, and nothing
// else.
func TestJudge_FindsWhatIsPlanted(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, p := range plants() {
		seen[p.id] = true
		v := healthy()
		p.spoil(&v)
		all := Judge(v)
		for _, f := range all {
			switch {
			case f.ID == p.id && (f.Level != p.level || !strings.Contains(f.Is, p.says) || f.Do == ""):
				t.Errorf("%+v, want %s with %q", f, p.level, p.says)
			case f.ID != p.id && f.Level != OK:
				t.Errorf("%s planted, and found %+v", p.id, f)
			}
		}
		if Worst(all) != p.level {
			t.Errorf("%s: the worst is %s", p.id, Worst(all))
		}
	}
	for _, id := range IDs() {
		if !seen[id] {
			t.Errorf("nothing plants %s", id)
		}
	}
}

// TestRunbook checks that every finding has a section in the runbook, and the other
// way about.
func TestRunbook(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, part, found := strings.Cut(string(text), "\n## doctor\n")
	if !found {
		t.Fatal("docs/operations.md has no section on the doctor")
	}
	part, _, _ = strings.Cut(part, "\n## ")
	var sections []string
	for line := range strings.SplitSeq(part, "\n") {
		if id, ok := strings.CutPrefix(line, "### "); ok {
			sections = append(sections, id)
		}
	}
	if !slices.Equal(sections, IDs()) {
		t.Errorf("sections\n%v\nfindings\n%v", sections, IDs())
	}
}

package statement

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/bus/bustest"
	"github.com/payloom/payloom/pkg/conf"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/projection"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// listing is a provider whose books can be read by time.
type listing struct {
	place  string
	list   []provider.Listed
	err    error
	sights map[string]provider.Sight
	fails  map[string]error // of Look
	asked  [2]time.Time
	looked []string
}

func (l *listing) Place() string { return l.place }

func (l *listing) List(_ context.Context, from, to time.Time) ([]provider.Listed, error) {
	l.asked = [2]time.Time{from, to}
	return l.list, l.err
}

func (l *listing) Look(_ context.Context, key string) (provider.Sight, error) {
	l.looked = append(l.looked, key)
	if err := l.fails[key]; err != nil {
		return provider.Sight{}, err
	}
	if s, ok := l.sights[key]; ok {
		return s, nil
	}
	return provider.Sight{}, fmt.Errorf("look: %w", provider.ErrNotFound)
}

const statementAccounts = `
merchants:
  - id: demo
    accounts:
      - {name: in, provider: ecommpay, default: true, endpoint: "https://a.example/", callback_key: aaaaaaaaaaaaaaaaa}
      - {name: far, provider: ecommpay, endpoint: "https://a.example/", callback_key: bbbbbbbbbbbbbbbbb}
      - {name: eu, provider: computop, endpoint: "https://a.example/", callback_key: ccccccccccccccccc}
  - id: twin
    accounts:
      - {name: in, provider: ecommpay, endpoint: "https://a.example/", callback_key: ddddddddddddddddd}
`

// shelf is a broker with payouts, and rows that follow it until they are stopped.
type shelf struct {
	t         *testing.T
	bus       *bus.Bus
	db        *pgxpool.Pool
	stop      func()
	near, far *listing // demo/in and twin/in are at near, demo/far is at far
	o         Options
}

func newShelf(t *testing.T) *shelf {
	t.Helper()
	db, err := projection.Open(t.Context(), testkit.Postgres(t), "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	s := &shelf{t: t, db: db, near: &listing{place: "near"}, far: &listing{place: "far"}}
	cfg := bustest.Server(t)
	bustest.Provision(t, cfg, bus.Topology{})
	s.bus = bustest.Connect(t, cfg, "test")
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() { _ = projection.New(s.bus, s.db, projection.Options{}).Run(ctx) })
	s.stop = func() { cancel(); done.Wait() }
	t.Cleanup(s.stop)
	now := time.Now()
	// Two hours later nothing of today is young any more.
	s.o = Options{
		Provider: payment.ECommPay, From: now.Add(-time.Hour), To: now.Add(2 * time.Hour), Now: now.Add(2 * time.Hour),
		Settle: time.Minute, PerSecond: 1000,
	}
	return s
}

// begun are the events of a payout's attempt n.
func begun(id string, n int, data ...payment.EventData) []payment.EventData {
	return append([]payment.EventData{payment.AttemptStarted{
		Kind: payment.Payout, Amount: payment.Money{Minor: 1000, Currency: "INR"}, Attempt: n, Key: payment.AttemptKey(payment.ID(id), ".", n),
		Account: "in", Terms: &payment.Terms{},
	}}, data...)
}

var (
	isPaid    = payment.OperationSucceeded{Ref: "1", Amount: 1000}
	isPending = payment.OperationPending{Attempt: 1, Ref: "1"}
)

// payout accepts a payout of demo and plays what became of it, at an account.
func (s *shelf) payout(id, at string, all ...payment.EventData) {
	s.t.Helper()
	c := payment.Command{
		Merchant: "demo", ReqID: payment.ReqID("pay-" + id), Payment: payment.ID(id), Provider: payment.ECommPay, Kind: payment.Payout,
		Amount: payment.Money{Minor: 1000, Currency: "INR"}, Beneficiary: &payment.Beneficiary{
			CustomerID: "1", IPAddress: "192.0.2.1", FirstName: "A", LastName: "B", Email: "a@example.com", Address: "C", AccountNumber: "9100000000",
		},
	}
	c.ID = payment.DeriveCommandID(c.Merchant, c.ReqID)
	if _, _, err := s.bus.Accept(s.t.Context(), c); err != nil {
		s.t.Fatal(err)
	}
	var head payment.Head
	for _, d := range all {
		if started, ok := d.(payment.AttemptStarted); ok {
			started.Account = at
			d = started
		}
		e := payment.Event{Payment: c.Payment, Merchant: c.Merchant, Provider: c.Provider, Command: c.ID, At: time.Now().UTC(), Source: payment.FromWorker, Data: d}
		var err error
		if head, err = s.bus.Append(s.t.Context(), head, e); err != nil {
			s.t.Fatal(err)
		}
	}
}

// rows waits until so many payments are in the rows in a state.
func (s *shelf) rows(n int, state payment.State) {
	s.t.Helper()
	s.until(n, "SELECT count(*) FROM payments WHERE state = $1", string(state))
	s.until(0, "SELECT count(*) FROM payments p WHERE NOT EXISTS (SELECT FROM commands c WHERE c.merchant = p.merchant AND c.payment_id = p.payment_id)")
}

// until waits until a query for a number gives it.
func (s *shelf) until(want int, sql string, args ...any) {
	s.t.Helper()
	testkit.Eventually(s.t, 30*time.Second, func() error {
		var n int
		if err := s.db.QueryRow(s.t.Context(), sql, args...).Scan(&n); err != nil {
			return err
		}
		if n != want {
			return fmt.Errorf("%s: %d, want %d", sql, n, want)
		}
		return nil
	})
}

func (s *shelf) sources() Sources {
	s.t.Helper()
	book, err := account.Parse("accounts.yaml", []byte(statementAccounts), func(string) (conf.Secret, error) { return "x", nil })
	if err != nil {
		s.t.Fatal(err)
	}
	return Sources{Accounts: book, Rows: s.db, Ledger: s.bus, Separator: ".", Lister: func(a *account.Account) (provider.Lister, error) {
		if a.Name == "far" {
			return s.far, nil
		}
		return s.near, nil
	}}
}

func (s *shelf) state() Report {
	s.t.Helper()
	got, err := Compare(s.t.Context(), s.sources(), s.o)
	if err != nil {
		s.t.Fatal(err)
	}
	return got
}

// lists has a place list a payment, an hour ago unless it says otherwise.
func (l *listing) lists(keys ...string) {
	for _, key := range keys {
		at := time.Now().Add(-time.Hour).UTC().Truncate(time.Second)
		l.list = append(l.list, provider.Listed{Key: key, Operation: fmt.Sprint(len(l.list) + 1), Created: at, Completed: at.Add(time.Second)})
	}
}

// told are the findings in words: "missing_here far paid clerk".
func (s Report) told() map[string]string {
	all := map[string]string{}
	for _, f := range s.Findings {
		all[f.Key] = strings.Join(strings.Fields(strings.Join([]string{string(f.Kind), f.Place, f.Ours, f.Theirs, fmt.Sprint(f.Amount), string(f.Currency), f.Why}, " ")), " ")
	}
	return all
}

func rupees(standing provider.Standing) provider.Sight {
	return provider.Sight{Standing: standing, Amount: payment.Money{Minor: 500, Currency: "INR"}}
}

// TestCompare_ForeignAndOurs: what is listed under a key of ours is ours, whatever came
// of it, and all else is not.
func TestCompare_ForeignAndOurs(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	s.payout("first", "in", begun("first", 1, isPaid)...)
	s.payout("second", "in", append(begun("second", 1, payment.AttemptNotSent{Attempt: 1, Reason: payment.ReasonUnavailable}), begun("second", 2, isPaid)...)...)
	s.payout("moved", "gone", begun("moved", 1, isPaid)...)
	s.payout("abroad", "far", begun("abroad", 1, isPaid)...)
	s.payout("waits", "in")
	s.rows(4, payment.StatePaid)
	s.near.lists("first", "second", "second.2", "moved", "second.3", "second.02", "first.2", "clerk 1", "abroad", "waits", "odd")
	s.near.lists("first") // a second operation of it
	s.far.lists("abroad")
	s.near.sights = map[string]provider.Sight{
		"clerk 1": rupees(provider.StandingPaid), "abroad": rupees(provider.StandingDeclined), "waits": rupees(provider.StandingPending),
		"second.3": {Standing: provider.StandingUnclear}, "second.02": rupees(provider.StandingPaid), "first.2": rupees(provider.StandingReversed),
	}
	s.near.fails = map[string]error{"odd": provider.Unclear("", "no answer")}
	got := s.state()
	want := map[string]string{
		"clerk 1":   "missing_here near paid 500 INR",
		"abroad":    "missing_here near declined 500 INR",
		"waits":     "missing_here near pending 500 INR",
		"second.3":  "missing_here near unclear 0",
		"second.02": "missing_here near paid 500 INR",
		"first.2":   "missing_here near reversed 500 INR",
		"odd":       "missing_here near unknown 0 provider: unknown: no answer",
	}
	if diff := cmp.Diff(want, got.told()); diff != "" {
		t.Error(diff)
	}
	counts := []PlaceCount{
		{Place: "near", Accounts: []string{"demo/in", "twin/in"}, Listed: true, Operations: 12, Payments: 11, Ours: 4, Held: 2},
		{Place: "far", Accounts: []string{"demo/far"}, Listed: true, Operations: 1, Payments: 1, Ours: 1, Held: 1},
	}
	if diff := cmp.Diff(counts, got.Places); diff != "" {
		t.Error(diff)
	}
	for _, f := range got.Findings {
		if f.Completed == nil || f.Created.IsZero() || len(f.Operations) != 1 || f.Merchant != "" {
			t.Errorf("finding %+v", f)
		}
	}
	if a := s.near.asked; !a[0].Equal(s.o.From.Add(-time.Minute)) || !a[1].Equal(s.o.To.Add(time.Minute)) {
		t.Errorf("asked for %v", a)
	}
}

// TestCompare_MissingThere: of what we hold, the provider is asked about what its listing
// lacks.
func TestCompare_MissingThere(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	for id, e := range map[string]payment.EventData{
		"listed": isPaid, "lost": isPaid, "late": isPaid, "mute": isPaid, "slow": isPending, "never": isPending, "quiet": isPending,
		"declined": payment.OperationDeclined{Reason: payment.ReasonDeclined}, "open": payment.OutcomeUnknown{Attempt: 1},
	} {
		s.payout(id, "in", begun(id, 1, e)...)
	}
	s.rows(4, payment.StatePaid)
	s.rows(3, payment.StatePending)
	s.near.lists("listed")
	s.near.sights = map[string]provider.Sight{"late": rupees(provider.StandingPaid), "slow": rupees(provider.StandingPaid)}
	s.near.fails = map[string]error{"mute": errors.New("away"), "quiet": errors.New("away")}
	s.o.Account = "in"
	want := map[string]string{
		"lost":  "missing_there near paid absent 1000 INR",
		"late":  "unlisted near paid paid 1000 INR",
		"mute":  "unlisted near paid unknown 1000 INR away",
		"never": "missing_there near pending absent 1000 INR",
		"quiet": "unlisted near pending unknown 1000 INR away",
	}
	got := s.state()
	if diff := cmp.Diff(want, got.told()); diff != "" {
		t.Error(diff)
	}
	if n := got.Places[0]; n.Held != 7 || n.Settling != 0 || got.Findings[0].Merchant != "demo" || got.Findings[0].Account != "in" {
		t.Errorf("%+v of %+v", n, got.Findings[0])
	}
	to := s.o.To
	s.until(9, "SELECT count(*) FROM operations WHERE at > accepted_at")
	if err := s.db.QueryRow(t.Context(), "SELECT at - interval '1 microsecond' FROM operations WHERE payment_id = 'lost'").Scan(&s.o.To); err != nil {
		t.Fatal(err)
	}
	if _, ok := s.state().told()["lost"]; ok {
		t.Error("what changed after the interval may be listed after it, and is missed")
	}
	s.o.To = to
	s.o.From = s.o.Now.Add(-time.Second) // nothing of it began within
	if got := s.state(); got.Places[0].Held != 0 || len(got.Findings) > 0 {
		t.Errorf("%+v", got)
	}
}

// TestCompare_Settling: what is young may be in one place only.
func TestCompare_Settling(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	s.payout("young", "in", begun("young", 1, isPaid)...)
	s.rows(1, payment.StatePaid)
	s.near.lists("clerk 1")
	s.near.list[0].Created = time.Now()
	s.o.Now, s.o.Settle = time.Now(), time.Hour
	got := s.state()
	if n := got.Places[0]; n.Settling != 2 || len(got.Findings) > 0 || len(s.near.looked) > 0 {
		t.Errorf("%+v, looked at %v", got, s.near.looked)
	}
	s.o.Now = s.o.Now.Add(2 * time.Hour)
	if got := s.state(); len(got.Findings) != 2 || got.Places[0].Settling != 0 {
		t.Errorf("two hours later %+v", got)
	}
}

// TestCompare_RowsAreBehind: what the rows do not know yet, the ledger does.
func TestCompare_RowsAreBehind(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	s.stop()
	s.payout("fresh", "in", begun("fresh", 1, isPaid)...)
	s.payout("abroad", "far", begun("abroad", 1, isPaid)...)
	s.near.lists("fresh", "abroad", "a b", "clerk")
	got := s.state()
	want := map[string]string{
		"abroad": "missing_here near unknown 0 listed, and not found by its id",
		"a b":    "missing_here near unknown 0 listed, and not found by its id",
		"clerk":  "missing_here near unknown 0 listed, and not found by its id",
	}
	if diff := cmp.Diff(want, got.told()); diff != "" || got.Places[0].Ours != 1 {
		t.Errorf("%s, %+v", diff, got.Places)
	}
}

// TestCompare_Rights: one account with the right to list is enough for its books; books
// that nobody may list are told, and a listing that fails is no empty one.
func TestCompare_Rights(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	from := s.sources()
	mute := &listing{place: "near", err: fmt.Errorf("%w: no token", provider.ErrUnsupported)}
	s.far.err = mute.err
	from.Lister = func(a *account.Account) (provider.Lister, error) {
		switch {
		case a.Name == "far":
			return s.far, nil
		case a.Merchant == "demo":
			return mute, nil
		}
		return s.near, nil
	}
	got, err := Compare(t.Context(), from, s.o)
	want := []PlaceCount{{Place: "near", Accounts: []string{"demo/in", "twin/in"}, Listed: true}, {Place: "far", Accounts: []string{"demo/far"}}}
	if diff := cmp.Diff(want, got.Places, cmpopts.EquateEmpty()); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	for name, o := range map[string]Options{
		"nobody may": {Account: "far"}, "no such account": {Account: "x"}, "no such merchant": {Merchant: "x"},
	} {
		o.Provider, o.PerSecond, o.Settle = payment.ECommPay, 1, time.Minute
		if _, err := Compare(t.Context(), from, o); !errors.Is(err, ErrNoPlace) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s.near.err = errors.New("away")
	if _, err := Compare(t.Context(), from, s.o); err == nil || !strings.Contains(err.Error(), "near: away") {
		t.Errorf("a listing that fails: %v", err)
	}
	from.Lister = func(*account.Account) (provider.Lister, error) { return nil, errors.New("bad settings") }
	if _, err := Compare(t.Context(), from, s.o); err == nil {
		t.Error("an account that cannot be read is passed over")
	}
}

// TestCompare_Interrupted: what could not be asked about in time is told none the less.
func TestCompare_Interrupted(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	s.near.lists("clerk 1", "clerk 2", "clerk 3")
	s.near.sights = map[string]provider.Sight{"clerk 1": rupees("paid"), "clerk 2": rupees("paid"), "clerk 3": rupees("paid")}
	s.o.PerSecond = 1.0 / 3600
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	got, err := Compare(ctx, s.sources(), s.o)
	unknown := 0
	for _, f := range got.Findings {
		if f.Theirs == Unknown && f.Why != "" {
			unknown++
		}
	}
	if err != nil && !errors.Is(err, context.DeadlineExceeded) || len(got.Findings) != 3 || unknown != 2 || len(s.near.looked) != 1 {
		t.Errorf("%v: %+v, looked at %v", err, got.Findings, s.near.looked)
	}
}

package chaos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/payloom/payloom/services/payctl/internal/demo"
	"github.com/payloom/payloom/services/payctl/internal/verify"
)

// Report is what became of it all. Its JSON keys are a contract.
type Report struct {
	Payments   int                 `json:"payments"`
	Seed       uint64              `json:"seed"`
	Durability string              `json:"durability"`
	Brokers    int                 `json:"brokers"`
	Faults     map[string]Injected `json:"faults"`
	Lost       int                 `json:"lost"`
	Doubled    int                 `json:"doubled"`
	Stuck      int                 `json:"stuck"`
	Violations []verify.Violation  `json:"violations"`

	Settled  int      `json:"settled"` // payments that ended as the scenario has it
	Parked   int      `json:"parked"`  // scenarios that wait for a person
	Client   Client   `json:"client"`
	Webhooks Webhooks `json:"webhooks"`
	StormS   float64  `json:"storm_s"` // how long faults happened
	DrainS   float64  `json:"drain_s"` // from the last healing until all was quiet
	TookS    float64  `json:"took_s"`

	Samples  []Sample      `json:"-"`
	Verified verify.Report `json:"-"`
}

// Injected is what is known of one fault.
type Injected struct {
	Injected    int      `json:"injected"`
	DowntimeS   float64  `json:"downtime_s"` // together
	Hits        int      `json:"hits"`       // calls or callbacks that met it; 0 where nobody counts
	Retries     int      `json:"retries"`    // of the client meanwhile
	Unavailable int      `json:"unavailable"`
	Times       []Window `json:"times"`
}

// Client is what the client was told.
type Client struct {
	Accepted    int `json:"accepted"`
	Retries     int `json:"retries"`
	Unavailable int `json:"unavailable"` // of these, answered 503
}

// Webhooks is what the merchant was told.
type Webhooks struct {
	Told     int `json:"told"`
	Repeated int `json:"repeated"`
}

// OK tells whether nothing is wrong.
func (r Report) OK() bool {
	return len(r.Violations) == 0 && r.Lost == 0 && r.Doubled == 0 && r.Stuck == 0
}

// aftermath is how long after a fault the client's retries are put down to it.
const aftermath = 2 * time.Second

// lastPacket is how long after the last healing a request may be under way that
// nobody knows of: before, no "not found" is believed, and nothing ends by it.
const lastPacket = time.Minute

// report works out what is known and verifies everything.
func (r *run) report(ctx context.Context) (Report, error) {
	in := r.env.Verify
	var err error
	if in.Journal, err = r.client.promises(); err != nil {
		return Report{}, err
	}
	// The pause between two inquiries grows to a quarter of what is asked about's age.
	in.HealedAt, in.Drained = r.healed, time.Minute+lastPacket+r.o.Storm/4
	checked, err := verify.Run(ctx, in)
	if err != nil {
		return Report{}, err
	}
	out := Report{
		Payments: r.driven.Payments(), Seed: r.o.Seed, Durability: r.env.Stack.Durability(), Brokers: len(r.env.Stack.Nodes()),
		Faults: r.faults(), Violations: append([]verify.Violation{}, slices.Concat(checked.Violations(), r.troubles, r.log.troubles)...),
		Settled: r.driven.Settled(), Parked: r.driven.Count(demo.ErrParked),
		StormS: r.o.Storm.Seconds(), DrainS: r.quiet.Sub(r.healed).Seconds(), TookS: r.quiet.Sub(r.began).Seconds(),
		Samples: r.client.samples, Verified: checked,
	}
	out.Client.Accepted = len(in.Journal)
	out.Client.Retries, out.Client.Unavailable = r.client.troubles(r.began, r.quiet)
	if m := r.env.Merchant; m != nil {
		var missing []verify.Violation
		if out.Webhooks.Told, out.Webhooks.Repeated, missing, err = m.check(ctx, in.Database); err != nil {
			return Report{}, err
		}
		out.Violations = append(out.Violations, missing...)
	}
	out.Violations = append(out.Violations, r.unsettled()...)
	for _, name := range r.o.Faults {
		if out.Faults[name].Injected == 0 {
			out.Violations = append(out.Violations, verify.Violation{Invariant: "chaos", Kind: verify.Wrong, Subject: name, What: "never happened: nothing is proved"})
		}
	}
	out.Lost, out.Doubled, out.Stuck = checked.Count(verify.Lost), checked.Count(verify.Doubled), checked.Count(verify.Stuck)
	for _, v := range out.Violations {
		if v.Invariant == "chaos" || v.Invariant == "client" {
			out.Lost += count(v.Kind == verify.Lost)
			out.Doubled += count(v.Kind == verify.Doubled)
			out.Stuck += count(v.Kind == verify.Stuck)
		}
	}
	return out, nil
}

func count(is bool) int {
	if is {
		return 1
	}
	return 0
}

// unsettled lists the scenarios that did not end as they must. One that waits for a
// person has ended.
func (r *run) unsettled() []verify.Violation {
	var all []verify.Violation
	for _, o := range r.driven.Failed() {
		kind := verify.Wrong
		switch {
		case errors.Is(o.Err, demo.ErrParked):
			continue
		case errors.Is(o.Err, demo.ErrStuck):
			kind = verify.Stuck
		case errors.Is(o.Err, demo.ErrLost):
			kind = verify.Lost
		case errors.Is(o.Err, demo.ErrDoubled):
			kind = verify.Doubled
		}
		all = append(all, verify.Violation{Invariant: "client", Kind: kind, Subject: fmt.Sprintf("%v (%s)", o.Payments, o.Scenario), What: o.Err.Error()})
	}
	return all
}

// faults adds up what was injected.
func (r *run) faults() map[string]Injected {
	all := map[string]Injected{}
	for _, name := range r.o.Faults {
		in := Injected{Times: []Window{}}
		for _, w := range r.log.windows[name] {
			in.Times = append(in.Times, w)
			in.Injected += count(w.Error == "")
			in.DowntimeS += w.End - w.Start
			in.Hits += w.Hits
		}
		slices.SortFunc(in.Times, func(a, b Window) int { return int((a.Start - b.Start) * 1000) })
		in.Retries, in.Unavailable = r.during(in.Times)
		all[name] = in
	}
	return all
}

// during counts the client's tries that failed while a fault lasted, each once.
func (r *run) during(times []Window) (retries, unavailable int) {
	end := r.began
	for _, w := range times {
		from, to := r.at(w.Start), r.at(w.End).Add(aftermath)
		if from.Before(end) {
			from = end
		}
		if to.After(from) {
			n, u := r.client.troubles(from, to)
			retries, unavailable, end = retries+n, unavailable+u, to
		}
	}
	return retries, unavailable
}

func (r *run) at(s float64) time.Time { return r.began.Add(time.Duration(s * float64(time.Second))) }

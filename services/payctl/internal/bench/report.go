package bench

import (
	"context"
	"slices"
	"time"

	"github.com/payloom/payloom/services/payctl/internal/verify"
)

// report works out the numbers and verifies everything.
func (r *run) report(ctx context.Context) (Report, error) {
	in := r.env.Verify
	in.Journal = r.journal
	checked, err := verify.Run(ctx, in)
	if err != nil {
		return Report{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var e2e []time.Duration
	for id, end := range r.ended {
		e2e = append(e2e, end.Sub(r.began[id]))
	}
	n := len(r.accept)
	broken := 0
	for _, i := range checked.Results {
		broken += i.Broken
	}
	return Report{
		Payments: n, Concurrency: r.o.Concurrency, LatencyMS: milliseconds(r.o.Latency),
		AcceptedPerS: perSecond(n, r.accepted.Sub(r.start)), CompletedPS: perSecond(len(r.ended), r.last.Sub(r.start)),
		AcceptP50MS: milliseconds(quantile(r.accept, 0.50)), AcceptP99MS: milliseconds(quantile(r.accept, 0.99)),
		E2EP50MS: milliseconds(quantile(e2e, 0.50)), E2EP99MS: milliseconds(quantile(e2e, 0.99)),
		CPUPer1000: r.cpu.Seconds() / float64(max(n, 1)) * 1000,
		Lost:       checked.Count(verify.Lost), Doubled: checked.Count(verify.Doubled),
		Stuck:      max(checked.Count(verify.Stuck), n-len(r.ended)),
		Violations: broken, TookS: r.done.Sub(r.start).Seconds(), Machine: ThisMachine(), Verified: checked,
	}, nil
}

func perSecond(n int, d time.Duration) float64 {
	if d <= 0 {
		return 0
	}
	return float64(n) / d.Seconds()
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// quantile returns the value below which the part q of all lies: the nearest rank.
// It sorts its argument.
func quantile(all []time.Duration, q float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	rank := int(q*float64(len(all)) + 0.999999)
	return all[min(max(rank, 1), len(all))-1]
}

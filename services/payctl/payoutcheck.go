package main

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/services/internal/payouts"
	"github.com/payloom/payloom/services/internal/providers"
	"github.com/payloom/payloom/services/payctl/internal/batch"
)

// checkedView is the summary of a dry run as JSON; the lines that are wrong stand before
// it as ingress would answer them.
type checkedView struct {
	File  string `json:"file"`
	Lines int    `json:"lines"`
	Wrong int    `json:"wrong"`
}

// checkPayouts checks every line as ingress does, except for what only the merchant's
// accounts tell.
func (a *app) checkPayouts(ctx context.Context, o sendOptions) error {
	in := a.in
	if o.file != "-" {
		f, err := os.Open(o.file)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	src, err := batch.Open(in)
	if err != nil {
		return err
	}
	v := checkedView{File: o.file}
	check := checker{payouts.Batch{Merchant: "unknown", Key: o.key, Format: src.Format}, providers.Capabilities()}
	if check.batch.Header, err = src.Header(); err != nil {
		return err
	}
	err = a.checkLines(ctx, src, check, &v)
	if err != nil {
		return err
	}
	return a.printChecked(v)
}

func (a *app) checkLines(ctx context.Context, src *batch.Source, check checker, v *checkedView) error {
	for ctx.Err() == nil {
		line, err := src.Line()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if line.Blank() {
			continue
		}
		v.Lines++
		r := check.line(line)
		if r.Status != payouts.Rejected {
			continue
		}
		v.Wrong++
		if a.asJSON {
			err = a.console.Line(r)
		} else {
			a.console.Printf("line %d: %s\n", r.Line, batch.Errors(r))
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (a *app) printChecked(v checkedView) error {
	if a.asJSON {
		if err := a.console.Line(v); err != nil {
			return err
		}
	} else if v.Wrong == 0 {
		a.console.Printf("%s: %s, nothing wrong\n", v.File, plural(v.Lines, "payout", "payouts"))
	}
	if v.Wrong > 0 {
		a.console.Fail(errors.New(plural(v.Wrong, "line", "lines") + " of " + plural(v.Lines, "payout", "payouts") + " would be rejected; nothing was sent"))
		return errSaid
	}
	return nil
}

// checker checks lines without knowing accounts.
type checker struct {
	batch payouts.Batch
	can   map[payment.Provider]provider.Capability
}

func (c checker) line(l payouts.Line) payouts.Result {
	p := c.batch.Read(l)
	if p.Readable {
		p.Command.Provider = p.Named
		if p.Unnamed {
			p.Command.Provider = c.only()
		}
		if p.Command.Provider != "" {
			p.CheckProvider(c.can, nil)
		}
	}
	if len(p.Faults.List) > 0 {
		return p.Result(payouts.Rejected)
	}
	return p.Result(payouts.Accepted)
}

// only returns the one provider that pays out, "" when there are more.
func (c checker) only() payment.Provider {
	var found payment.Provider
	for name, able := range c.can {
		switch {
		case !able.Supports(payment.Payout):
		case found != "":
			return ""
		default:
			found = name
		}
	}
	return found
}

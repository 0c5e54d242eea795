package verify

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/payloom/payloom/pkg/payment"
)

const (
	defaultPatience = 30 * time.Second
	catchUpTick     = 50 * time.Millisecond
)

func (v *verifier) patience() time.Duration { return cmp.Or(v.in.Patience, defaultPatience) }

// checkRows compares the rows in Postgres with what the streams add up to.
func (v *verifier) checkRows(ctx context.Context) error {
	if v.in.Database == nil {
		v.rows.Skipped = "no database was named"
		v.streams.except("no database was named: checkpoints were not looked at")
		return nil
	}
	if err := v.catchUp(ctx); err != nil {
		return err
	}
	for _, check := range []func(context.Context) error{
		v.checkPayments, v.checkOperations, v.checkMandates, v.checkEvents, v.checkRegistry,
	} {
		if err := check(ctx); err != nil {
			return err
		}
	}
	return nil
}

// position is how far a stream is projected.
type position struct {
	Stream string
	Seq    uint64
	Digest []byte
	Origin uint64
}

// catchUp waits until the rows are as far as what was read, and checks what the
// checkpoints say.
func (v *verifier) catchUp(ctx context.Context) error {
	deadline := time.Now().Add(v.patience())
	for {
		at, err := v.positions(ctx)
		if err != nil {
			return err
		}
		behind := v.behind(at)
		if behind == "" {
			return v.checkPositions(ctx, at)
		}
		if time.Now().After(deadline) {
			v.rows.bad(Lost, behind, "the rows do not catch up with the stream within %s", v.patience())
			return v.checkPositions(ctx, at)
		}
		select {
		case <-time.After(catchUpTick):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (v *verifier) positions(ctx context.Context) (map[string]position, error) {
	rows, err := v.in.Database.Query(ctx, "SELECT stream, seq, digest, origin FROM checkpoints")
	if err != nil {
		return nil, fmt.Errorf("read checkpoints: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[position])
	if err != nil {
		return nil, fmt.Errorf("read checkpoints: %w", err)
	}
	all := map[string]position{}
	for _, p := range list {
		all[p.Stream] = p
	}
	return all, nil
}

// behind names a stream that is not projected as far as it was read; "" when all are.
func (v *verifier) behind(at map[string]position) string {
	for stream, end := range v.ends {
		if at[stream].Seq < end {
			return stream
		}
	}
	return ""
}

// checkPositions compares every checkpoint with the stream.
func (v *verifier) checkPositions(ctx context.Context, at map[string]position) error {
	for stream, p := range at {
		v.streams.Checked++
		if _, read := v.ends[stream]; !read || p.Seq == 0 {
			continue
		}
		state, err := v.in.Streams.StreamState(ctx, stream)
		if err != nil {
			return err
		}
		switch {
		case p.Seq > state.LastSeq:
			v.streams.bad(Lost, stream, "ends at %d, before its checkpoint %d", state.LastSeq, p.Seq)
			continue
		case p.Seq < state.FirstSeq:
			continue // it has expired since
		}
		m, err := v.in.Streams.MessageAt(ctx, stream, p.Seq)
		if err != nil {
			return err
		}
		if sum := digest(m.Data); !bytes.Equal(sum[:], p.Digest) {
			v.streams.bad(Wrong, place{stream, p.Seq}.String(), "is not the message that was projected there")
		}
	}
	return nil
}

// row is a row of payments.
type row struct {
	Merchant, Payment, Provider, State, Currency string
	Version                                      uint64
	Hash                                         []byte
	Amount, Authorized, Captured, Refunded       int64
}

func (v *verifier) checkPayments(ctx context.Context) error {
	rows, err := v.in.Database.Query(ctx, `SELECT merchant, payment_id, provider, state, currency, version, last_hash,
		amount, authorized, captured, refunded FROM payments`)
	if err != nil {
		return fmt.Errorf("read payments: %w", err)
	}
	seen := map[paymentKey]bool{}
	var r row
	_, err = pgx.ForEachRow(rows, []any{
		&r.Merchant, &r.Payment, &r.Provider, &r.State, &r.Currency, &r.Version, &r.Hash,
		&r.Amount, &r.Authorized, &r.Captured, &r.Refunded,
	}, func() error {
		key := paymentKey{payment.Merchant(r.Merchant), payment.ID(r.Payment)}
		seen[key] = true
		v.rows.Checked++
		v.checkPayment(r, v.payments[key])
		return nil
	})
	if err != nil {
		return fmt.Errorf("read payments: %w", err)
	}
	for key, h := range v.payments {
		if !seen[key] {
			v.rows.bad(Lost, h.subject(), "has %d event(s) and no row", h.version)
		}
	}
	return nil
}

func (v *verifier) checkPayment(r row, h *history) {
	subject := r.Merchant + "/" + r.Payment
	if h == nil {
		if r.Version > 0 && v.in.Grace == 0 {
			v.rows.bad(Wrong, subject, "has a row and no event")
		}
		return // accepted, or newer than what was read
	}
	if r.Version > h.version {
		return // it has moved on since it was read
	}
	state := string(h.state)
	if h.state == payment.StateNew {
		state = "new"
	}
	want := row{
		r.Merchant, r.Payment, string(h.provider), state, string(h.currency), h.version, nil,
		h.amount, h.authorized, h.captured, h.refunded,
	}
	have := r
	have.Hash = nil
	if fmt.Sprint(have) != fmt.Sprint(want) {
		v.rows.bad(Wrong, subject, "the row says %+v, the events %+v", have, want)
	}
	if !bytes.Equal(r.Hash, h.hash) {
		v.rows.bad(Wrong, subject, "the row ends with another event than the stream")
	}
}

func (v *verifier) checkOperations(ctx context.Context) error {
	rows, err := v.in.Database.Query(ctx, "SELECT merchant, payment_id, command_id, status, effect, version FROM operations")
	if err != nil {
		return fmt.Errorf("read operations: %w", err)
	}
	found := map[*operation]bool{}
	var merchant, id, command, status string
	var effect int64
	var version uint64
	_, err = pgx.ForEachRow(rows, []any{&merchant, &id, &command, &status, &effect, &version}, func() error {
		h := v.payments[paymentKey{payment.Merchant(merchant), payment.ID(id)}]
		if h == nil {
			return nil
		}
		o := h.op(payment.CommandID(command))
		if o == nil {
			return nil
		}
		v.rows.Checked++
		found[o] = true
		if version <= h.version && (status != string(o.status) || effect != o.effect) {
			v.rows.bad(Wrong, h.subject(), "the row of %s says %s of %d, the events %s of %d", o.kind, status, effect, o.status, o.effect)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read operations: %w", err)
	}
	for _, h := range v.payments {
		for _, o := range h.ops {
			if !found[o] {
				v.rows.bad(Lost, h.subject(), "%s %s has no row", o.kind, o.id)
			}
		}
	}
	return nil
}

// checkEvents checks that every payment has the rows of its events. Rows may be
// older than what streams still hold, and newer than what was read: only fewer is
// wrong.
func (v *verifier) checkEvents(ctx context.Context) error {
	rows, err := v.in.Database.Query(ctx, "SELECT merchant, payment_id, count(DISTINCT version) FROM events GROUP BY 1, 2")
	if err != nil {
		return fmt.Errorf("count events: %w", err)
	}
	have := map[paymentKey]int{}
	var key paymentKey
	var n int
	_, err = pgx.ForEachRow(rows, []any{&key.merchant, &key.id, &n}, func() error { have[key] = n; return nil })
	if err != nil {
		return fmt.Errorf("count events: %w", err)
	}
	for key, h := range v.payments {
		v.rows.Checked++
		if have[key] < h.events {
			v.rows.bad(Lost, h.subject(), "has %d event(s) and %d row(s) of them", h.events, have[key])
		}
	}
	return nil
}

// checkRegistry checks that every command is known for as long as its request may
// be repeated.
func (v *verifier) checkRegistry(ctx context.Context) error {
	rows, err := v.in.Database.Query(ctx, "SELECT merchant, command_id, req_id, payment_id FROM commands")
	if err != nil {
		return fmt.Errorf("read commands: %w", err)
	}
	seen := map[commandKey]bool{}
	var key commandKey
	var req payment.ReqID
	var id payment.ID
	_, err = pgx.ForEachRow(rows, []any{&key.merchant, &key.id, &req, &id}, func() error {
		seen[key] = true
		v.rows.Checked++
		if c := v.commands[key]; c != nil && (c.ReqID != req || c.Payment != id) {
			v.rows.bad(Wrong, string(key.merchant)+"/"+string(key.id), "the registry has it for request %s of payment %s", req, id)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read commands: %w", err)
	}
	for key := range v.commands {
		if !seen[key] {
			v.rows.bad(Lost, string(key.merchant)+"/"+string(key.id), "is not in the registry")
		}
	}
	return nil
}

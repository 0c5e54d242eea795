package bus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/payloom/payloom/pkg/wire"
)

// auditReserve is how long the result of an action may take to be stored, whatever
// became of the caller's context.
const auditReserve = 10 * time.Second

// Audited carries out what r describes between two records of the audit: the intent,
// without which act is not run, and the result. act returns what came of it, for
// people and without personal data. The caller sets who, what, about what and why;
// the rest is filled in.
func (b *Bus) Audited(ctx context.Context, r wire.AuditRecord, act func(ctx context.Context) (detail string, err error)) error {
	r.Intent, r.Result = "", wire.Intended
	intent, err := b.Audit(ctx, r)
	if err != nil {
		return fmt.Errorf("not done, for the audit cannot record it: %w", err)
	}
	detail, actErr := act(ctx)
	r.Intent, r.Result, r.Detail = intent.ID, wire.AuditDone, detail
	if actErr != nil {
		r.Result, r.Detail = wire.AuditFailed, actErr.Error()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), auditReserve)
	defer cancel()
	if _, err := b.Audit(ctx, r); err != nil {
		return errors.Join(actErr, fmt.Errorf("the audit knows the intent %s, and not its result: %w", intent.ID, err))
	}
	return actErr
}

// Audit stores r as the record that follows the last one of this service, and
// returns it with what it was given: ID, Service, At where they are empty, and the
// hash of the record before it. A result names its intent by the Intent's ID.
func (b *Bus) Audit(ctx context.Context, r wire.AuditRecord) (wire.AuditRecord, error) {
	r.ID, r.Service = NewEventID(), b.name
	if r.At.IsZero() {
		now, err := b.Now(ctx)
		if err != nil {
			return r, err
		}
		r.At = now
	}
	for {
		err := b.appendAudit(ctx, &r)
		if !errors.Is(err, ErrConflict) {
			return r, err
		}
		if ctx.Err() != nil {
			return r, fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
		}
	}
}

// appendAudit makes one try. It returns ErrConflict when another record came first.
func (b *Bus) appendAudit(ctx context.Context, r *wire.AuditRecord) error {
	subj := auditSubject(b.name)
	last, err := b.last(ctx, AuditStream, subj)
	if err != nil {
		return err
	}
	r.Prev = nil
	if last.Seq > 0 {
		r.Prev = wire.Hash(last.Data)
	}
	data, err := wire.MarshalAudit(*r)
	if err != nil {
		return err
	}
	_, _, err = b.store(ctx, put{
		stream: AuditStream,
		filter: subj,
		expect: last.Seq,
		msg:    &nats.Msg{Subject: subj, Header: b.cloudEvent(ctx, r.ID, "AuditRecord", r.Action), Data: data},
		mine:   func(m raw) bool { return m.Header.Get("ce-id") == r.ID },
	})
	return err
}

// ErrTampered means that the audit does not follow from itself: records were taken
// out of it, or put into it.
var ErrTampered = errors.New("bus: the audit does not hold together")

// ReadAudit hands over all records of the audit that there are when it begins, oldest
// first, each with the message that holds it. It returns an error that wraps
// ErrTampered when a record is missing or is not the one that the next one names.
// What has expired is not missed.
func (b *Bus) ReadAudit(ctx context.Context, handle func(r wire.AuditRecord, m Message) error) error {
	chain := auditChain{heads: map[string][]byte{}}
	return b.Follow(ctx, AuditStream, FollowOptions{ToEnd: true}, func(_ context.Context, batch []Message) error {
		for _, m := range batch {
			r, err := chain.next(m)
			if err != nil {
				return fmt.Errorf("%s/%d: %w", m.Stream, m.Seq, err)
			}
			if err := handle(r, m); err != nil {
				return err
			}
		}
		return nil
	})
}

// auditChain is the audit as far as it was read.
type auditChain struct {
	first, last uint64            // sequences; 0: none was read
	heads       map[string][]byte // the hash of each service's last record
}

// next reads the record that follows. Its error wraps ErrTampered when it does not.
func (a *auditChain) next(m Message) (wire.AuditRecord, error) {
	r, err := wire.UnmarshalAudit(m.Data)
	if err != nil {
		return r, fmt.Errorf("%w: %w", ErrTampered, err)
	}
	if m.Subject != auditSubject(r.Service) {
		return r, fmt.Errorf("%w: it is %s's, and stands on %s", ErrTampered, r.Service, m.Subject)
	}
	if a.last != 0 && m.Seq != a.last+1 {
		return r, fmt.Errorf("%w: it follows %d", ErrTampered, a.last)
	}
	if a.first == 0 {
		a.first = m.Seq
	}
	// A service's first one that is left may follow others that have expired.
	head, known := a.heads[r.Service]
	if (known || a.first == 1) && !bytes.Equal(head, r.Prev) {
		return r, fmt.Errorf("%w: it does not name the record before it", ErrTampered)
	}
	a.last, a.heads[r.Service] = m.Seq, wire.Hash(m.Data)
	return r, nil
}

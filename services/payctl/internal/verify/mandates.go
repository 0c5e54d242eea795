package verify

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/wire"
)

// longestMandate is the longest id, bytes, that has a row.
const longestMandate = 512

type mandateKey struct {
	merchant payment.Merchant
	id       string
}

// mandate is a right to charge again as the events tell of it.
type mandate struct {
	giver payment.ID // the payment that gave it first
	at    time.Time  // broker time, as the database stores it
}

// given notes a mandate that an event gives. Of several that give the same one the
// first counts.
func (v *verifier) given(rec wire.Record, at time.Time) {
	d, ok := rec.Event.Data.(payment.MandateIssued)
	if !ok || d.Mandate.ID == "" || len(d.Mandate.ID) > longestMandate {
		return
	}
	key, m := mandateKey{rec.Event.Merchant, d.Mandate.ID}, mandate{rec.Event.Payment, at.Truncate(time.Microsecond)}
	before, known := v.mandates[key]
	if !known || m.at.Before(before.at) || m.at.Equal(before.at) && m.giver < before.giver {
		v.mandates[key] = m
	}
}

// checkMandates compares the rows of mandates with the events that gave them. Rows
// may tell of payments that gave one before what the streams still hold.
func (v *verifier) checkMandates(ctx context.Context) error {
	rows, err := v.in.Database.Query(ctx, "SELECT merchant, mandate_id, payment_id, at FROM mandates")
	if err != nil {
		return fmt.Errorf("read mandates: %w", err)
	}
	seen := map[mandateKey]mandate{}
	var key mandateKey
	var m mandate
	_, err = pgx.ForEachRow(rows, []any{&key.merchant, &key.id, &m.giver, &m.at}, func() error {
		seen[key] = m
		return nil
	})
	if err != nil {
		return fmt.Errorf("read mandates: %w", err)
	}
	for key, want := range v.mandates {
		v.rows.Checked++
		subject := string(key.merchant) + "/" + string(want.giver)
		have, there := seen[key]
		switch {
		case !there:
			v.rows.bad(Lost, subject, "gave a mandate that has no row")
		case have.giver == "" || have.at.After(want.at):
			v.rows.bad(Wrong, subject, "gave a mandate whose row does not know so")
		case have.giver != want.giver && !have.at.Before(want.at):
			v.rows.bad(Wrong, subject, "gave a mandate whose row names %s", have.giver)
		}
	}
	return nil
}

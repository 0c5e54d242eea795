package projection

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/wire"
)

// StatusDead is the status of an operation whose command was buried while it waited
// for its worker, and that nothing was heard of since. A later event ends it.
const StatusDead = "dead"

// buryOperationsSQL notes that commands were buried. It says the same whether the
// command and its events are projected before or after: what the row becomes
// depends on the last event and the last burial alone, here as in operateSQL.
const buryOperationsSQL = `
INSERT INTO operations AS o (
	merchant, payment_id, command_id, provider, kind, status, version, currency, amount, effect,
	reason, code, ref, attempts, at, own_ref, mandate, buried_at)
SELECT merchant, payment_id, command_id, provider, kind, 'dead', 0, currency, amount, 0, '', '', '', 0, at, own_ref, mandate, at
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::timestamptz[], $9::text[], $10::text[])
AS r (merchant, payment_id, command_id, provider, kind, currency, amount, at, own_ref, mandate)
ON CONFLICT (merchant, payment_id, command_id) DO UPDATE SET
	buried_at = greatest(o.buried_at, excluded.buried_at),
	status = CASE WHEN o.status IN ('accepted', 'open', 'unknown', 'waiting') AND (o.version = 0 OR o.at <= excluded.buried_at)
		THEN 'dead' ELSE o.status END`

// buryOperations queues what the dead letters among all say of commands.
func buryOperations(b *pgx.Batch, all []entry[wire.DeadLetter]) {
	var merchant, id, command, provider, kind, currency, ownRef, mandate []string
	var amount []int64
	var at []time.Time
	for _, c := range buried(all) {
		merchant, id, command = append(merchant, clean(c.Merchant)), append(id, clean(c.Payment)), append(command, clean(c.ID))
		provider, kind = append(provider, clean(c.Provider)), append(kind, string(c.Kind))
		currency, amount = append(currency, clean(c.Amount.Currency)), append(amount, c.Amount.Minor)
		at, ownRef, mandate = append(at, c.At), append(ownRef, clean(c.Reference)), append(mandate, charged(c))
	}
	if len(id) > 0 {
		b.Queue(buryOperationsSQL, merchant, id, command, provider, kind, currency, amount, at, ownRef, mandate)
	}
}

// buried returns the commands that dead letters among all hold, each once, in the
// order of keys, with the time of its last burial. One that nobody can read has no
// operation either.
func buried(all []entry[wire.DeadLetter]) []payment.Command {
	var found []entry[payment.Command]
	for _, e := range slices.Backward(all) {
		if !strings.HasPrefix(e.val.Stream, "COMMANDS_") {
			continue
		}
		c, err := decodeCommand(e.val.Subject, e.val.Body)
		if err != nil {
			continue
		}
		c.At = e.msg.Time
		found = append(found, entry[payment.Command]{msg: e.msg, val: c})
	}
	return distinct(found)
}

// errMisplaced means that a command stands on another's subject. Rights are given
// by subject, so its body says nothing about whoever it names.
var errMisplaced = errors.New("projection: the command does not belong to its subject")

// decodeCommand reads a command that was published on subject:
// pay.cmd.<shard>.<provider>.<merchant>.<command_id>.
func decodeCommand(subject string, data []byte) (payment.Command, error) {
	c, err := wire.UnmarshalCommand(data)
	if err != nil {
		return c, err
	}
	t := strings.Split(subject, ".")
	if len(t) != 6 || t[1] != "cmd" || t[3] != string(c.Provider) || t[4] != string(c.Merchant) || t[5] != string(c.ID) {
		return c, errMisplaced
	}
	return c, nil
}

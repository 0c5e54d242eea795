package bus

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/payloom/payloom/pkg/payment"
)

// Subjects:
//
//	pay.cmd.<shard>.<provider>.<merchant>.<command_id>    one command, for one worker
//	pay.evt.<shard>.<provider>.<merchant>.<payment_id>    the ledger of one payment, for everyone
//	pay.hook.<provider>.<merchant>.<callback_id>          one callback, as it came
//	pay.timer.at.<provider>.<merchant>.<command_id>       a wake-up that waits
//	pay.timer.due.<provider>.<merchant>.<command_id>      a wake-up for a worker
//	pay.dead.<service>                                    what nobody could handle
//	pay.audit.<service>                                   what operators did
//
// A command is unique over all providers, and so is a payment: the filters below
// have a star in the provider's place. All writers must use the same filter.

const star = "*"

func subject(tokens ...string) string { return "pay." + strings.Join(tokens, ".") }

func (b *Bus) commandSubject(p payment.Provider, m payment.Merchant, c payment.CommandID) string {
	return subject("cmd", b.shard(string(c)), string(p), string(m), string(c))
}

func (b *Bus) commandFilter(m payment.Merchant, c payment.CommandID) string {
	return b.commandSubject(star, m, c)
}

func (b *Bus) eventSubject(p payment.Provider, m payment.Merchant, id payment.ID) string {
	return subject("evt", b.shard(string(id)), string(p), string(m), string(id))
}

func (b *Bus) eventFilter(m payment.Merchant, id payment.ID) string {
	return b.eventSubject(star, m, id)
}

func callbackSubject(p payment.Provider, m payment.Merchant, id string) string {
	return subject("hook", string(p), string(m), id)
}

func timerSubject(when string, p payment.Provider, m payment.Merchant, c payment.CommandID) string {
	return subject("timer", when, string(p), string(m), string(c))
}

func deadSubject(service string) string { return subject("dead", service) }

func auditSubject(service string) string { return subject("audit", service) }

// advisorySubject returns where the broker tells of messages that a consumer has given
// up for the reason kind.
func advisorySubject(kind string) string { return "$JS.EVENT.ADVISORY.CONSUMER." + kind + ".>" }

func (b *Bus) shard(id string) string { return strconv.Itoa(payment.Shard(id, b.shards)) }

func (b *Bus) shardStream(name func(int) string, id string) string {
	return name(payment.Shard(id, b.shards))
}

// errMisplaced means that a message is not what its subject says. Rights are given
// by subject, so the body must not claim another merchant's or provider's.
var errMisplaced = errors.New("bus: the body does not belong to its subject")

// placed returns errMisplaced unless c belongs on subject subj.
func placed(subj string, c payment.Command) error {
	t := strings.Split(subj, ".")
	if len(t) != 6 || t[3] != string(c.Provider) || t[4] != string(c.Merchant) || t[5] != string(c.ID) {
		return errMisplaced
	}
	return nil
}

// timerCommand reads the command that a due timer's subject names.
func timerCommand(subj string) (payment.Provider, payment.Merchant, payment.CommandID, error) {
	t := strings.Split(subj, ".")
	if len(t) != 6 || t[1] != "timer" {
		return "", "", "", fmt.Errorf("subject %q is no timer's", subj)
	}
	return payment.Provider(t[3]), payment.Merchant(t[4]), payment.CommandID(t[5]), nil
}

package doctor

import (
	"fmt"
	"time"
)

// The marks of how far rows may be behind.
const (
	warnLag = 10 * time.Second
	failLag = 2 * time.Minute
)

var rowsChecks = []check{
	{
		"database.migrations", "run payctl migrate with the programs of this version",
		func(v Vitals) (Level, string) {
			if err := v.Rows.Migrated; err != nil {
				return verdict(Fail, "%v", err)
			}
			return verdict(OK, "as this program knows them")
		},
	}, {
		"projection.checkpoint", "stop state-tracker and find out who is right: a stream was restored or made anew, or the database is another one's. payctl rebuild makes the rows again",
		func(v Vitals) (Level, string) {
			return either(Fail, v.Rows.Positions, "every stream has the message that the rows end with")
		},
	}, {
		"projection.lag", "see that state-tracker runs, and whether it has halted: its log and its /readyz?verbose say so",
		judgeLag,
	}, {
		"registry.partitions", "see that state-tracker runs: it makes the partitions of the months to come every hour",
		func(v Vitals) (Level, string) {
			return either(Warn, v.Rows.Partitions, "those of the coming month are there")
		},
	}, {
		"sweeper.alive", "see that state-tracker runs and reaches the broker: without the sweeper nobody hands out what was left behind",
		func(v Vitals) (Level, string) {
			if v.Rows.Overdue > 0 {
				return verdict(Fail, "%d commands have stood still for a quarter of an hour, and nobody has handed them out again", v.Rows.Overdue)
			}
			return verdict(OK, "nothing stands still that it has not handed out")
		},
	}, {
		"outcomes.unknown", "see whether the provider answers inquiries: payctl provider status, payctl payment timeline; do not send anything again",
		func(v Vitals) (Level, string) {
			return byAge(v.Now, v.Rows.Unknown, 10*time.Minute, time.Hour, "attempts have no known outcome", "every outcome is known")
		},
	}, {
		"payments.parked", "payctl parked list; look each up at the provider, then payctl parked resolve",
		func(v Vitals) (Level, string) {
			return byAge(v.Now, v.Rows.Parked, -1, 24*time.Hour, "operations wait for a person", "no operation waits for a person")
		},
	}, {
		"payments.frozen", "payctl parked show: the provider did what it had said it did not; give the money back there, then payctl parked unfreeze",
		func(v Vitals) (Level, string) {
			return byAge(v.Now, v.Rows.Frozen, -1, -1, "payments are frozen", "no payment is frozen")
		},
	}, {
		"webhooks.failing", "payctl webhooks list shows which endpoint does not answer; tell the merchant. Deliveries are tried for days",
		judgeWebhooks,
	},
}

func judgeLag(v Vitals) (Level, string) {
	level, behind := OK, uint64(0)
	var wrong []string
	for _, l := range v.Rows.Lags {
		behind += l.Messages
		if l.Age <= warnLag {
			continue
		}
		if level == OK {
			level = Warn
		}
		if l.Age > failLag {
			level = Fail
		}
		wrong = append(wrong, fmt.Sprintf("%s is %d messages behind, the oldest waits for %s", l.Stream, l.Messages, short(l.Age)))
	}
	return either(level, wrong, fmt.Sprintf("%d messages behind, none for long", behind))
}

func judgeWebhooks(v Vitals) (Level, string) {
	r := v.Rows
	var wrong []string
	level := OK
	if r.Disabled > 0 {
		level, wrong = Warn, append(wrong, fmt.Sprintf("%d endpoint(s) are given up", r.Disabled))
	}
	if r.GivenUp > 0 {
		level, wrong = Warn, append(wrong, fmt.Sprintf("%d deliveries expired in the last day", r.GivenUp))
	}
	if l, text := byAge(v.Now, r.Webhooks, 15*time.Minute, 6*time.Hour, "deliveries are overdue", ""); l != OK {
		wrong = append(wrong, text)
		if level != Fail {
			level = l
		}
	}
	return either(level, wrong, "deliveries are on time")
}

package doctor

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/payloom/payloom/pkg/bus"
)

// Level is how bad a finding is.
type Level string

// The levels.
const (
	OK   Level = "ok"
	Warn Level = "warn" // this week
	Fail Level = "FAIL" // now
)

// Finding is one line of the doctor.
type Finding struct {
	ID    string `json:"id"` // stays the same; docs/operations.md has a section of that name
	Level Level  `json:"level"`
	Is    string `json:"is"`
	Do    string `json:"do,omitempty"` // what to do, unless it is ok
}

// check judges one thing.
type check struct {
	id    string
	do    string
	judge func(v Vitals) (Level, string)
}

// Judge returns a finding for everything that can be judged by v, in a stable order.
func Judge(v Vitals) []Finding {
	var all []Finding
	for _, c := range v.checks() {
		level, is := c.judge(v)
		f := Finding{ID: c.id, Level: level, Is: is}
		if level != OK {
			f.Do = c.do
		}
		all = append(all, f)
	}
	return all
}

// IDs lists the ids of all findings there can be.
func IDs() []string {
	var ids []string
	for _, list := range [][]check{brokerCheck, brokerChecks, rowsCheck, rowsChecks, fileChecks} {
		for _, c := range list {
			ids = append(ids, c.id)
		}
	}
	return ids
}

// Remedies returns what findings say is to be done, by id.
func Remedies() map[string]string {
	all := map[string]string{}
	for _, list := range [][]check{brokerCheck, brokerChecks, rowsCheck, rowsChecks, fileChecks} {
		for _, c := range list {
			all[c.id] = c.do
		}
	}
	return all
}

// checks returns what can be judged: of a broker or a database that does not answer
// nothing but that.
func (v Vitals) checks() []check {
	all := append([]check{}, brokerCheck...)
	if v.Broker != nil {
		all = append(all, brokerChecks...)
	}
	all = append(all, rowsCheck...)
	if v.Rows != nil {
		all = append(all, rowsChecks...)
	}
	return append(all, fileChecks...)
}

// Worst returns the worst level of findings.
func Worst(all []Finding) Level {
	worst := OK
	for _, f := range all {
		if f.Level == Fail || (f.Level == Warn && worst == OK) {
			worst = f.Level
		}
	}
	return worst
}

// verdict is a level and what is.
func verdict(level Level, format string, args ...any) (Level, string) {
	return level, fmt.Sprintf(format, args...)
}

// either is ok when nothing is wrong, and bad with all that is.
func either(bad Level, wrong []string, fine string) (Level, string) {
	if len(wrong) == 0 {
		return OK, fine
	}
	return bad, strings.Join(wrong, "; ")
}

// byAge judges how long the oldest of something has waited.
func byAge(now time.Time, w Waiting, warn, fail time.Duration, what, none string) (Level, string) {
	if w.Count == 0 {
		return OK, none
	}
	age := max(now.Sub(w.Oldest), 0)
	level := OK
	if age > warn {
		level = Warn
	}
	if age > fail {
		level = Fail
	}
	return verdict(level, "%d %s, the oldest since %s", w.Count, what, short(age))
}

// short prints a duration for people.
func short(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	case d >= time.Minute:
		return d.Round(time.Minute).String()
	}
	return d.Round(time.Millisecond).String()
}

var brokerCheck = []check{{
	"broker.reachable", "start the NATS servers, or set NATS_URL and the keys to them; payments are refused meanwhile, none is lost",
	func(v Vitals) (Level, string) {
		if v.Broker == nil && errors.Is(v.BrokerErr, bus.ErrNotProvisioned) {
			return verdict(Fail, "%v", v.BrokerErr)
		}
		if v.Broker == nil {
			return verdict(Fail, "it does not answer: %v", v.BrokerErr)
		}
		return verdict(OK, "it answers")
	},
}}

var rowsCheck = []check{{
	"database.reachable", "start Postgres, or set DATABASE_URL; payments go on without it, and the rows catch up",
	func(v Vitals) (Level, string) {
		switch {
		case v.NoRows:
			return verdict(Warn, "not looked at: DATABASE_URL is not set")
		case v.Rows == nil:
			return verdict(Fail, "it does not answer: %v", v.RowsErr)
		}
		return verdict(OK, "it answers")
	},
}}

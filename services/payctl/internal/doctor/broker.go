package doctor

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/payloom/payloom/pkg/bus"
)

// The marks of what a stream holds, of what it may hold.
const (
	warnRoom = 0.70
	failRoom = 0.85
)

// The marks of the difference between our clock and the broker's.
const (
	warnClock = 500 * time.Millisecond
	failClock = 5 * time.Second
)

var brokerChecks = []check{
	{
		"broker.version", "upgrade the servers one by one: older ones lose acknowledged messages in a power cut",
		func(v Vitals) (Level, string) {
			if v.Broker.TooOld != nil {
				return verdict(Fail, "%v", v.Broker.TooOld)
			}
			return verdict(OK, "NATS %s", v.Broker.Version)
		},
	}, {
		"broker.durability", "set sync_interval: always in every server's jetstream block and restart them one by one; name their monitoring in NATS_MONITOR_URL",
		judgeDurability,
	}, {
		"broker.clock", "have both machines follow the same time servers: signatures and schedules go by the clock",
		func(v Vitals) (Level, string) {
			off := max(v.Broker.Offset.Abs()-v.Broker.Within, 0)
			level := OK
			if off >= warnClock {
				level = Warn
			}
			if off >= failClock {
				level = Fail
			}
			return verdict(level, "this machine is %s from the broker, give or take %s", v.Broker.Offset.Round(time.Millisecond), v.Broker.Within.Round(time.Millisecond))
		},
	}, {
		"streams.exist", "run payctl provision; if a stream was there before, stop all writers first and restore it from the mirror or a backup",
		func(v Vitals) (Level, string) {
			return either(Fail, v.streams(func(s bus.StreamReport) string { return when(s.Missing, "is missing") }), fmt.Sprintf("all %d are there", len(v.Broker.Streams)))
		},
	}, {
		"streams.config", "run payctl provision with the numbers of shards, replicas and bytes of this installation; it says what it will not change",
		func(v Vitals) (Level, string) {
			return either(Fail, v.streams(func(s bus.StreamReport) string {
				return when(len(s.Differs) > 0, "has another "+strings.Join(s.Differs, ", "))
			}), "as provisioned")
		},
	}, {
		"streams.replicas", "bring the named server back, and wait until it has caught up before you touch another; never remove a peer that is down",
		judgeReplicas,
	}, {
		"streams.room", "give the stream more room: payctl provision --max-bytes; above 100 % payments are refused, none is lost",
		judgeRoom,
	}, {
		"streams.gaps", "stop what writes to that stream; messages are lost inside it. Compare the replicas, restore from the mirror, then payctl verify",
		func(v Vitals) (Level, string) {
			return either(Fail, v.streams(func(s bus.StreamReport) string {
				return when(s.Gaps > 0, strconv.Itoa(s.Gaps)+" messages are missing inside")
			}), "sequences are contiguous")
		},
	}, {
		"consumers.exist", "run payctl provision; workers wait for it",
		func(v Vitals) (Level, string) {
			return either(Fail, v.consumers(func(c bus.ConsumerReport) string { return when(c.Missing, "is missing") }), fmt.Sprintf("all %d are there", len(v.Broker.Consumers)))
		},
	}, {
		"consumers.config", "run payctl provision; a consumer with a limit of deliveries strands messages",
		func(v Vitals) (Level, string) {
			return either(Fail, v.consumers(func(c bus.ConsumerReport) string {
				return when(len(c.Differs) > 0, "has another "+strings.Join(c.Differs, ", "))
			}), "as provisioned")
		},
	}, {
		"consumers.backlog", "see that the worker runs and its provider answers: payctl provider status; more replicas of the worker help against load, not against an outage",
		judgeBacklog,
	}, {
		"consumers.redelivered", "read the service's log for what it fails on; a message that comes again and again has a payctl payment timeline",
		func(v Vitals) (Level, string) {
			return either(Warn, v.consumers(func(c bus.ConsumerReport) string {
				return when(c.Redelivered > mostRedelivered, strconv.Itoa(c.Redelivered)+" messages in hand were delivered before")
			}), "few messages come again")
		},
	}, {
		"advisories.max_deliveries", "a consumer has a limit that provisioning does not set: payctl provision puts it right, and the sweeper finds the commands; look for the callbacks with payctl callbacks reverify",
		judgeStranded,
	}, {
		"dead.letters", "payctl dead list, repair the cause, then payctl dead replay; payctl dead discard for what is nothing",
		func(v Vitals) (Level, string) {
			switch {
			case len(v.Dead) == 0 && v.DeadErr != nil:
				return verdict(Warn, "they cannot be read: %v", v.DeadErr)
			case len(v.Dead) == 0:
				return verdict(OK, "none is open")
			}
			return verdict(Fail, "%d are open, the oldest since %s", len(v.Dead), short(v.Now.Sub(slices.MinFunc(v.Dead, time.Time.Compare))))
		},
	}, {
		"audit.chain", "treat it as an incident: somebody with the broker's own rights has changed the record of what operators did",
		func(v Vitals) (Level, string) {
			switch {
			case errors.Is(v.AuditErr, bus.ErrTampered):
				return verdict(Fail, "%v", v.AuditErr)
			case v.AuditErr != nil:
				return verdict(Warn, "it cannot be read: %v", v.AuditErr)
			}
			return verdict(OK, "%d records hold together", v.Audit)
		},
	},
}

// mostRedelivered is how many messages of a consumer may be in hand for another time.
const mostRedelivered = 50

// streams returns what say says of each stream that it says something of.
func (v Vitals) streams(say func(bus.StreamReport) string) []string {
	var all []string
	for _, s := range v.Broker.Streams {
		if text := say(s); text != "" && (text == "is missing" || !s.Missing) {
			all = append(all, s.Name+" "+text)
		}
	}
	return all
}

func (v Vitals) consumers(say func(bus.ConsumerReport) string) []string {
	var all []string
	for _, c := range v.Broker.Consumers {
		if text := say(c); text != "" {
			all = append(all, c.Name+" of "+c.Stream+" "+text)
		}
	}
	return all
}

func when(cond bool, text string) string {
	if cond {
		return text
	}
	return ""
}

func judgeDurability(v Vitals) (Level, string) {
	switch {
	case v.Laptop:
		return verdict(Warn, "PAYLOOM_DURABILITY is laptop: a power cut loses acknowledged payments")
	case v.Durability != nil:
		return verdict(Fail, "%v", v.Durability)
	}
	return verdict(OK, "every write is synced before it is acknowledged")
}

func judgeReplicas(v Vitals) (Level, string) {
	n := v.Broker.Topology.Replicas
	wrong := v.streams(func(s bus.StreamReport) string {
		if len(s.Behind) > 0 {
			return "is not in sync on " + strings.Join(s.Behind, ", ")
		}
		return when(n > 1 && s.Leader == "", "has no leader")
	})
	if len(wrong) == 0 && n == 1 && !v.Laptop {
		return verdict(Warn, "there is one copy of everything; production has 3")
	}
	return either(Fail, wrong, fmt.Sprintf("%d of each, all in sync", n))
}

func judgeRoom(v Vitals) (Level, string) {
	level, fullest, name := OK, 0.0, ""
	var wrong []string
	for _, s := range v.Broker.Streams {
		if s.MaxBytes <= 0 {
			continue
		}
		share := float64(s.Bytes) / float64(s.MaxBytes)
		if share > fullest {
			fullest, name = share, s.Name
		}
		if share >= warnRoom {
			wrong = append(wrong, fmt.Sprintf("%s is %.0f %% full", s.Name, 100*share))
			level = Warn
		}
	}
	if fullest >= failRoom {
		level = Fail
	}
	return either(level, wrong, fmt.Sprintf("the fullest, %s, is %.0f %% full", name, 100*fullest))
}

// patience returns how long a consumer's oldest message may wait until a warning, and
// until an alarm. A callback may wait a day for its payment.
func patience(c bus.ConsumerReport) (warn, fail time.Duration) {
	if c.Stream == bus.CallbackStream {
		return time.Hour, 24 * time.Hour
	}
	return 5 * time.Minute, 15 * time.Minute
}

func judgeBacklog(v Vitals) (Level, string) {
	level, sum := OK, uint64(0)
	wrong := v.consumers(func(c bus.ConsumerReport) string {
		n := c.Pending + uint64(max(c.Unacknowledged, 0))
		sum += n
		warn, fail := patience(c)
		switch {
		case c.Oldest > fail:
			level = Fail
		case c.Oldest > warn && level == OK:
			level = Warn
		}
		return when(c.Oldest > warn, fmt.Sprintf("has %d messages, the oldest has waited for %s", n, short(c.Oldest)))
	})
	return either(level, wrong, fmt.Sprintf("%d messages wait or are in hand, none for long", sum))
}

func judgeStranded(v Vitals) (Level, string) {
	switch {
	case len(v.Stranded) == 0 && v.AdvisoryErr != nil:
		return verdict(Warn, "the advisories cannot be read: %v", v.AdvisoryErr)
	case len(v.Stranded) == 0:
		return verdict(OK, "the broker has given up no message")
	}
	last := v.Stranded[len(v.Stranded)-1]
	return verdict(Fail, "the broker has given up %d message(s), the last for %s of %s %s ago",
		len(v.Stranded), last.Consumer, last.Stream, short(v.Now.Sub(last.At)))
}

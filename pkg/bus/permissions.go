package bus

import (
	"slices"

	"github.com/payloom/payloom/pkg/payment"
)

// The names by which programs connect, and by which they are given permissions.
// A worker's is "worker-" and its provider.
const (
	Ingress      = "ingress"
	Receiver     = "notify-receiver"
	Tracker      = "state-tracker"
	Sender       = "webhook-sender"
	Operator     = "payctl"      // looks, and does what the audit then tells
	Provisioner  = "provisioner" // makes streams and consumers
	inboxPrefix  = "_INBOX_"
	api          = "$JS.API."
	everyCommand = "pay.cmd.>"
	everyEvent   = "pay.evt.>"
)

// Permission is what a program may do at the broker. What it does not list is
// refused. Deny goes before Publish.
type Permission struct {
	Client    string   `json:"client"`
	Publish   []string `json:"publish"`
	Deny      []string `json:"deny,omitempty"`
	Subscribe []string `json:"subscribe"`
}

// Permissions returns the table of all programs for streams that are spread over
// so many shards. It is the only place that says who may do what; the broker's
// configuration is made from it.
//
// Nobody may delete or purge a stream, and nobody but the provisioner may make or
// change one, or a durable consumer.
func Permissions(shards int) []Permission {
	r := rights{shards: max(shards, 1)}
	all := []Permission{
		r.may(Ingress, onto(everyCommand), r.get(r.commands()), r.get(r.events()), useKeys(r.subjectKeys())),
		r.may(Receiver,
			onto("pay.hook.>", everyEvent, deadSubject(Receiver)),
			r.get(r.events()), r.get([]string{CallbackStream}), take(interpreter, CallbackStream),
			useKeys(append(r.subjectKeys(), dayBucket)), r.destroy([]string{dayBucket})),
		r.may(Tracker,
			onto(everyCommand, "pay.timer.due.>", deadSubject(Tracker)), // the sweeper wakes and asks
			r.follow(r.commands()), r.follow(r.events()), r.follow([]string{CallbackStream, DeadStream, AdvisoryStream, AuditStream, sharedStream}),
			readKeys(r.subjectKeys())),
		r.may(Sender, r.follow(r.events()), readKeys(r.subjectKeys())),
		r.may(Operator,
			onto(auditSubject(Operator), everyEvent, "pay.timer.due.>", kv(SharedBucket)+"switch.>"), // resolves what is parked, wakes what was buried
			r.survey(),
			r.follow(r.commands()), r.follow(r.events()),
			r.follow([]string{CallbackStream, TimerStream, DeadStream, AuditStream, AdvisoryStream, sharedStream}),
			useKeys(append(r.subjectKeys(), dayBucket)), r.destroy(append(r.subjectKeys(), dayBucket))), // erases, and rotates
		r.may(Provisioner, onto(
			api+"INFO", api+"STREAM.INFO.*", api+"STREAM.CREATE.*", api+"STREAM.UPDATE.*",
			api+"CONSUMER.INFO.*.*", api+"CONSUMER.CREATE.>")),
	}
	for _, p := range payment.Providers() {
		all = append(all, r.worker(p))
	}
	return all
}

// worker returns what the worker of p may do. It appends to the ledgers of its
// own provider's payments only. It may read all of them, because a payment
// belongs to whoever opens it first; and it may wake any command, because one
// for a payment that is elsewhere is answered there. A wake-up of a stranger's
// command changes nothing.
func (r rights) worker(p payment.Provider) Permission {
	name, own := workerName(p), string(p)
	return r.may(name,
		onto("pay.evt.*."+own+".>", "pay.timer.at."+own+".>", "pay.timer.due.>", deadSubject(name)),
		onto(kv(SharedBucket)+"breaker."+own+".>", kv(SharedBucket)+"tokens."+own+".>", kv(SharedBucket)+ledgerMarks+">"), r.follow([]string{sharedStream}),
		r.get(r.commands()), r.get(r.events()), useKeys(r.subjectKeys()),
		take(name, append(r.commands(), TimerStream)...))
}

// right is a list of subjects to publish to, and one of exceptions.
type right struct{ allow, deny []string }

type rights struct{ shards int }

func (r rights) commands() []string { return names(commandStream, r.shards) }
func (r rights) events() []string   { return names(eventStream, r.shards) }

func kv(bucket string) string { return "$KV." + bucket + "." }

// survey is asking how durable consumers stand.
func (r rights) survey() right {
	var all right
	for _, d := range r.durables() {
		all.allow = append(all.allow, api+"CONSUMER.INFO."+d.stream+"."+d.config.Durable)
	}
	return all
}

func (r rights) durables() []durable { return (Topology{Shards: r.shards}).withDefaults().consumers() }

// subjectKeys returns the buckets of the keys of payments.
func (r rights) subjectKeys() []string { return names(subjectBucket, r.shards) }

// readKeys is reading data keys, for whoever shows what they seal.
func readKeys(buckets []string) right {
	return each(buckets, func(bucket string) []string {
		s := streamOf(bucket)
		return []string{api + "DIRECT.GET." + s, api + "STREAM.MSG.GET." + s}
	})
}

// useKeys is making data keys in buckets, too, for whoever stores what they seal.
func useKeys(buckets []string) right {
	return each(buckets, func(bucket string) []string {
		s := streamOf(bucket)
		return []string{kv(bucket) + ">", api + "DIRECT.GET." + s, api + "STREAM.MSG.GET." + s}
	})
}

// destroy is finding data keys in buckets and deleting them.
func (r rights) destroy(buckets []string) right {
	streams := names(func(i int) string { return streamOf(buckets[i]) }, len(buckets))
	return right{allow: append(r.follow(streams).allow, each(streams, func(s string) []string { return []string{api + "STREAM.MSG.DELETE." + s} }).allow...)}
}

// may adds up rights, with what everybody needs: the layout, the broker's clock,
// and answers.
func (r rights) may(client string, all ...right) Permission {
	sum := info(append(append([]string{commandStream(0), streamOf(dayBucket)}, r.events()...), names(func(k int) string { return streamOf(subjectBucket(k)) }, r.shards)...)...)
	for _, one := range all {
		sum.allow, sum.deny = append(sum.allow, one.allow...), append(sum.deny, one.deny...)
	}
	return Permission{Client: client, Publish: sorted(sum.allow), Deny: sorted(sum.deny), Subscribe: []string{inbox(client) + ".>"}}
}

func sorted(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}

// onto is publishing to subjects that stand for themselves.
func onto(subjects ...string) right { return right{allow: subjects} }

// info is asking how a stream stands.
func info(streams ...string) right {
	return each(streams, func(s string) []string { return []string{api + "STREAM.INFO." + s} })
}

// get is reading single messages of streams.
func (r rights) get(streams []string) right {
	return each(streams, func(s string) []string { return []string{api + "DIRECT.GET." + s} })
}

// take is working off the messages of a durable consumer. Acknowledgements are
// allowed in the format of today and in the one with domain and account.
func take(consumer string, streams ...string) right {
	return each(streams, func(s string) []string {
		at := s + "." + consumer
		return []string{api + "CONSUMER.INFO." + at, api + "CONSUMER.MSG.NEXT." + at, "$JS.ACK." + at + ".>", "$JS.ACK.*.*." + at + ".>"}
	})
}

// follow is reading streams from a position on, by consumers that are made for
// the purpose and vanish. It does not extend to durable consumers, whose names
// are known.
func (r rights) follow(streams []string) right {
	all := each(streams, func(s string) []string {
		return []string{
			api + "STREAM.INFO." + s, api + "DIRECT.GET." + s,
			api + "CONSUMER.CREATE." + s + ".>", api + "CONSUMER.MSG.NEXT." + s + ".*", api + "CONSUMER.DELETE." + s + ".*",
		}
	})
	for _, d := range r.durables() {
		if slices.Contains(streams, d.stream) {
			at := d.stream + "." + d.config.Durable
			all.deny = append(all.deny,
				api+"CONSUMER.CREATE."+at, api+"CONSUMER.CREATE."+at+".>", api+"CONSUMER.MSG.NEXT."+at, api+"CONSUMER.DELETE."+at)
		}
	}
	return all
}

func each(streams []string, f func(string) []string) right {
	var r right
	for _, s := range streams {
		r.allow = append(r.allow, f(s)...)
	}
	return r
}

// inbox returns where answers to the named client arrive. It is the client's own:
// who may listen at another's inbox reads its payloads.
func inbox(client string) string { return inboxPrefix + inboxName(client) }

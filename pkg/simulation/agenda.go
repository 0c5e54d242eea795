package simulation

import "time"

// agenda is what is going to happen, in the order of time; at the same time, in the
// order in which it was entered.
type agenda struct {
	now     time.Duration // since the world began
	entries []entry
	serial  uint64
}

// entry is a call of do, or the end of a task's sleep.
type entry struct {
	at     time.Duration
	serial uint64
	do     func()
	task   *task
	sleep  uint64 // the task's sleep that ends
}

func (e entry) before(f entry) bool {
	return e.at < f.at || (e.at == f.at && e.serial < f.serial)
}

// after has do called when d has passed.
func (a *agenda) after(d time.Duration, do func()) { a.add(entry{at: a.now + max(d, 0), do: do}) }

// add enters e, which is a binary heap's push.
func (a *agenda) add(e entry) {
	a.serial++
	e.serial = a.serial
	a.entries = append(a.entries, e)
	for i := len(a.entries) - 1; i > 0; {
		parent := (i - 1) / 2
		if !a.entries[i].before(a.entries[parent]) {
			return
		}
		a.entries[i], a.entries[parent] = a.entries[parent], a.entries[i]
		i = parent
	}
}

// next takes the first entry and puts the time forward to it.
func (a *agenda) next() (entry, bool) {
	if len(a.entries) == 0 {
		return entry{}, false
	}
	first, last := a.entries[0], len(a.entries)-1
	a.entries[0], a.entries[last] = a.entries[last], entry{}
	a.entries = a.entries[:last]
	a.sink()
	a.now = max(a.now, first.at)
	return first, true
}

func (a *agenda) sink() {
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(a.entries); child++ {
			if a.entries[child].before(a.entries[least]) {
				least = child
			}
		}
		if least == i {
			return
		}
		a.entries[i], a.entries[least] = a.entries[least], a.entries[i]
		i = least
	}
}

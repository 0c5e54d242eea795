package simulation

import (
	"iter"
	"time"
)

// task is a handler at work: ordinary blocking code that hands over whenever it
// would wait. It is a coroutine, so that nothing ever runs beside it.
type task struct {
	world  *world
	host   *host
	name   string
	thread *thread
	sleep  uint64 // number of the current or last sleep
	killed bool
	ended  bool
}

// thread is what tasks run on, one after the other.
type thread struct {
	next  func() (struct{}, bool)
	stop  func()
	yield func(struct{}) bool
	body  func()
}

func newThread() *thread {
	th := &thread{}
	th.next, th.stop = iter.Pull(func(yield func(struct{}) bool) {
		th.yield = yield
		for {
			th.body()
			if !yield(struct{}{}) {
				return
			}
		}
	})
	return th
}

// killed is what a task panics with when its process dies. Its deferred calls run,
// which in a dying process they would not; they do nothing that anybody sees.
type killed struct{}

// spawn has body run on h as soon as everything else of this moment has.
func (w *world) spawn(h *host, name string, body func()) *task {
	t := &task{world: w, host: h, name: name}
	if n := len(w.idle); n > 0 {
		t.thread, w.idle = w.idle[n-1], w.idle[:n-1]
	} else {
		t.thread = newThread()
	}
	t.thread.body = func() {
		defer func() {
			t.ended = true
			if v := recover(); v != nil && v != any(killed{}) {
				w.panicked(t, v)
			}
		}()
		if !t.killed {
			body()
		}
	}
	h.tasks = append(h.tasks, t)
	w.add(entry{at: w.now, task: t})
	return t
}

// resume lets a task go on until it hands over. That of a process that is stopped
// goes on later.
func (w *world) resume(e entry) {
	t := e.task
	if t.ended || e.sleep != t.sleep {
		return
	}
	if t.host.stopped > w.now {
		w.add(entry{at: t.host.stopped, task: t, sleep: e.sleep})
		return
	}
	t.run()
	if t.host.dead {
		t.host.reap()
	}
}

// run lets t have the world until it hands over.
func (t *task) run() {
	w := t.world
	t.sleep++
	w.current = t
	t.thread.next()
	w.current = nil
	if t.ended {
		w.idle = append(w.idle, t.thread)
	}
}

// kill ends t where it is.
func (t *task) kill() {
	if !t.ended {
		t.killed = true
		t.run()
	}
}

// sleepUntil hands over until at, or until somebody wakes the sleep.
func (t *task) sleepUntil(at time.Duration) {
	t.world.add(entry{at: max(at, t.world.now), task: t, sleep: t.sleep})
	t.thread.yield(struct{}{})
	if t.killed {
		panic(killed{})
	}
}

func (t *task) pause(d time.Duration) { t.sleepUntil(t.world.now + d) }

// waker returns what ends the sleep that t is about to begin.
func (t *task) waker() func() {
	sleep := t.sleep
	return func() { t.world.add(entry{at: t.world.now, task: t, sleep: sleep}) }
}

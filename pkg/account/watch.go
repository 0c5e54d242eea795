package account

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

// settle is how long a change is given to become complete: an editor or a
// secrets manager writes more than one file.
const settle = 100 * time.Millisecond

// Live is a file of accounts that follows its changes. It is a
// prometheus.Collector. Its methods may be called concurrently.
type Live struct {
	path string
	log  *zap.Logger
	book atomic.Pointer[Book]

	watcher *fsnotify.Watcher
	watched []string // by the watching goroutine only
	lastErr string   // likewise
	reloads *prometheus.CounterVec
	loaded  prometheus.Gauge
	done    chan struct{}
}

// Watch loads the file at path and follows it, and the files its secrets come
// from, until ctx ends. A new file with problems is logged and counted, and the
// old one stays in force. An error is about the first load: no service starts
// without accounts.
func Watch(ctx context.Context, path string, log *zap.Logger) (*Live, error) {
	book, files, err := load(path, nil)
	if err != nil {
		return nil, err
	}
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("accounts: %w", err)
	}
	l := newLive(path, log, watcher)
	l.use(book)
	if err := watcher.Add(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("accounts: watch %s: %w", filepath.Dir(path), err)
	}
	l.follow(files)
	go l.run(ctx)
	return l, nil
}

func newLive(path string, log *zap.Logger, w *fsnotify.Watcher) *Live {
	l := &Live{path: path, log: log, watcher: w, done: make(chan struct{})}
	l.reloads = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "payloom_accounts_reloads_total",
		Help: "Changes of the file of accounts, by result: ok, or refused while the old one stayed in force.",
	}, []string{"result"})
	l.loaded = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "payloom_accounts_loaded_timestamp_seconds",
		Help: "When the file of accounts that is in force was read.",
	})
	for _, result := range []string{"ok", "refused"} {
		l.reloads.WithLabelValues(result)
	}
	return l
}

// Book returns the accounts that are in force now. Keep the Book for as long as
// one request lasts, not longer.
func (l *Live) Book() *Book { return l.book.Load() }

// Describe implements prometheus.Collector.
func (l *Live) Describe(ch chan<- *prometheus.Desc) {
	l.reloads.Describe(ch)
	l.loaded.Describe(ch)
}

// Collect implements prometheus.Collector.
func (l *Live) Collect(ch chan<- prometheus.Metric) {
	l.reloads.Collect(ch)
	l.loaded.Collect(ch)
}

// run reloads some time after a change. The file may have changed between the
// first load and the watch, so it begins with a look.
func (l *Live) run(ctx context.Context) {
	defer close(l.done)
	defer l.watcher.Close()
	timer := time.NewTimer(settle)
	defer timer.Stop()
	armed := true
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			armed = l.reload()
			if armed {
				timer.Reset(settle)
			}
		case _, ok := <-l.watcher.Events:
			if ok && !armed {
				armed = true
				timer.Reset(settle)
			}
		case err, ok := <-l.watcher.Errors:
			// Events were lost: whatever they were about is read again.
			if ok && !armed {
				l.log.Warn("watching the accounts", zap.Error(err))
				armed = true
				timer.Reset(settle)
			}
		}
	}
}

// reload reads the file again. It returns true when it began to watch another
// file, which may have changed meanwhile.
func (l *Live) reload() (again bool) {
	book, files, err := load(l.path, nil)
	switch {
	case err != nil:
		l.refuse(err)
	case !sameDigest(book, l.Book()):
		l.use(book)
		l.reloads.WithLabelValues("ok").Inc()
		l.log.Info("accounts reloaded", zap.Int("merchants", len(book.merchants)))
	default:
		l.lastErr = ""
	}
	return l.follow(files)
}

func (l *Live) use(b *Book) {
	l.book.Store(b)
	l.loaded.SetToCurrentTime()
	l.lastErr = ""
}

// refuse says once what is wrong; a directory may see many changes that leave it so.
func (l *Live) refuse(err error) {
	if err.Error() == l.lastErr {
		return
	}
	l.lastErr = err.Error()
	l.reloads.WithLabelValues("refused").Inc()
	l.log.Error("the new accounts are refused, the old ones stay in force", zap.Error(err))
}

// follow watches the file and its secrets' files: their directories, because
// files are replaced rather than written, what symbolic links lead to, because
// orchestrators swap links, and the files themselves, because a file that is
// mounted alone shows nothing in its directory.
func (l *Live) follow(secrets []string) (more bool) {
	want := []string{}
	for _, f := range append([]string{l.path}, secrets...) {
		want = append(want, filepath.Dir(f), f)
		if real, err := filepath.EvalSymlinks(f); err == nil {
			want = append(want, filepath.Dir(real), real)
		}
	}
	for _, w := range want {
		// One that is gone comes back with an event of its directory.
		if l.watcher.Add(w) == nil && !slices.Contains(l.watched, w) {
			more = true
		}
	}
	for _, w := range l.watched {
		if !slices.Contains(want, w) {
			_ = l.watcher.Remove(w) // it is gone already, or was never there
		}
	}
	l.watched = want
	return more
}

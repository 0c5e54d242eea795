package account_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/payment"
)

// fileWith returns a file of accounts whose secret comes from the file at key.
func fileWith(merchant, key string) string {
	return fmt.Sprintf(`
merchants:
  - id: %s
    accounts:
      - name: a
        provider: computop
        endpoint: https://www.computop-paygate.com/
        callback_key: 5fVq0cTnW2rYb7Hk
        secrets: {mac: [{id: "1", ref: "file:%s"}]}
`, merchant, key)
}

// fixture is a watched file of accounts.
type fixture struct {
	live *account.Live
	path string
	key  string
	logs *observer.ObservedLogs
}

func newFixture(t *testing.T) fixture {
	t.Helper()
	dir := t.TempDir()
	f := fixture{path: filepath.Join(t.TempDir(), "accounts.yaml"), key: filepath.Join(dir, "mac")}
	mustWrite(t, f.key, canary+"-1")
	mustWrite(t, f.path, fileWith("first", f.key))
	f.watch(t)
	return f
}

func (f *fixture) watch(t *testing.T) {
	t.Helper()
	core, logs := observer.New(zap.DebugLevel)
	live, err := account.Watch(t.Context(), f.path, zap.New(core))
	if err != nil {
		t.Fatal(err)
	}
	f.live, f.logs = live, logs
}

func (f *fixture) serves(m payment.Merchant) func() bool {
	return func() bool { return f.live.Book().Merchants()[0].ID == m }
}

func (f *fixture) mac(t *testing.T) string {
	t.Helper()
	for a := range f.live.Book().Accounts() {
		v, _ := a.Secrets.Current("mac")
		return v.Reveal()
	}
	t.Fatal("no account")
	return ""
}

// refused tells whether one new file was refused so far, by the metrics.
func (f *fixture) refused() bool {
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(f.live)
	families, err := metrics.Gather()
	if err != nil {
		return false
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetValue() == "refused" {
					return m.GetCounter().GetValue() == 1
				}
			}
		}
	}
	return false
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("did not happen: %s", what)
		}
	}
}

func TestWatch_FollowsTheFile(t *testing.T) {
	t.Parallel()
	tests := map[string]func(t *testing.T, f fixture){
		"written in place": func(t *testing.T, f fixture) {
			mustWrite(t, f.path, fileWith("second", f.key))
		},
		"replaced by renaming": func(t *testing.T, f fixture) {
			mustWrite(t, f.path+".new", fileWith("second", f.key))
			mustRename(t, f.path+".new", f.path)
		},
		"removed and written again": func(t *testing.T, f fixture) {
			if err := os.Remove(f.path); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the missing file is refused", f.refused)
			mustWrite(t, f.path, fileWith("second", f.key))
		},
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			change(t, f)
			eventually(t, "the new file serves", f.serves("second"))
		})
	}
}

// TestWatch_SwappedLinks does what Kubernetes does to a mounted ConfigMap: the
// file is a link into ..data, which is a link to a folder, and is swapped.
func TestWatch_SwappedLinks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	key := filepath.Join(t.TempDir(), "mac")
	mustWrite(t, key, "1")
	publish := func(version, merchant string) {
		folder := filepath.Join(dir, version)
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		mustWrite(t, filepath.Join(folder, "accounts.yaml"), fileWith(merchant, key))
		mustLink(t, version, filepath.Join(dir, "..tmp"))
		mustRename(t, filepath.Join(dir, "..tmp"), filepath.Join(dir, "..data"))
	}
	publish("..1", "first")
	mustLink(t, "..data/accounts.yaml", filepath.Join(dir, "accounts.yaml"))
	f := fixture{path: filepath.Join(dir, "accounts.yaml"), key: key}
	f.watch(t)
	for i, merchant := range []string{"second", "third"} {
		publish(fmt.Sprintf("..%d", i+2), merchant)
		eventually(t, merchant+" serves", f.serves(payment.Merchant(merchant)))
	}
}

func TestWatch_SecretIsRotated(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	before := f.live.Book()
	mustWrite(t, f.key, canary+"-2")
	eventually(t, "the new secret serves", func() bool { return f.mac(t) == canary+"-2" })
	if before == f.live.Book() {
		t.Error("the old book was changed")
	}
	// Two at once, as during a rotation; the second one's file comes after the accounts.
	late := filepath.Join(t.TempDir(), "late")
	two := strings.Replace(fileWith("first", late), "mac: [", `mac: [{id: "2", ref: "file:`+f.key+`"}, `, 1)
	mustWrite(t, f.path, two)
	eventually(t, "the incomplete file is refused", f.refused)
	mustWrite(t, late, canary+"-3")
	eventually(t, "both secrets serve", func() bool {
		a, err := f.live.Book().Account("first", payment.Computop, "")
		return err == nil && len(a.Secrets.All("mac")) == 2
	})
	for _, e := range f.logs.All() {
		if strings.Contains(fmt.Sprint(e.Message, e.ContextMap()), canary) {
			t.Errorf("a log line shows a secret: %v", e.Message)
		}
	}
}

func TestWatch_BrokenFileIsRefused(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	before := f.live.Book()
	mustWrite(t, f.path, "merchants: [{id: Second}]\n")
	eventually(t, "the broken file is refused", f.refused)
	if f.live.Book() != before {
		t.Error("the broken file took the place of the old one")
	}
	lines := f.logs.FilterMessageSnippet("refused").All()
	if len(lines) != 1 || !strings.Contains(fmt.Sprint(lines[0].ContextMap()["error"]), "accounts.yaml:1: merchants[0].id: must be") {
		t.Errorf("log is %v", lines)
	}
	mustWrite(t, f.path, fileWith("second", f.key))
	eventually(t, "a good file serves again", f.serves("second"))
}

func TestWatch_NeedsAFileAtFirst(t *testing.T) {
	t.Parallel()
	if _, err := account.Watch(t.Context(), filepath.Join(t.TempDir(), "none.yaml"), zap.NewNop()); err == nil {
		t.Error("started without accounts")
	}
}

func TestWatch_ReadersAndChanges(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for ctx.Err() == nil {
				book := f.live.Book()
				if _, err := book.Account(book.Merchants()[0].ID, payment.Computop, ""); err != nil {
					t.Errorf("a book changed under its reader: %v", err)
				}
			}
		})
	}
	for i := range 3 {
		name := fmt.Sprintf("m%d", i)
		mustWrite(t, f.path, fileWith(name, f.key))
		eventually(t, name+" serves", f.serves(payment.Merchant(name)))
	}
	stop()
	wg.Wait()
}

func mustRename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func mustLink(t *testing.T, to, at string) {
	t.Helper()
	if err := os.Symlink(to, at); err != nil {
		t.Fatal(err)
	}
}

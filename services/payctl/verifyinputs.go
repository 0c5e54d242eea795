package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/services/payctl/internal/verify"
)

// verifyInputs gathers what verify compares, from flags and the environment.
func (a *app) verifyInputs(ctx context.Context, o verifyOptions) (in verify.Inputs, done func(), err error) {
	s, err := a.settings()
	if err != nil {
		return in, nil, err
	}
	if in, err = a.offline(s, o); err != nil {
		return in, nil, err
	}
	b, err := a.connect(ctx)
	if err != nil {
		return in, nil, err
	}
	in.Streams = b
	if s.DatabaseURL == "" {
		return in, b.Close, nil
	}
	db, err := a.database(ctx)
	if err != nil {
		b.Close()
		return in, nil, err
	}
	in.Database = db
	return in, func() { db.Close(); b.Close() }, nil
}

// offline gathers what no connection is needed for.
func (a *app) offline(s settings, o verifyOptions) (in verify.Inputs, err error) {
	in = verify.Inputs{Simulators: o.simulator, Grace: o.grace, SLA: o.sla, Metrics: o.metrics, Logs: o.logs}
	if len(in.Simulators) == 0 && s.Simulator != "" {
		in.Simulators, in.LedgerSince = []string{s.Simulator}, s.Since
	}
	if len(in.Metrics) == 0 && s.Metrics != "" {
		in.Metrics = strings.Split(s.Metrics, ",")
	}
	if in.Logs == "" {
		in.Logs = s.Logs
	}
	if in.HealedAt, err = o.healedAt(); err != nil {
		return in, err
	}
	if o.journal != "" {
		if in.Journal, err = readJournal(o.journal); err != nil {
			return in, err
		}
	}
	if o.forged != "" {
		if in.Forged, err = readForged(o.forged); err != nil {
			return in, err
		}
	}
	for _, path := range o.canaries {
		more, err := readCanaries(path)
		if err != nil {
			return in, err
		}
		in.Canaries = append(in.Canaries, more...)
	}
	return in, a.ofAccounts(s.Accounts, &in)
}

// ofAccounts adds what the accounts file tells: secrets that must be nowhere, and
// which accounts are the defaults.
func (a *app) ofAccounts(path string, in *verify.Inputs) error {
	if path == "" {
		return nil
	}
	book, err := account.Load(path, nil)
	if err != nil {
		return fmt.Errorf("the accounts at PAYLOOM_ACCOUNTS, whose secrets are looked for: %w", err)
	}
	in.Canaries, in.Defaults = append(in.Canaries, secretsOf(book)...), defaultsOf(book)
	return nil
}

// secretsOf returns the secrets of all accounts, by name.
func secretsOf(book *account.Book) []verify.Canary {
	var all []verify.Canary
	for a := range book.Accounts() {
		for name, list := range a.Secrets {
			for _, secret := range list {
				if text := secret.Value.Reveal(); len(text) >= verify.ShortestCanary {
					what := fmt.Sprintf("the secret %s %s of account %s at %s", name, secret.ID, a.Name, a.Provider)
					all = append(all, verify.Canary{Name: what, Text: text})
				}
			}
		}
	}
	return all
}

// defaultsOf returns the accounts of payments that name none.
func defaultsOf(book *account.Book) map[verify.Holder]string {
	all := map[verify.Holder]string{}
	for a := range book.Accounts() {
		if d, err := book.Account(a.Merchant, a.Provider, ""); err == nil {
			all[verify.Holder{Merchant: a.Merchant, Provider: a.Provider}] = d.Name
		}
	}
	return all
}

func (o verifyOptions) healedAt() (time.Time, error) {
	if o.healed == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339Nano, o.healed)
	if err != nil {
		return at, misuse("--healed-at: %q is no time such as 2026-05-01T12:00:00Z", o.healed)
	}
	return at, nil
}

func readJournal(path string) ([]verify.Accepted, error) {
	all := []verify.Accepted{}
	err := eachLine(path, func(_ int, text string) error {
		var line verify.Accepted
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			return err
		}
		all = append(all, line)
		return nil
	})
	return all, err
}

// readForged reads the SHA-256 of a forged callback from each line.
func readForged(path string) (map[verify.Digest]bool, error) {
	all := map[verify.Digest]bool{}
	err := eachLine(path, func(_ int, text string) error {
		sum, err := hex.DecodeString(text)
		if err != nil || len(sum) != len(verify.Digest{}) {
			return fmt.Errorf("is no SHA-256 in hexadecimals")
		}
		all[verify.Digest(sum)] = true
		return nil
	})
	return all, err
}

// readCanaries reads a text that must be nowhere from each line. Reports name it by
// file and line.
func readCanaries(path string) ([]verify.Canary, error) {
	var all []verify.Canary
	err := eachLine(path, func(n int, text string) error {
		all = append(all, verify.Canary{Name: fmt.Sprintf("canary %s:%d", path, n), Text: text})
		return nil
	})
	return all, err
}

// maxLine is the longest line of a file that is read, bytes.
const maxLine = 1 << 20

// eachLine calls f with every line of a file that is not empty. The error names the
// line, and shows nothing of it.
func eachLine(path string, f func(n int, text string) error) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		if text := strings.TrimSpace(lines.Text()); text != "" {
			if err := f(n, text); err != nil {
				return fmt.Errorf("%s:%d: %w", path, n, err)
			}
		}
	}
	return lines.Err()
}

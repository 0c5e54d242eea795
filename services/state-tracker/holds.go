package main

import (
	"encoding/json"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/protection"
	"github.com/payloom/payloom/services/state-tracker/internal/store"
)

// holds are the accounts that nobody calls for now: an operator has paused them, or
// their circuit breaker is open. Commands for them are set aside and not stuck.
type holds struct {
	book func() *account.Book
	log  *zap.Logger

	mu     sync.Mutex
	paused map[protection.Account]bool
	open   map[protection.Account]time.Time // until when nobody tries; absent: closed
}

func newHolds(book func() *account.Book, log *zap.Logger) *holds {
	return &holds{book: book, log: log, paused: map[protection.Account]bool{}, open: map[protection.Account]time.Time{}}
}

// records lists what holds is told of, as keys of the shared bucket.
func (h *holds) records() []string {
	return []string{string(protection.SwitchRecord) + ".>", string(protection.BreakerRecord) + ".>"}
}

// learn takes note of a switch or a breaker.
func (h *holds) learn(key string, value []byte, _ uint64) {
	record, a, ok := protection.ParseKey(key)
	if !ok {
		return
	}
	var s protection.Switch
	var b protection.Breaker
	var err error
	h.mu.Lock()
	defer h.mu.Unlock()
	switch record {
	case protection.SwitchRecord:
		err = json.Unmarshal(value, &s)
		h.paused[a] = s.Mode == protection.Paused
	case protection.BreakerRecord:
		err = json.Unmarshal(value, &b)
		delete(h.open, a)
		if !b.Closed() {
			h.open[a] = b.Until()
		}
	case protection.BucketRecord:
	}
	if err != nil {
		h.log.Warn("a record of the protection is unreadable", zap.String("key", key), zap.Error(err))
	}
}

// provider tells whether all of p is paused.
func (h *holds) provider(p payment.Provider) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.paused[protection.Account{Provider: p}]
}

// command tells whether c waits for its provider or an operator at now. Behind a
// breaker whose time has come it does not: somebody has to make the next try. A
// command that names no account is for the merchant's default one.
func (h *holds) command(c store.Stalled, now time.Time) bool {
	a := protection.Account{Provider: c.Provider, Merchant: c.Merchant, Name: c.Account}
	if a.Name == "" {
		if found, err := h.book().Account(c.Merchant, c.Provider, ""); err == nil {
			a.Name = found.Name
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.paused[protection.Account{Provider: c.Provider}] || h.paused[a] || now.Before(h.open[a])
}

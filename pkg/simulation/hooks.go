package simulation

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/conf"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/wire"
)

// tell sends callbacks about rec: none, one or many, soon or late, in any order.
func (b *bank) tell(rec *record) {
	if b.rng.Float64() >= b.weather.callbacks {
		return
	}
	o := payment.Observation{Kind: rec.kind, Key: rec.key, Ref: rec.ref, Result: b.result(rec)}
	if b.weather.names {
		o.Command = rec.command
	}
	b.told = append(b.told, provider.Callback{Payment: rec.payment, Observation: o})
	body := strconv.Itoa(len(b.told) - 1)
	for n := range 1 + b.rng.IntN(3) {
		b.after(between(b.rng, time.Millisecond, b.weather.callbackLate), func() { b.receive(fmt.Sprintf("%s.%d", body, n), body) })
	}
}

// receive stores a callback as pkg/bus does.
func (b *bank) receive(id, body string) {
	if up := b.broker.up(); up > b.now { // refused with 503, so it comes again
		b.after(up-b.now+time.Minute, func() { b.receive(id, body) })
		return
	}
	b.count("callback")
	b.broker.hand(&message{kind: "callback", stored: b.now, callback: wire.StoredCallback{
		ID: id, Provider: label, Merchant: merchant, Account: accountName, Kind: wire.FromServer,
		Body: []byte(body), ReceivedAt: b.time(), Verdict: wire.Accepted, Dedup: id,
	}})
}

// ParseCallback implements provider.CallbackParser: the body says which one it is.
func (b *bank) ParseCallback(_ http.Header, body []byte) (provider.Callback, error) {
	n, err := strconv.Atoi(string(body))
	if err != nil || n >= len(b.told) {
		return provider.Callback{}, provider.ErrForged
	}
	return b.told[n], nil
}

const accountName = "eu"

// books is the one book of accounts of every world.
type books struct{}

// Book implements callback.Accounts.
func (books) Book() *account.Book { return theBook() }

var theBook = sync.OnceValue(func() *account.Book {
	const text = `
merchants:
  - id: demo
    accounts:
      - name: eu
        provider: computop
        default: true
        endpoint: https://provider.example/
        callback_key: EndpointOfTheSimulation
`
	book, err := account.Parse("accounts.yaml", []byte(text), func(string) (conf.Secret, error) { return "", nil })
	if err != nil {
		panic(err)
	}
	return book
})

package store

import (
	"context"
	"errors"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/projection"
	"github.com/payloom/payloom/pkg/seal"
	"github.com/payloom/payloom/pkg/wire"
)

// Personal says why personal data is missing; empty: it is not.
type Personal string

const (
	// Erased means that it was, for good.
	Erased Personal = "erased"
	// Unavailable means that its key cannot be had now: the broker is away, or this
	// program has not the key it is wrapped with. Everything else can be read.
	Unavailable Personal = "unavailable"
)

// missing says what an error of opening means.
func missing(err error) Personal {
	if errors.Is(err, seal.ErrDestroyed) {
		return Erased
	}
	return Unavailable
}

// open puts in what is sealed in a row.
func (s *Store) open(ctx context.Context, p *Payment, sealed []byte) {
	if len(sealed) == 0 {
		return
	}
	if s.keys == nil {
		p.Personal = Unavailable
		return
	}
	b, err := wire.OpenPersonal(sealed, p.Merchant, p.ID, p.Version, s.keys(ctx, p.Merchant, p.ID))
	if err != nil {
		p.Personal = missing(err)
		return
	}
	p.Buyer = projection.BuyerOf(b)
}

// openEvent puts in what is sealed in an event.
func (s *Store) openEvent(ctx context.Context, e *Event, m payment.Merchant, id payment.ID) error {
	var find wire.Finder
	if s.keys != nil {
		find = s.keys(ctx, m, id)
	}
	data, closed, err := wire.OpenDataJSON(e.body, find)
	switch {
	case err == nil && closed && find == nil:
		e.Personal = Unavailable
	case err == nil && closed:
		e.Personal = Erased
	case err != nil:
		// What cannot be opened is shown without, and what cannot be read not at all.
		e.Personal = missing(err)
		data, err = wire.DataJSON(e.body)
	}
	e.Data = data
	return err
}

package projection

import (
	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/payment"
)

// Key names a payment.
type Key struct {
	Merchant payment.Merchant
	Payment  payment.ID
}

// entry is a message that was decoded, or not.
type entry[T any] struct {
	msg bus.Message
	val T
	err error // why it could not be decoded
}

// after returns the entries that follow seq.
func after[T any](all []entry[T], seq uint64) []entry[T] {
	for len(all) > 0 && all[0].msg.Seq <= seq {
		all = all[1:]
	}
	return all
}

// spoilt tells whether one of the entries could not be decoded.
func spoilt[T any](all []entry[T]) bool {
	for _, e := range all {
		if e.err != nil {
			return true
		}
	}
	return false
}

package service

import (
	"time"

	"go.uber.org/zap"
)

// The names of log fields are spelled here and nowhere else. The caller's own
// idempotency key has no field: it may hold anything. Its digest, the command's
// id, stands for it.

// PaymentID names the payment.
func PaymentID(id string) zap.Field { return zap.String("payment_id", id) }

// CommandID names the command, which is also the operation it became.
func CommandID(id string) zap.Field { return zap.String("command_id", id) }

// CallbackID names a stored callback.
func CallbackID(id string) zap.Field { return zap.String("callback_id", id) }

// EventID names an event.
func EventID(id string) zap.Field { return zap.String("event_id", id) }

// Kind is the kind of an operation or event, such as "capture".
func Kind(kind string) zap.Field { return zap.String("kind", kind) }

// Provider names the payment provider.
func Provider(name string) zap.Field { return zap.String("provider", name) }

// Merchant names the merchant.
func Merchant(id string) zap.Field { return zap.String("merchant", id) }

// Account names one of the merchant's accounts at a provider.
func Account(id string) zap.Field { return zap.String("account", id) }

// Delivery says how often the queue has delivered this message; the first is 1.
func Delivery(n uint64) zap.Field { return zap.Uint64("delivery", n) }

// Attempt says which try at the provider this is; the first is 1.
func Attempt(n int) zap.Field { return zap.Int("attempt", n) }

// State is a payment's or operation's state.
func State(s string) zap.Field { return zap.String("state", s) }

// Outcome is how an operation or a delivery ended.
func Outcome(s string) zap.Field { return zap.String("outcome", s) }

// Reason is why, in a word from a closed list.
func Reason(s string) zap.Field { return zap.String("reason", s) }

// Subject is where a message stands.
func Subject(s string) zap.Field { return zap.String("subject", s) }

// Stream names a stream.
func Stream(s string) zap.Field { return zap.String("stream", s) }

// Sequence is a position within a stream.
func Sequence(n uint64) zap.Field { return zap.Uint64("sequence", n) }

// Shard is the number of a shard.
func Shard(n int) zap.Field { return zap.Int("shard", n) }

// Component names a part of a service.
func Component(name string) zap.Field { return zap.String("component", name) }

// Route is a request's route pattern, never its path.
func Route(pattern string) zap.Field { return zap.String("route", pattern) }

// Addr is a network address of our own.
func Addr(a string) zap.Field { return zap.String("addr", a) }

// Took is a duration in seconds.
func Took(d time.Duration) zap.Field { return zap.Float64("took_s", d.Seconds()) }

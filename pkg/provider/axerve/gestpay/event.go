package gestpay

import (
	"errors"
	"time"
	_ "time/tzdata" // Europe/Rome must be known on machines without a zone database
)

// EventType is what happened to a transaction.
type EventType string

// The types (Axerve documentation, query transaction status).
const (
	EventAuthorised EventType = "AUT" // authorised; also written when refused, and then the result is KO
	EventReserved   EventType = "PRE" // capture accepted, to be executed the following night
	EventCaptured   EventType = "MOV"
	EventCancelled  EventType = "CAN" // authorisation deleted
	EventRequested  EventType = "REQ" // refund requested
	EventRefunded   EventType = "STO" // refund executed
)

// Known tells whether the type is one of those above.
func (t EventType) Known() bool {
	switch t {
	case EventAuthorised, EventReserved, EventCaptured, EventCancelled, EventRequested, EventRefunded:
		return true
	}
	return false
}

// movesMoney tells whether a transaction with such an event was authorised.
func (t EventType) movesMoney() bool {
	return t == EventReserved || t == EventCaptured || t == EventRequested || t == EventRefunded
}

// Event is one entry of a transaction's history.
type Event struct {
	Type     EventType
	Amount   string // as it was written
	Date     string // as it was written; see At
	ARN      string
	ID       string
	Referred string // id of the event this one is about, where told
}

func events(n Node) []Event {
	list, _ := n.Child("Events")
	var all []Event
	for _, e := range list.Children {
		if e.Name != "event" {
			continue
		}
		all = append(all, Event{
			Type: EventType(e.Get("eventtype")), Amount: e.Get("eventamount"), Date: e.Get("eventdate"),
			ARN: e.Get("eventARN"), ID: e.Get("eventID"), Referred: e.Get("eventReferred"),
		})
	}
	return all
}

// EventZone is the zone that event dates are taken to be in; the documentation
// names none.
const EventZone = "Europe/Rome"

// eventLayout is that of eventdate.
const eventLayout = "02/01/06 15:04:05"

// ErrDate marks an event date that was not understood.
var ErrDate = errors.New("gestpay: bad event date")

// At is the time of the event, in EventZone. The error is ErrDate.
func (e Event) At() (time.Time, error) {
	zone, err := time.LoadLocation(EventZone)
	if err != nil {
		return time.Time{}, errors.Join(ErrDate, err)
	}
	at, err := time.ParseInLocation(eventLayout, e.Date, zone)
	if err != nil {
		return time.Time{}, ErrDate // without the text that a stranger wrote
	}
	return at, nil
}

// Ledger is the money of a transaction, summed over its events in minor units.
type Ledger struct {
	Currency        string // ISO 4217
	Authorised      int64  // 0 unless the result is OK
	Reserved        int64  // captures that the gateway will execute by itself
	Captured        int64
	Cancelled       int64
	RefundRequested int64
	Refunded        int64
	Unknown         []EventType // types that are in no list and in no sum
}

// Ledger sums the events of an answer of OpRead. Errors wrap ErrAmount; an answer
// of Parse gives none.
func (r Reply) Ledger() (Ledger, error) {
	iso, _ := ISOCurrency(r.UICCode)
	l := Ledger{Currency: iso}
	for _, e := range r.Events {
		sum := l.sum(e.Type)
		if sum == nil {
			l.Unknown = append(l.Unknown, e.Type)
			continue
		}
		minor, err := ParseAmount(e.Amount, iso)
		if err != nil {
			return Ledger{}, err
		}
		*sum += minor
	}
	if r.TransactionResult != ResultOK {
		l.Authorised = 0
	}
	return l, nil
}

func (l *Ledger) sum(t EventType) *int64 {
	switch t {
	case EventAuthorised:
		return &l.Authorised
	case EventReserved:
		return &l.Reserved
	case EventCaptured:
		return &l.Captured
	case EventCancelled:
		return &l.Cancelled
	case EventRequested:
		return &l.RefundRequested
	case EventRefunded:
		return &l.Refunded
	}
	return nil
}

// CapturePending tells whether the gateway holds a capture that it has not
// executed. It must not be asked again.
func (l Ledger) CapturePending() bool { return l.Reserved > 0 && l.Captured == 0 && l.Cancelled == 0 }

// Capturable is what a capture may still take. Amazon Pay has one capture for a
// payment: after it, however small, the rest is forfeited.
func (l Ledger) Capturable() int64 {
	if l.Reserved > 0 || l.Captured > 0 || l.Cancelled > 0 {
		return 0
	}
	return l.Authorised
}

// RefundPending is what was asked back and not yet given. Some refunds show as a
// request first and some do not, so only the sums can be compared.
func (l Ledger) RefundPending() int64 { return max(0, l.RefundRequested-l.Refunded) }

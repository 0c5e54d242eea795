package protection

import "time"

// Mode is what an operator lets a provider or an account do.
type Mode string

// The modes.
const (
	Running  Mode = "running"
	Paused   Mode = "paused"   // no call at all
	Draining Mode = "draining" // what was begun is finished, nothing new is begun
)

// Switch is an operator's decision. The zero value is Running.
type Switch struct {
	Mode   Mode      `json:"mode"`
	Since  time.Time `json:"since"`
	By     string    `json:"by"`
	Reason string    `json:"reason"`
}

// On tells whether calls are made as ever.
func (s Switch) On() bool { return s.Mode == "" || s.Mode == Running }

// Lets tells whether a call for purpose p may be made.
func (s Switch) Lets(p Purpose) bool {
	switch s.Mode {
	case Paused:
		return false
	case Draining:
		return p != Begin
	case Running:
	}
	return true
}

// Purpose is what a call is for.
type Purpose int

// The purposes.
const (
	Begin    Purpose = iota // the first attempt at an operation
	Continue                // another attempt at it, or the same one again
	Inquire                 // to ask, which changes nothing
)

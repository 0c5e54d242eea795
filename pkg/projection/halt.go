package projection

import "fmt"

// Halt is why a stream is not projected any further. It is never cured by trying
// again.
type Halt struct {
	Stream string
	Seq    uint64 // where
	Cause  HaltCause
	Detail string
}

// HaltCause is the kind of a Halt.
type HaltCause string

// The causes.
const (
	Gap       HaltCause = "gap"       // a sequence is missing
	Truncated HaltCause = "truncated" // the stream ends before the checkpoint
	Replaced  HaltCause = "replaced"  // another message stands at the checkpoint
	Expired   HaltCause = "expired"   // the stream forgot what was not projected yet
	Version   HaltCause = "version"   // an event's number does not follow
	Chain     HaltCause = "chain"     // an event does not name the one before it
	Stuck     HaltCause = "stuck"     // a message can neither be stored nor set aside
)

// Error says where, what and what to do.
func (h *Halt) Error() string {
	return fmt.Sprintf("%s halted at %d: %s: %s", h.Stream, h.Seq, h.Cause, h.Detail)
}

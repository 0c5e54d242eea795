package worker

// Point names a place in the worker's work where tests kill it.
type Point string

// The points, in the order in which a command passes them.
const (
	Loaded        Point = "loaded"
	IntentStored  Point = "intent stored"
	Sending       Point = "sending"
	Answered      Point = "answered"
	OutcomeStored Point = "outcome stored"
	Voided        Point = "voided"
	TimerSet      Point = "timer set"
)

// Points lists all points.
func Points() []Point {
	return []Point{Loaded, IntentStored, Sending, Answered, OutcomeStored, Voided, TimerSet}
}

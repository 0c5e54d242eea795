package computopsim

import (
	"strconv"
	"time"

	"github.com/payloom/payloom/pkg/provider/computop/paygate"
)

// Stage is where a payment's buyer is.
type Stage string

// The stages. A payment leaves StageReview, or StageOpen, exactly once.
const (
	StageOpen      Stage = "open"      // the button was given out; the buyer is at Amazon or not there yet
	StageReview    Stage = "review"    // the buyer is back at the shop, on the review page
	StagePending   Stage = "pending"   // confirmed, Amazon has not decided
	StageDone      Stage = "done"      // authorised or sold
	StageDeclined  Stage = "declined"  // Amazon said no
	StageCancelled Stage = "cancelled" // the buyer said no
	StageExpired   Stage = "expired"   // the session's 24 hours are over
)

// Lives of Amazon's objects, simulated.
const (
	sessionLife    = 24 * time.Hour
	chargeLife     = 30 * 24 * time.Hour
	permissionLife = 180 * 24 * time.Hour
	reqIDLife      = 365 * 24 * time.Hour
)

// payment is all Paygate knows of one PayID. The simulator's lock guards it.
type payment struct {
	merchant *merchant
	payID    string
	xid      string // of the first step
	transID  string
	refNr    string
	amount   int64 // asked for, minor units
	currency string
	sale     bool // authorise and capture in one
	series   bool // RTF=I: its permission pays further ones
	followUp bool // RTF=R: no buyer was there
	urls     returnURLs
	echo     echoes
	detail   string // simulated result, "" when none; see simulatedDetail
	base     string // the simulator's address as this merchant saw it

	session    string
	stage      Stage
	created    time.Time
	confirmed  time.Time // when it was authorised
	instrument int
	address    int

	permission   string
	charge       string
	chargeUsed   bool // captured once
	authorised   int64
	captured     int64
	capturing    int64 // in captures that are not final
	credited     int64
	crediting    int64 // in refunds that are not final
	steps        []*step
	entries      []int // indices in the ledger
	actions      int   // counts XIDs
	lastStatus   string
	lastCode     paygate.Code
	amazonStatus string

	gate     gate
	lastFail paygate.Message // the last failed result that was sent, with its MAC
	held     []*notice       // kept back by a reordering fault
}

type returnURLs struct{ success, failure, cancel, notify, shop string }

// echoes come back as they were sent: UserData inside Data, Plain and Custom
// beside it.
type echoes struct{ userData, plain, custom string }

// gate tells whether follow-ups are accepted: the first notify must have been
// answered (Paygate documentation, URLNotify).
type gate int

const (
	gateClosed gate = iota
	gateOpen        // the first notify was answered, or Paygate gave up sending it
)

// step is one thing done to a payment. Reverse undoes the last one.
type step struct {
	kind   Kind
	amount int64
	xid    string
	entry  int // index in the ledger
	state  stepState
	refund string // refundid
}

type stepState int

const (
	stepFinal stepState = iota
	stepOpen
	stepUndone
)

// nextXID returns the id of a further action on the payment.
func (s *Simulator) nextXID(p *payment) string {
	p.actions++
	return s.hexID("xid", p.payID, strconv.Itoa(p.actions))
}

// lastStep returns the last step that stands, or nil.
func (p *payment) lastStep() *step {
	for i := len(p.steps) - 1; i >= 0; i-- {
		if p.steps[i].state != stepUndone {
			return p.steps[i]
		}
	}
	return nil
}

func (p *payment) expired(s *Simulator) bool {
	if (p.stage == StageOpen || p.stage == StageReview) && s.past(p.created, sessionLife) {
		p.stage, p.amazonStatus = StageExpired, "Canceled"
	}
	return p.stage == StageExpired
}

func money(n int64) string { return strconv.FormatInt(n, 10) }

// totals are the three running totals, the truth of every answer.
func (p *payment) totals() paygate.Message {
	return paygate.NewMessage("AmountAuth", money(p.authorised), "AmountCap", money(p.captured), "AmountCred", money(p.credited))
}

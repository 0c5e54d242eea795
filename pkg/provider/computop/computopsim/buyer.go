package computopsim

import (
	"errors"
	"fmt"

	"github.com/payloom/payloom/pkg/provider/computop/paygate"
	"github.com/payloom/payloom/pkg/provider/simkit"
)

// Decision is what a buyer does.
type Decision string

// The decisions. All but Review end the checkout; a session that was not on
// the review page goes through it on the way.
const (
	Review  Decision = "review"  // picks instrument and address and returns to the shop
	Approve Decision = "approve" // confirms
	Decline Decision = "decline" // confirms, and Amazon declines
	Delay   Decision = "delay"   // confirms, and Amazon decides later
	Abandon Decision = "abandon" // cancels
)

// Visit is where a decision leads the buyer's browser.
type Visit struct {
	Merchant string `json:"merchant"`
	TransID  string `json:"trans_id"`
	PayID    string `json:"pay_id"`
	Stage    Stage  `json:"stage"`
	// ReviewURL is the shop's review page with its data, when the decision
	// passed through it.
	ReviewURL string `json:"review_url,omitempty"`
	// ReturnURL is URLSuccess, URLFailure or URLCancel with its data; empty
	// after Review.
	ReturnURL string `json:"return_url,omitempty"`
}

// Errors of decisions.
var (
	ErrNoPayment = fmt.Errorf("computopsim: no such payment: %w", simkit.ErrNotFound)
	ErrStage     = fmt.Errorf("computopsim: the checkout is over: %w", simkit.ErrConflict)
	ErrDecision  = errors.New("computopsim: no such decision")
)

// Decide does what the buyer of a payment would do on the pages. Without a
// merchant the first that has the TransID is meant.
func (s *Simulator) Decide(merchant, transID string, d Decision) (Visit, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.lookup(merchant, transID)
	if err != nil {
		return Visit{}, err
	}
	return s.decide(p, d)
}

// lookup finds a payment for the control interface. The caller holds the lock.
func (s *Simulator) lookup(merchant, transID string) (*payment, error) {
	for _, m := range s.cfg.Merchants {
		if p := s.book.byTransID[transKey{m.ID, transID}]; p != nil && (merchant == "" || merchant == m.ID) {
			return p, nil
		}
	}
	return nil, fmt.Errorf("%w: merchant %q, TransID %q", ErrNoPayment, merchant, transID)
}

// decide is the one way in which a checkout advances, by page or by control.
// The caller holds the lock.
func (s *Simulator) decide(p *payment, d Decision) (Visit, error) {
	if !decisions[d] {
		return Visit{}, fmt.Errorf("%w: %q", ErrDecision, d)
	}
	visit := Visit{Merchant: p.merchant.ID, TransID: p.transID, PayID: p.payID}
	if p.expired(s) || p.stage != StageOpen && p.stage != StageReview {
		return Visit{}, fmt.Errorf("%w: stage %s", ErrStage, p.stage)
	}
	if d == Review || p.stage == StageOpen {
		url, err := s.review(p)
		if err != nil {
			return Visit{}, err
		}
		visit.ReviewURL = url
	}
	if d != Review {
		url, err := s.conclude(p, d)
		if err != nil {
			return Visit{}, err
		}
		visit.ReturnURL = url
	}
	visit.Stage = p.stage
	return visit, nil
}

// conclude ends the checkout and returns where the buyer goes.
func (s *Simulator) conclude(p *payment, d Decision) (string, error) {
	switch {
	case d == Abandon:
		code := simulatedCode(detBuyerCancelled)
		return s.returnURL(p, p.urls.cancel, s.fail(p, StageCancelled, code, "cancelled by buyer", "Canceled"))
	case d == Decline, d == Approve && wallet[p.instrument].declines:
		code := simulatedCode(detDeclined)
		return s.returnURL(p, p.urls.failure, s.fail(p, StageDeclined, code, "declined", "Declined"))
	case p.detail != "":
		code := simulatedCode(p.detail)
		return s.returnURL(p, p.urls.failure, s.fail(p, StageDeclined, code, "declined", "Declined"))
	case d == Delay:
		return s.returnURL(p, p.urls.success, s.wait(p))
	default:
		return s.returnURL(p, p.urls.success, s.authorise(p))
	}
}

// review sends the buyer back to the shop's review page.
func (s *Simulator) review(p *payment) (string, error) {
	p.stage = StageReview
	return s.returnURL(p, p.urls.shop, p.signed(s.reviewData(p)))
}

// returnURL is a browser return with its data.
func (s *Simulator) returnURL(p *payment, to string, m paygate.Message) (string, error) {
	env, err := p.merchant.seal(m, s.random("return", to, m.String()))
	if err != nil {
		return "", err
	}
	return simkit.WithQuery(to, outside(env, p.echo)), nil
}

// reviewData is what a shop shows on its review page (Paygate documentation,
// Computop data of the review page).
func (s *Simulator) reviewData(p *payment) paygate.Message {
	rtf := "onetime"
	if p.series {
		rtf = "recurring"
	}
	home, card := addressBook[p.address], wallet[p.instrument]
	base := orText(s.baseURL, p.base)
	return join(p.head(p.xid),
		verdict("REQUEST", "0", "review"),
		p.totals(),
		paygate.NewMessage(
			"bdaddrstreet2", home.street, "bdaddrcity", home.city, "bdaddrcountrycode", home.country,
			"bdaddrname", home.name, "bdphonenumber", home.phone, "bdaddrzip", home.zip,
			"AddrStreet", home.street, "AddrCity", home.city, "AddrCountryCode", home.country,
			"addrname", home.name, "phonenumber", home.phone, "AddrZip", home.zip, "addrstate", home.state,
			"amazonmerchantid", "A"+s.hexID("seller", p.merchant.ID)[:13],
			"rtf", rtf,
			"amazonstatus", "Open",
			"amazonpayredirecturl", base+"/amazon/confirm/"+p.session,
			"amazoncheckoutsessionid", p.session,
			"amazonpaymentdescriptor", card.label))
}

type address struct{ label, name, street, zip, city, state, country, phone string }

// addressBook is the buyer's, all invented; its letters need ISO-8859-1.
var addressBook = []address{
	{"Home", "Test Buyer", "Große Gasse 7", "96050", "Bamberg", "Bayern", "DE", "+49 951 0000000"},
	{"Work", "Test Buyer, 2nd floor", "12 Rue de l'Été", "75002", "Paris", "Île-de-France", "FR", "+33 1 00000000"},
	{"Parcel shop", "Test Buyer", "1 Sample Road", "AB1 2CD", "Exampleton", "Kent", "GB", "+44 20 00000000"},
}

type instrument struct {
	label    string
	declines bool
}

var wallet = []instrument{
	{label: "Visa **** 1111 (Amazon Pay)"},
	{label: "Mastercard **** 4444 (Amazon Pay)"},
	{label: "Visa **** 0002 (Amazon Pay)", declines: true},
}

package computopsim

import (
	"bytes"
	"crypto/hmac"
	"embed"
	"encoding/json"
	"errors"
	"html/template"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed web/*.html web/checkout.js
var web embed.FS

// routes are all that the simulator serves.
func (s *Simulator) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /checkout.js", serveScript)
	mux.HandleFunc("GET /amazon/checkout", s.pageCheckout)
	mux.HandleFunc("POST /amazon/checkout/{session}", s.postChoice)
	mux.HandleFunc("GET /amazon/change/{session}", s.pageChange)
	mux.HandleFunc("POST /amazon/change/{session}", s.postChoice)
	mux.HandleFunc("GET /amazon/confirm/{session}", s.pageConfirm)
	mux.HandleFunc("POST /amazon/confirm/{session}", s.postDecision)
	s.controlRoutes(mux)
	// Paygate's paths are matched in any case, which a ServeMux cannot do.
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, known := endpoints[strings.ToLower(path.Base(r.URL.Path))]; known {
			s.servePaygate(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

var pages = template.Must(template.ParseFS(web, "web/*.html"))

// view is what the buyer's pages show.
type view struct {
	Title    string
	Base     string
	Session  string
	Merchant string
	TransID  string
	Amount   string
	Currency string
	Series   bool
	Sale     bool
	Stage    Stage
	Confirm  bool   // the buyer may decide
	Change   string // "changePayment", "changeAddress" or "" for both
	Cards    []option
	Homes    []option
	Card     string
	Home     string
	Problem  string
}

type option struct {
	Index   int
	Text    string
	Detail  string
	Checked bool
}

// pageCheckout is where the button leads: it proves that the session came from
// Paygate and lets the buyer choose.
func (s *Simulator) pageCheckout(w http.ResponseWriter, r *http.Request) {
	session, ok := s.buttonSession(r)
	if !ok {
		s.show(w, http.StatusForbidden, "problem.html", view{Title: "Checkout refused", Problem: "The button's data is not genuine."})
		return
	}
	s.showSession(w, r, session, "choose.html", "Choose how to pay")
}

// buttonSession returns the session that the button's payload names, if the
// signature is ours.
func (s *Simulator) buttonSession(r *http.Request) (string, bool) {
	payload := r.URL.Query().Get("payload")
	genuine := hmac.Equal([]byte(r.URL.Query().Get("signature")), []byte(s.signPayload(payload)))
	var p buttonPayload
	if !genuine || json.Unmarshal([]byte(payload), &p) != nil {
		return "", false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.book.bySession[p.CheckoutSessionID]
	if found == nil || r.URL.Query().Get("publicKeyId") != s.publicKeyID(found.merchant) {
		return "", false
	}
	return p.CheckoutSessionID, true
}

// pageChange is where the shop's review page leads to change one choice.
func (s *Simulator) pageChange(w http.ResponseWriter, r *http.Request) {
	s.showSession(w, r, r.PathValue("session"), "choose.html", "Change your choice")
}

// pageConfirm is where amazonpayredirecturl leads.
func (s *Simulator) pageConfirm(w http.ResponseWriter, r *http.Request) {
	s.showSession(w, r, r.PathValue("session"), "confirm.html", "Confirm your payment")
}

func (s *Simulator) showSession(w http.ResponseWriter, r *http.Request, session, page, title string) {
	base := s.baseOf(r)
	s.mu.Lock()
	p := s.book.bySession[session]
	var v view
	if p != nil {
		p.expired(s)
		v = p.page(title, base, r.URL.Query().Get("action"))
	}
	s.mu.Unlock()
	switch {
	case p == nil:
		s.show(w, http.StatusNotFound, "problem.html", view{Title: "Unknown checkout", Problem: "There is no such checkout."})
	case v.Stage != StageOpen && v.Stage != StageReview:
		v.Title = "Checkout over"
		v.Problem = "This checkout is over: " + string(v.Stage) + "."
		s.show(w, http.StatusOK, "problem.html", v)
	default:
		s.show(w, http.StatusOK, page, v)
	}
}

func (p *payment) page(title, base, change string) view {
	if change != "changePayment" && change != "changeAddress" {
		change = ""
	}
	v := view{
		Title: title, Base: base, Session: p.session, Merchant: p.merchant.ID, TransID: p.transID,
		Amount: majorUnits(p.amount, p.currency), Currency: p.currency,
		Series: p.series, Sale: p.sale, Stage: p.stage, Confirm: p.stage == StageReview, Change: change,
		Card: wallet[p.instrument].label, Home: addressBook[p.address].line(),
	}
	for i, c := range wallet {
		o := option{Index: i, Text: c.label, Checked: i == p.instrument}
		if c.declines {
			o.Detail = "is always declined"
		}
		v.Cards = append(v.Cards, o)
	}
	for i, a := range addressBook {
		v.Homes = append(v.Homes, option{Index: i, Text: a.label, Detail: a.line(), Checked: i == p.address})
	}
	return v
}

func (a address) line() string {
	return strings.Join([]string{a.name, a.street, a.zip + " " + a.city, a.country}, ", ")
}

// postChoice stores what the buyer chose and sends them to the shop's review
// page.
func (s *Simulator) postChoice(w http.ResponseWriter, r *http.Request) {
	card, okCard := pick(r, "instrument", len(wallet))
	home, okHome := pick(r, "address", len(addressBook))
	if !okCard || !okHome {
		http.Error(w, "no such choice", http.StatusBadRequest)
		return
	}
	s.redirect(w, r, func(p *payment) (string, error) {
		if card >= 0 {
			p.instrument = card
		}
		if home >= 0 {
			p.address = home
		}
		visit, err := s.decide(p, Review)
		return visit.ReviewURL, err
	})
}

// pick reads one choice of a form; -1 means it was not on the page.
func pick(r *http.Request, name string, size int) (int, bool) {
	text := r.FormValue(name)
	if text == "" {
		return -1, true
	}
	n, err := strconv.Atoi(text)
	return n, err == nil && n >= 0 && n < size
}

// postDecision ends the checkout and sends the buyer back to the shop.
func (s *Simulator) postDecision(w http.ResponseWriter, r *http.Request) {
	d := Decision(r.FormValue("decision"))
	if d == Review || !decisions[d] {
		http.Error(w, "no such decision", http.StatusBadRequest)
		return
	}
	s.redirect(w, r, func(p *payment) (string, error) {
		if p.stage == StageOpen {
			return "", ErrStage
		}
		visit, err := s.decide(p, d)
		return visit.ReturnURL, err
	})
}

func (s *Simulator) redirect(w http.ResponseWriter, r *http.Request, act func(*payment) (string, error)) {
	s.mu.Lock()
	p := s.book.bySession[r.PathValue("session")]
	to, err := "", ErrNoPayment
	if p != nil {
		to, err = act(p)
	}
	s.mu.Unlock()
	switch {
	case errors.Is(err, ErrNoPayment):
		s.show(w, http.StatusNotFound, "problem.html", view{Title: "Unknown checkout", Problem: "There is no such checkout."})
	case err != nil:
		s.show(w, http.StatusConflict, "problem.html", view{Title: "Checkout over", Problem: "This checkout is over."})
	default:
		http.Redirect(w, r, to, http.StatusSeeOther)
	}
}

// show renders a page whole before it sends a byte of it.
func (s *Simulator) show(w http.ResponseWriter, status int, page string, v view) {
	var out bytes.Buffer
	if err := pages.ExecuteTemplate(&out, page, v); err != nil {
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = out.WriteTo(w)
}

func serveScript(w http.ResponseWriter, _ *http.Request) {
	script, err := web.ReadFile("web/checkout.js")
	if err != nil {
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	_, _ = w.Write(script)
}

// exponents of currencies that do not have two decimals.
var exponents = map[string]int{
	"JPY": 0, "KRW": 0, "ISK": 0, "CLP": 0, "VND": 0, "BHD": 3, "KWD": 3, "OMR": 3, "TND": 3, "JOD": 3,
}

// majorUnits shows an amount as people write it.
func majorUnits(amount int64, currency string) string {
	exponent, odd := exponents[currency]
	if !odd {
		exponent = 2
	}
	text := strconv.FormatInt(amount, 10)
	if exponent == 0 {
		return text
	}
	for len(text) <= exponent {
		text = "0" + text
	}
	return text[:len(text)-exponent] + "." + text[len(text)-exponent:]
}

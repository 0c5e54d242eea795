package axervesim

import (
	"bytes"
	"embed"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/payloom/payloom/pkg/provider/axerve/gestpay"
)

//go:embed web/*.html
var web embed.FS

var pages = template.Must(template.ParseFS(web, "web/*.html"))

// view is what the buyer's pages show.
type view struct {
	Title    string
	Base     string
	Session  string
	Shop     string
	ShopID   string
	Amount   string
	Currency string
	Charged  string
	Cards    []option
	Homes    []option // none when the shop does not ask for an address
	Code     gestpay.Code
	Problem  string
}

type option struct {
	Index   int
	Text    string
	Detail  string
	Checked bool
}

// problems are what the payment page says when it refuses, for people.
var problems = map[gestpay.Code]string{
	codePageExtra:              "The link to this page carries more than it should.",
	codePageTwice:              "The link to this page carries a part of it twice.",
	codePageNoShop:             "The link to this page does not name a shop.",
	codePageNoString:           "The link to this page is not complete.",
	codeShopUnknown:            "There is no such shop.",
	codeShopInactive:           "The shop is not active.",
	codeNotEncrypted:           "The link to this page is not genuine.",
	codePaid:                   "This payment was processed already.",
	gestpay.CodeSessionExpired: "This page is too old.",
}

// pagePay is the payment page. It takes the parameters a and b and no others, by
// GET or from a form.
func (s *Simulator) pagePay(w http.ResponseWriter, r *http.Request) {
	if !s.trouble.Admit(w, r) {
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, gestpay.MaxBody)
	if err := r.ParseForm(); err != nil || r.Method != http.MethodGet && r.Method != http.MethodPost {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	base := s.baseOf(r)
	s.mu.Lock()
	p, code := s.payable(r.Form)
	var v view
	if code == "" {
		v = p.page(base)
	}
	s.mu.Unlock()
	if code != "" {
		s.refusePage(w, code)
		return
	}
	s.show(w, http.StatusOK, "pay.html", v)
}

// payable finds the payment of a link, or the code that refuses it. The caller
// holds the lock.
func (s *Simulator) payable(form url.Values) (*payment, gestpay.Code) {
	switch {
	case len(form["a"]) > 1, len(form["b"]) > 1:
		return nil, codePageTwice
	case form.Get("a") == "":
		return nil, codePageNoShop
	case form.Get("b") == "":
		return nil, codePageNoString
	case len(form) > 2:
		return nil, codePageExtra
	}
	shop := s.shops[form.Get("a")]
	p := s.book.byCrypt[form.Get("b")]
	switch {
	case shop == nil:
		return nil, codeShopUnknown
	case shop.Inactive:
		return nil, codeShopInactive
	case p == nil || p.shop != shop:
		return nil, codeNotEncrypted
	}
	return p, s.unpayable(p)
}

func (s *Simulator) refusePage(w http.ResponseWriter, code gestpay.Code) {
	s.mu.Lock()
	s.stats.Refusals[code]++
	s.mu.Unlock()
	s.show(w, http.StatusOK, "problem.html", view{Title: "Payment not possible", Code: code, Problem: problems[code]})
}

func (p *payment) page(base string) view {
	v := view{
		Title: "Pay with Amazon Pay", Base: base, Session: p.crypt, Shop: p.shop.Login, ShopID: p.shopID,
		Amount: plainMajor(p.amount, p.iso), Currency: p.iso, Charged: p.charged(),
	}
	for i, c := range wallet {
		o := option{Index: i, Text: c.label, Checked: i == p.wallet}
		if c.declines {
			o.Detail = "is always declined"
		}
		v.Cards = append(v.Cards, o)
	}
	if !p.shop.AddressWidget {
		return v
	}
	for i, a := range addressBook {
		v.Homes = append(v.Homes, option{Index: i, Text: a.label, Detail: a.line(), Checked: i == p.address})
	}
	return v
}

// charged says when money is taken.
func (p *payment) charged() string {
	switch {
	case p.agreement == gestpay.OnlyRecurring:
		return "not now; this agrees to later payments"
	case p.shop.Separated && p.agreement != "":
		return "when the order ships, and again for each further payment"
	case p.shop.Separated:
		return "when the order ships"
	case p.agreement != "":
		return "now, and again for each further payment"
	}
	return "now"
}

func (a address) line() string {
	return strings.Join([]string{a.name, a.street, a.zip + " " + a.city, a.country}, ", ")
}

// postDecision stores what the buyer chose, ends the page and sends the buyer
// back to the shop.
func (s *Simulator) postDecision(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, gestpay.MaxBody)
	card, okCard := pick(r, "instrument", len(wallet))
	home, okHome := pick(r, "address", len(addressBook))
	d := Decision(r.PostFormValue("decision"))
	if !okCard || !okHome || !decisions[d] {
		http.Error(w, "no such choice", http.StatusBadRequest)
		return
	}
	visit, code, err := s.settlePage(r.PathValue("session"), card, home, d)
	switch {
	case errors.Is(err, ErrNoPayment):
		s.refusePage(w, codeNotEncrypted)
	case err != nil:
		s.refusePage(w, code)
	case visit.ReturnURL == "":
		s.show(w, http.StatusOK, "problem.html", view{Title: "Payment " + string(visit.Stage), Problem: "The shop has given no address to return to."})
	default:
		http.Redirect(w, r, visit.ReturnURL, http.StatusSeeOther)
	}
}

// settlePage applies choices, of which -1 is none, and the decision.
func (s *Simulator) settlePage(crypt string, card, home int, d Decision) (Visit, gestpay.Code, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.book.byCrypt[crypt]
	if p == nil {
		return Visit{}, "", ErrNoPayment
	}
	code := s.unpayable(p)
	if code == "" && card >= 0 {
		p.wallet = card
	}
	if code == "" && home >= 0 && p.shop.AddressWidget {
		p.address = home
	}
	visit, err := s.decide(p, d)
	return visit, code, err
}

// pick reads one choice of a form; -1 means it was not on the page.
func pick(r *http.Request, name string, size int) (int, bool) {
	text := r.PostFormValue(name)
	if text == "" {
		return -1, true
	}
	n, err := strconv.Atoi(text)
	return n, err == nil && n >= 0 && n < size
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

package computop

import (
	"fmt"
	"net/url"
	"slices"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
)

// ParseReturn implements provider.ReturnParser. The review page brings the
// buyer's details and where the buyer goes on; the others bring nothing but the
// payment. A message without MAC is taken, as nothing that a browser brings is
// believed about money; a wrong MAC is not.
func (p *Parser) ParseReturn(page provider.Page, form url.Values) (provider.Callback, error) {
	if !slices.Contains(provider.Pages(), page) {
		return provider.Callback{}, fmt.Errorf("%w: no page %q", provider.ErrUnreadable, string(page))
	}
	r, err := p.authentic([]byte(form.Encode()), false)
	if err != nil {
		return provider.Callback{}, err
	}
	id, err := paymentOf(r)
	if err != nil {
		return provider.Callback{}, err
	}
	back := provider.Callback{
		Payment: id, Dedup: p.dedup(r),
		Observation: payment.Observation{Kind: payment.Authorize, Key: r.get("TransID")},
	}
	if page == provider.PageReview {
		back.Observation.Result, err = p.review(r)
	}
	return back, err
}

// review returns the buyer's details, and the address at Amazon where the buyer
// confirms.
func (p *Parser) review(r reply) (payment.Result, error) {
	target := r.get("amazonpayredirecturl")
	u, err := url.Parse(target)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && (p.live || u.Scheme != "http") {
		return payment.Result{}, fmt.Errorf("%w: amazonpayredirecturl is malformed", provider.ErrUnreadable)
	}
	return payment.Result{
		Status: payment.NeedBuyer,
		Buyer:  buyerOf(r),
		Action: &payment.Action{Type: payment.ActionReview, URL: target, SessionID: r.get("amazoncheckoutsessionid")},
	}, nil
}

func buyerOf(r reply) *payment.Buyer {
	b := &payment.Buyer{
		Email: r.get("email"), Phone: r.get("phonenumber"), Instrument: r.get("amazonpaymentdescriptor"),
		Shipping: &payment.Address{
			Name: r.get("addrname"), Lines: lines(r, "addrstreet", "addrstreet2", "addrstreet3"), City: r.get("addrcity"),
			Region: r.get("addrstate"), PostalCode: r.get("addrzip"), Country: r.get("addrcountrycode"), Phone: r.get("phonenumber"),
		},
		Billing: &payment.Address{
			Name: r.get("bdaddrname"), Lines: lines(r, "bdaddrstreet", "bdaddrstreet2", "bdaddrstreet3"), City: r.get("bdaddrcity"),
			Region: r.get("bdaddrstate"), PostalCode: r.get("bdaddrzip"), Country: r.get("bdaddrcountrycode"), Phone: r.get("bdphonenumber"),
		},
	}
	if empty(b.Shipping) {
		b.Shipping = nil
	}
	if empty(b.Billing) {
		b.Billing = nil
	}
	b.Name = nameOf(b)
	return b
}

// nameOf returns the buyer's name: who pays rather than who receives.
func nameOf(b *payment.Buyer) string {
	for _, a := range []*payment.Address{b.Billing, b.Shipping} {
		if a != nil && a.Name != "" {
			return a.Name
		}
	}
	return ""
}

func lines(r reply, fields ...string) []string {
	var all []string
	for _, f := range fields {
		if v := r.get(f); v != "" {
			all = append(all, v)
		}
	}
	return all
}

func empty(a *payment.Address) bool {
	return a.Name+a.City+a.Region+a.PostalCode+a.Country+a.Phone == "" && len(a.Lines) == 0
}

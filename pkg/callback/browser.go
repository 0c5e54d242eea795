package callback

import (
	"context"
	_ "embed" // the page for buyers
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"slices"

	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/wire"
)

// serveReturn sends a buyer's browser on to the shop's page. Nothing it brings
// changes what is known about money.
func (rc *Receiver) serveReturn(w http.ResponseWriter, r *http.Request) {
	p, page := payment.Provider(r.PathValue("provider")), provider.Page(r.PathValue("page"))
	if !slices.Contains(provider.Pages(), page) {
		page = "unknown"
	}
	w.Header().Set("Cache-Control", "no-store")
	// The address holds what the provider sent.
	w.Header().Set("Referrer-Policy", "no-referrer")
	result := rc.comeBack(w, r, p, page)
	rc.stats.returns.WithLabelValues(label(p), string(page), string(result)).Inc()
}

func (rc *Receiver) comeBack(w http.ResponseWriter, r *http.Request, p payment.Provider, page provider.Page) reception {
	if page == "unknown" {
		show(w, http.StatusNotFound)
		return nowhere
	}
	in, no := rc.admit(w, r, p)
	if no != nil {
		show(w, no.status)
		return no.result
	}
	in.Kind, in.Page = wire.FromBuyerBrowser, string(page)
	cb, err := rc.parsers.read(in.account, in.StoredCallback)
	if errors.Is(err, provider.ErrUnverified) {
		cb, err = rc.returns.ask(r.Context(), in, page)
	}
	if errors.Is(err, errNoTime) || failed(err) {
		rc.noisy.Warn("return not verified", append(in.fields(), zap.Error(err))...)
		show(w, http.StatusServiceUnavailable)
		return unasked
	}
	if errors.Is(err, ErrNoParser) {
		rc.log.Error("return not judged", append(in.fields(), zap.Error(err))...)
		show(w, http.StatusServiceUnavailable)
		return unstored
	}
	if err != nil {
		rc.noisy.Warn("return not understood", append(in.fields(), zap.Error(err))...)
		show(w, http.StatusBadRequest)
		return unread
	}
	in.Verdict, in.Payment, in.Dedup = wire.Accepted, cb.Payment, cb.Dedup
	return rc.sendOn(w, r, in, page)
}

// sendOn redirects to the shop. What the buyer told on the way to the review page
// is stored first, so that the shop will find it.
func (rc *Receiver) sendOn(w http.ResponseWriter, r *http.Request, in incoming, page provider.Page) reception {
	to, err := rc.shopPage(r.Context(), in, page)
	if err == nil && to == "" {
		show(w, http.StatusNotFound)
		return nowhere
	}
	if err == nil && page == provider.PageReview {
		_, err = rc.put(r.Context(), &in)
	}
	if err != nil {
		rc.log.Error("return not handled", append(in.fields(), zap.Error(err))...)
		show(w, http.StatusServiceUnavailable)
		return unstored
	}
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
	return redirected
}

// shopPage returns the shop's own address of page, as it was stored with the
// payment, and "" when there is none. Nothing that came with the request becomes
// part of it but the id of a payment that exists.
func (rc *Receiver) shopPage(ctx context.Context, in incoming, page provider.Page) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, rc.patience)
	defer cancel()
	p, found, err := rc.payments.Find(ctx, in.Merchant, in.Payment)
	if err != nil || !found || p.Provider != in.Provider {
		return "", err
	}
	return withResult(shopURL(p.Terms.Return, page), p.ID, page), nil
}

func shopURL(u payment.ReturnURLs, page provider.Page) string {
	switch page {
	case provider.PageSuccess:
		return u.Success
	case provider.PageFailure:
		return u.Failure
	case provider.PageCancel:
		if u.Cancel == "" {
			return u.Failure
		}
		return u.Cancel
	case provider.PageReview:
		return u.Review
	}
	return ""
}

// withResult returns shop with the payment's id and the page in its query, behind
// whatever the shop has there.
func withResult(shop string, id payment.ID, page provider.Page) string {
	u, err := url.Parse(shop)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return ""
	}
	q := url.Values{"payment_id": {string(id)}, "result": {string(page)}}.Encode()
	if u.RawQuery != "" {
		q = u.RawQuery + "&" + q
	}
	u.RawQuery, u.ForceQuery = q, false
	return u.String()
}

//go:embed lost.html
var lostHTML string

var lostPage = template.Must(template.New("lost").Parse(lostHTML))

// words are what a buyer reads who cannot be sent on.
type words struct{ Title, Text string }

var (
	wordsAgain = words{"One moment, please", "We cannot look up your payment right now. Please reload this page in a minute, or go back to the shop: it knows how your payment stands."}
	wordsLost  = words{"Please go back to the shop", "We do not know which order you come from. Please go back to the shop: it knows how your payment stands."}
)

// show answers a buyer with a page of ours.
func show(w http.ResponseWriter, status int) {
	text := wordsLost
	if status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests {
		text = wordsAgain
		w.Header().Set("Retry-After", "5")
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = lostPage.Execute(w, text) // whoever asked has gone if this fails
}

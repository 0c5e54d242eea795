package account

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/webhook"
)

// Webhook is an endpoint of a merchant that is told what became of operations.
type Webhook struct {
	Merchant payment.Merchant
	ID       string // unique within the merchant; stands in logs and rows where the URL does not
	URL      string // may hold a token: no log shows it
	Events   webhook.Filter
	Personal bool     // the body holds personal data of buyers
	Secrets  []Secret // one, or two during a rotation; every message is signed with all
	Live     bool     // the merchant has an account that moves real money
	Line     int
}

// Webhooks lists the endpoints of all merchants, in the order of the file.
func (b *Book) Webhooks() []*Webhook {
	var all []*Webhook
	for _, m := range b.merchants {
		all = append(all, m.Webhooks...)
	}
	return all
}

// Webhook returns an endpoint of a merchant by its id.
func (b *Book) Webhook(m payment.Merchant, id string) (*Webhook, bool) {
	merchant, ok := b.merchant(m)
	if !ok {
		return nil, false
	}
	i := slices.IndexFunc(merchant.Webhooks, func(w *Webhook) bool { return w.ID == id })
	if i < 0 {
		return nil, false
	}
	return merchant.Webhooks[i], true
}

// maxWebhooks is how many endpoints a merchant may have: each costs a row per
// event.
const maxWebhooks = 16

func (s *schema) webhooks(m *mapping, merchant *Merchant) {
	list := m.list("webhooks")
	if at, ok := m.find("webhooks"); ok && len(list) > maxWebhooks {
		s.report(at.line, at.field, "has %d endpoints, %d are allowed", len(list), maxWebhooks)
	}
	for _, e := range list {
		merchant.Webhooks = append(merchant.Webhooks, s.webhook(e, merchant))
	}
}

func (s *schema) webhook(e entry, merchant *Merchant) *Webhook {
	m := s.mapping(e)
	w := &Webhook{
		Merchant: merchant.ID, Line: m.line, Personal: m.flag("personal_data"),
		Live: slices.ContainsFunc(merchant.Accounts, func(a *Account) bool { return a.Live }),
	}
	s.webhookURL(&m, w)
	s.webhookID(&m, w, merchant)
	s.webhookEvents(&m, w)
	for _, item := range m.some("secrets") {
		w.Secrets = append(w.Secrets, s.webhookSecret(item, w.Secrets))
	}
	if at, _ := m.find("secrets"); len(w.Secrets) > 2 {
		s.report(at.line, at.field, "%d are valid at once; a rotation needs two", len(w.Secrets))
	}
	m.finish()
	return w
}

func (s *schema) webhookURL(m *mapping, w *Webhook) {
	text, at := m.text("url")
	if at.node == nil {
		return
	}
	w.URL = text
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
		s.report(at.line, at.field, "must be a URL such as https://shop.example/webhooks")
	case u.User != nil || u.Fragment != "":
		s.report(at.line, at.field, "must hold no user and no fragment")
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		s.report(at.line, at.field, "must be https")
	case u.Scheme == "http" && w.Live:
		s.report(at.line, at.field, "must be https for a merchant with a live account")
	}
}

// isLoopback tells whether a host's name or address is this machine's own:
// localhost and the names below it (RFC 6761, 6.3), and loopback addresses.
func isLoopback(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().IsLoopback()
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// webhookID reads the endpoint's name. One that is not named is called after its
// URL: it is another endpoint when the URL changes.
func (s *schema) webhookID(m *mapping, w *Webhook, merchant *Merchant) {
	var at entry
	if _, named := m.get("id"); named {
		w.ID, at = m.text("id")
		s.match(at, w.ID, namePattern, "1 to 32 of a-z 0-9 _ -")
	} else {
		sum := sha256.Sum256([]byte(w.URL))
		w.ID = "url-" + hex.EncodeToString(sum[:6])
		at, _ = m.find("url")
	}
	if slices.ContainsFunc(merchant.Webhooks, func(o *Webhook) bool { return o.ID == w.ID }) && at.node != nil {
		s.report(at.line, at.field, "is there twice")
	}
}

func (s *schema) webhookEvents(m *mapping, w *Webhook) {
	if _, ok := m.get("events"); !ok {
		return
	}
	for _, e := range m.some("events") {
		switch text, _ := scalar(e.node); {
		case !webhook.ValidPattern(text):
			s.report(e.line, e.field, "must be payment.*, payout.* or one of %s", oneOf(webhook.Types()))
		case slices.Contains(w.Events, text):
			s.report(e.line, e.field, "%s is there twice", text)
		default:
			w.Events = append(w.Events, text)
		}
	}
}

func (s *schema) webhookSecret(e entry, before []Secret) Secret {
	out := s.secret(e, before)
	if _, err := webhook.ParseKey(out.Value.Reveal()); err != nil && out.Value != "" {
		s.report(e.line, e.field, "must lead to whsec_ and 24 to 64 bytes in base64")
	}
	return out
}

// Keys returns what messages to w are signed with.
func (w *Webhook) Keys() []webhook.Key {
	var keys []webhook.Key
	for _, s := range w.Secrets {
		if k, err := webhook.ParseKey(s.Value.Reveal()); err == nil {
			keys = append(keys, k)
		}
	}
	return keys
}

// webhookProblems finds secrets that serve more than one endpoint, or one twice.
func (b *Book) webhookProblems() []Problem {
	var all []Problem
	owner := map[string]*Webhook{}
	for _, w := range b.Webhooks() {
		for _, e := range w.Secrets {
			other, shared := owner[e.Value.Reveal()]
			switch {
			case shared && other == w:
				all = append(all, w.problem(b.path, "secrets, id %s: is the same secret as another of the list", e.ID))
			case shared:
				all = append(all, w.problem(b.path, "secrets, id %s: endpoint %s of %s has the same secret", e.ID, other.ID, other.Merchant))
			default:
				owner[e.Value.Reveal()] = w
			}
		}
	}
	return all
}

func (w *Webhook) problem(path, format string, args ...any) Problem {
	return Problem{path, w.Line, string(w.Merchant) + "/webhooks/" + w.ID, fmt.Sprintf(format, args...)}
}

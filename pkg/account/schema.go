package account

import (
	"hash"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/payloom/payloom/pkg/payment"
)

var (
	namePattern     = regexp.MustCompile(`^[a-z0-9_-]{1,32}$`)
	keyIDPattern    = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)
	callbackPattern = regexp.MustCompile(`^[A-Za-z0-9]{16,64}$`)
)

// schema turns a document into a Book.
type schema struct {
	*reader
	lookup Lookup
	digest hash.Hash
	files  []string

	proofs    map[string]string // where each API key's hash, public key or secret stands
	callbacks map[string]string // where each callback key stands
}

func (s *schema) book(text []byte) *Book {
	s.proofs, s.callbacks = map[string]string{}, map[string]string{}
	root := s.document(text)
	if root == nil {
		return nil
	}
	if s.plain(root); len(s.problems) > 0 {
		return nil
	}
	m := s.mapping(entry{node: root, line: lineOf(root, 1)})
	b := &Book{path: s.path}
	for _, e := range m.some("merchants") {
		b.merchants = append(b.merchants, s.merchant(e, b))
	}
	m.finish()
	return b
}

func (s *schema) merchant(e entry, b *Book) *Merchant {
	m := s.mapping(e)
	id, at := m.text("id")
	merchant := &Merchant{ID: payment.Merchant(id), Line: m.line}
	if at.node != nil {
		if merchant.ID.Validate() != nil {
			s.report(at.line, at.field, "must be 1 to 32 of a-z 0-9 _ -")
		} else if _, twice := b.merchant(merchant.ID); twice {
			s.report(at.line, at.field, "%s is there twice", id)
		}
	}
	for _, k := range m.list("api_keys") {
		merchant.Keys = append(merchant.Keys, s.key(k, merchant))
	}
	for _, a := range m.list("accounts") {
		merchant.Accounts = append(merchant.Accounts, s.account(a, merchant))
	}
	s.webhooks(&m, merchant)
	m.finish()
	return merchant
}

func (s *schema) account(e entry, merchant *Merchant) *Account {
	m := s.mapping(e)
	a := &Account{Merchant: merchant.ID, Line: m.line, Default: m.flag("default"), Live: m.flag("live")}
	s.provider(&m, a)
	s.name(&m, a, merchant)
	s.endpoint(&m, a)
	s.callbackKey(&m, a)
	if at, ok := m.get("limits"); ok {
		a.Limits = s.callLimits(at)
	}
	at, _ := m.get("settings")
	a.settings = s.settings(at)
	if at, ok := m.get("secrets"); ok {
		a.Secrets = s.secrets(at)
	}
	m.finish()
	return a
}

// callLimits reads the limits of an account. Without a burst it is what comes in a
// second.
func (s *schema) callLimits(e entry) (l CallLimits) {
	m := s.mapping(e)
	l.CallsPerSecond, l.Burst = s.number(&m, "calls_per_second"), s.number(&m, "burst")
	if _, ok := m.find("calls_per_second"); !ok && m.node != nil {
		s.report(m.line, m.field, "calls_per_second is missing")
	}
	if l.Burst == 0 {
		l.Burst = max(1, l.CallsPerSecond)
	}
	m.finish()
	return l
}

func (s *schema) provider(m *mapping, a *Account) {
	text, at := m.text("provider")
	a.Provider = payment.Provider(text)
	if at.node != nil && !a.Provider.Known() {
		s.report(at.line, at.field, "must be one of %s", oneOf(payment.Providers()))
	}
}

func (s *schema) name(m *mapping, a *Account, merchant *Merchant) {
	text, at := m.text("name")
	a.Name = text
	s.match(at, text, namePattern, "1 to 32 of a-z 0-9 _ -")
	for _, other := range merchant.at(a.Provider) {
		if other.Name == a.Name && at.node != nil {
			s.report(at.line, at.field, "%s is there twice at %s", a.Name, a.Provider)
		}
		if e, ok := m.find("default"); ok && other.Default && a.Default {
			s.report(e.line, e.field, "%s is the default at %s already", other.Name, a.Provider)
		}
	}
}

func (s *schema) endpoint(m *mapping, a *Account) {
	text, at := m.text("endpoint")
	if at.node == nil {
		return
	}
	a.Endpoint = text
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		s.report(at.line, at.field, "must be a URL such as https://www.example.com/")
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		s.report(at.line, at.field, "must hold no user, query or fragment")
	case a.Live && u.Scheme != "https":
		s.report(at.line, at.field, "must be https for a live account")
	}
}

func (s *schema) callbackKey(m *mapping, a *Account) {
	text, at := m.text("callback_key")
	a.CallbackKey = text
	s.match(at, text, callbackPattern, "16 to 64 letters and digits")
	if other, twice := s.callbacks[text]; twice && at.node != nil {
		s.report(at.line, at.field, "is the same as %s", other)
		return
	}
	s.callbacks[text] = at.field
}

func (s *schema) secrets(e entry) Secrets {
	m := s.mapping(e)
	all := Secrets{}
	for _, n := range m.entries {
		if !namePattern.MatchString(n.name) {
			s.report(n.line, n.field, "the name must be 1 to 32 of a-z 0-9 _ -")
		}
		for _, item := range s.some(n.entry) {
			all[n.name] = append(all[n.name], s.secret(item, all[n.name]))
		}
	}
	return all
}

func (s *schema) secret(e entry, before []Secret) Secret {
	m := s.mapping(e)
	id, at := m.text("id")
	s.match(at, id, keyIDPattern, "1 to 64 of A-Z a-z 0-9 _ . -")
	if slices.ContainsFunc(before, func(o Secret) bool { return o.ID == id }) {
		s.report(at.line, at.field, "%s is there twice", id)
	}
	out := Secret{ID: id}
	if ref, at := m.text("ref"); at.node != nil {
		out.Value = s.resolve(ref, at)
	}
	m.finish()
	return out
}

// match reports text that does not match p. It does not repeat the text: it may
// be a secret in the wrong place.
func (s *schema) match(at entry, text string, p *regexp.Regexp, rule string) {
	if at.node != nil && !p.MatchString(text) {
		s.report(at.line, at.field, "must be %s", rule)
	}
}

func oneOf[T ~string](list []T) string {
	words := make([]string, len(list))
	for i, v := range list {
		words[i] = string(v)
	}
	return strings.Join(words, ", ")
}

package computop

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/payloom/payloom/pkg/conf"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/provider/computop/paygate"
)

// Parser understands what Paygate sends to one account's addresses. It may be
// used concurrently.
type Parser struct {
	merchantID string
	live       bool
	macs       []conf.Secret
	codecs     []*paygate.Codec
}

// NewParser returns the parser of an account. Of cfg it needs MerchantID and the
// keys; the error names what is wrong with them.
func NewParser(cfg Config) (*Parser, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	codecs, err := codecsOf(cfg)
	if err != nil {
		return nil, err
	}
	p := &Parser{merchantID: cfg.MerchantID, live: cfg.Live, codecs: codecs}
	for _, k := range cfg.MACKeys {
		p.macs = append(p.macs, k.Secret)
	}
	return p, nil
}

// Format writes the account's name for every verb: the fields hold secrets.
func (p *Parser) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "computop:"+p.merchantID) }

// ParseCallback implements provider.CallbackParser for the notifies of the
// payment's result, of a capture and of a credit. What is good is said by the
// code alone: the message of a failed payment is as authentic.
func (p *Parser) ParseCallback(_ http.Header, body []byte) (provider.Callback, error) {
	r, err := p.authentic(body, true)
	if err != nil {
		return provider.Callback{}, err
	}
	id, err := paymentOf(r)
	if err != nil {
		return provider.Callback{}, err
	}
	if err := r.check(); err != nil {
		return provider.Callback{}, fmt.Errorf("%w: %w", provider.ErrUnreadable, err)
	}
	kind, err := kindOf(r)
	if err != nil {
		return provider.Callback{}, err
	}
	return provider.Callback{
		Payment: id, Dedup: p.dedup(r),
		Observation: payment.Observation{
			Kind: kind, Key: r.get("TransID"), Ref: r.get("XID"), Result: notified(r, kind),
			Hearsay: true, // the MAC covers no sum
		},
	}, nil
}

// authentic returns the message in body that one of the keys decrypts and that
// carries our MAC. Where macNeeded is not set, a message without any MAC passes
// when it names a payment of the account.
func (p *Parser) authentic(body []byte, macNeeded bool) (reply, error) {
	env, _, err := paygate.ParseEnvelope(body)
	if err != nil {
		return reply{}, fmt.Errorf("%w: no encrypted message", provider.ErrForged)
	}
	for _, codec := range p.codecs {
		plaintext, err := codec.Open(env)
		if err != nil {
			continue
		}
		m := paygate.ParseMessage(plaintext)
		r := reply{fields: m.Map()}
		if p.vouchedFor(r, macNeeded) && !repeats(m) && !mangled(plaintext) {
			return r, nil
		}
	}
	return reply{}, fmt.Errorf("%w: no key fits", provider.ErrForged)
}

// vouchedFor tells whether r is Paygate's message to our merchant. The MAC is
// made over the configured MerchantID, and a foreign one inside is refused.
func (p *Parser) vouchedFor(r reply, macNeeded bool) bool {
	for _, name := range []string{"mid", "merchantid"} {
		if v := r.get(name); v != "" && v != p.merchantID {
			return false
		}
	}
	got := r.get("MAC")
	if got == "" {
		return !macNeeded && payIDPattern.MatchString(r.get("PayID")) && r.get("mid")+r.get("merchantid") != ""
	}
	found := false
	for _, secret := range p.macs {
		want := paygate.NotifyMAC(secret.Reveal(), r.fields["payid"], r.fields["transid"], p.merchantID, r.fields["status"], r.fields["code"])
		found = paygate.EqualMAC(got, want) || found
	}
	return found
}

// decisive are the names of fields that something is decided from.
var decisive = []string{
	"mid", "merchantid", "payid", "xid", "transid", "status", "code", "mac", "notificationtype",
	"amount", "amountauth", "amountcap", "amountcred", "chargeid", "chargepermissionid", "amazonpayredirecturl",
}

// repeats tells whether a decisive name occurs twice. Paygate does not do that.
// Blowfish in ECB mode lets a stranger rearrange blocks of messages that passed
// through the buyer's browser, and then some name usually does.
func repeats(m paygate.Message) bool {
	seen := make(map[string]bool, len(m))
	for _, f := range m {
		name := strings.ToLower(f.Name)
		if seen[name] && slices.Contains(decisive, name) {
			return true
		}
		seen[name] = true
	}
	return false
}

var (
	fieldName  = regexp.MustCompile(`^[0-9A-Za-z_.-]{1,64}$`)
	xidPattern = regexp.MustCompile(`^[0-9A-Za-z]{1,64}$`)
)

// mangled tells whether a message has what Paygate never writes. Its MAC covers five
// fields only: whoever changes a block of the rest, which the buyer's browser has
// seen, gets eight bytes that he cannot choose.
func mangled(plaintext string) bool {
	plaintext = strings.TrimRight(plaintext, " \x00") // padding
	if strings.ContainsFunc(plaintext, unwritten) || !utf8.ValidString(plaintext) {
		return true
	}
	for part := range strings.SplitSeq(plaintext, "&") {
		name, value, found := strings.Cut(part, "=")
		if part != "" && (!found || !fieldName.MatchString(name)) {
			return true
		}
		if strings.EqualFold(name, "XID") && !xidPattern.MatchString(strings.TrimSpace(value)) {
			return true
		}
	}
	return false
}

// unwritten tells whether r is a character that no text has.
func unwritten(r rune) bool { return unicode.IsControl(r) && !strings.ContainsRune("\r\n\t", r) }

// paymentOf returns the payment whose TransID r carries: the part before the
// attempt's number.
func paymentOf(r reply) (payment.ID, error) {
	name, _, _ := strings.Cut(r.get("TransID"), keySeparator)
	id := payment.ID(name)
	if err := id.Validate(); err != nil {
		return "", fmt.Errorf("%w: TransID names no payment", provider.ErrUnreadable)
	}
	if !payIDPattern.MatchString(r.get("PayID")) {
		return "", fmt.Errorf("%w: PayID is malformed", provider.ErrUnreadable)
	}
	return id, nil
}

// kindOf returns what r speaks of. The notify of a payment's result has no type. Its
// sums do not make another of it: the MAC covers none of them.
func kindOf(r reply) (payment.Kind, error) {
	// The documentation prints the fixed values in angle brackets.
	switch strings.ToLower(strings.Trim(r.get("NotificationType"), "<> ")) {
	case "capturenotification":
		return payment.Capture, nil
	case "creditnotification":
		return payment.Refund, nil
	case "":
		return payment.Authorize, nil
	}
	return "", fmt.Errorf("%w: unknown NotificationType", provider.ErrUnreadable)
}

// notified returns what a notify says. Where that is doubtful the operation is
// pending, and so is inquired about.
func notified(r reply, kind payment.Kind) payment.Result {
	result := payment.Result{Ref: r.get("XID"), Refs: r.refs(), Code: string(r.code()), Totals: r.totals()}
	result.Amount, _ = r.minor("Amount") // of a step that failed, too: it tells which
	v := r.judge()
	switch v.class {
	case success:
		return confirmed(r, kind, result)
	case buyer:
		result.Status = payment.NeedBuyer
	case declined:
		result.Status, result.Reason = payment.Declined, v.reason
	case failed, rejected, misconfigured:
		result.Status, result.Reason = payment.Failed, v.reason
	case unclear, pending, refused, active, unlisted:
		result.Status = payment.Pending
	}
	return result
}

// confirmed returns the result of a notify with code 00000000. The amounts must
// bear it out.
func confirmed(r reply, kind payment.Kind, result payment.Result) payment.Result {
	moved := result.Amount
	result.Status = payment.Approved
	switch {
	case kind == payment.Authorize:
		moved, _ = r.minor("AmountAuth")
		result.Mandate = r.mandate()
		if moved == 0 {
			result.Status = payment.Pending
		}
	case kind == payment.Capture && result.Totals != nil && result.Totals.Captured < max(moved, 1),
		kind == payment.Refund && result.Totals != nil && result.Totals.Refunded < max(moved, 1):
		result.Status = payment.Pending
	}
	result.Amount = moved
	return result
}

// dedup names a message by what makes it another one: what the MAC covers, and the
// running totals. Of a message that the buyer's browser sees as well, the rest can be
// rearranged without end, and each of those would be stored; so the id of a step
// counts only in the notifies of follow-ups, which no browser sees.
func (p *Parser) dedup(r reply) string {
	h := sha256.New()
	parts := []string{r.get("PayID"), r.get("NotificationType"), r.get("Status"), r.get("Code")}
	if r.totals() != nil {
		parts = append(parts, r.get("AmountAuth"), r.get("AmountCap"), r.get("AmountCred"))
	}
	if r.get("NotificationType") != "" && (r.totals() == nil || r.code() != paygate.Success) {
		parts = append(parts, r.get("XID"))
	}
	for _, part := range parts {
		_, _ = io.WriteString(h, part+"\x00")
	}
	_, _ = io.WriteString(h, p.merchantID)
	return hex.EncodeToString(h.Sum(nil)[:16])
}

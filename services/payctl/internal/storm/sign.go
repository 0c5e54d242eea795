package storm

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider/computop/paygate"
	"github.com/payloom/payloom/pkg/provider/ecommpay/gate"
	"github.com/payloom/payloom/pkg/wire"
)

// account returns some account of a provider.
func (f *Forger) account(r *rand.Rand, p payment.Provider) Keys {
	all := slices.DeleteFunc(slices.Clone(f.keys), func(k Keys) bool { return k.Provider != p })
	return all[r.IntN(len(all))]
}

// at returns some genuine callback of a provider, or one without content.
func (f *Forger) at(r *rand.Rand, p payment.Provider) Callback {
	all := slices.DeleteFunc(slices.Clone(f.genuine), func(c Callback) bool { return c.Provider != p })
	if len(all) == 0 {
		return Callback{Provider: p, Endpoint: f.account(r, p).Endpoint, Method: http.MethodPost}
	}
	c := all[r.IntN(len(all))]
	c.Body = slices.Clone(c.Body)
	return c
}

const (
	form = "application/x-www-form-urlencoded"
	text = "application/json"
)

// signedOtherwise is a callback as a provider would make it, and signs with the keys
// of a test account or of somebody else.
func signedOtherwise(f *Forger, r *rand.Rand) Callback {
	switch payment.Providers()[r.IntN(len(payment.Providers()))] {
	case payment.Computop:
		return f.notify(r, hexOf(r, 16), f.account(r, payment.Computop).Merchant)
	case payment.ECommPay:
		return f.payout(r, func(body []byte) []byte {
			body = signature.ReplaceAll(body, nil)
			signed, err := gate.Seal(hexOf(r, 40), body, gate.AtTop)
			if err != nil {
				return body
			}
			return signed
		})
	default:
		k := f.account(r, payment.Axerve)
		return Callback{Provider: payment.Axerve, Endpoint: k.Endpoint, Method: http.MethodGet, Query: "a=" + k.Merchant + "&b=" + hexOf(r, 200+r.IntN(200))}
	}
}

var (
	signature = regexp.MustCompile(`,?\s*"signature":\s*"[^"]*"`)
	amount    = regexp.MustCompile(`"amount":\s*[0-9]+`)
)

// withCipherKey is a notify by one who has the key that encrypts.
func withCipherKey(f *Forger, r *rand.Rand) Callback {
	k := f.account(r, payment.Computop)
	return f.notify(r, k.Cipher, k.Merchant)
}

// notify is a notify of success in Paygate's form, for a payment that may be there.
func (f *Forger) notify(r *rand.Rand, cipher, merchant string) Callback {
	sum := fmt.Sprint(1 + r.IntN(100000))
	m := paygate.NewMessage(
		"mid", merchant, "PayID", strings.ToLower(hexOf(r, 32)), "XID", strings.ToLower(hexOf(r, 32)), "TransID", "order-"+fmt.Sprint(r.IntN(100)),
		"Status", "OK", "Code", "00000000", "Description", "success", "AmountAuth", sum, "AmountCap", sum, "AmountCred", "0",
		"MAC", hexOf(r, 64))
	env, err := paygate.Seal(paygate.Blowfish, cipher, "", m)
	c := Callback{Provider: payment.Computop, Endpoint: f.account(r, payment.Computop).Endpoint, Method: http.MethodPost, Type: form}
	if err == nil {
		c.Body = []byte(env.Form().Encode())
	}
	return c
}

// payout is a genuine callback about a payout, made to say something else.
func (f *Forger) payout(r *rand.Rand, sign func([]byte) []byte) Callback {
	c := f.at(r, payment.ECommPay)
	c.Type = text
	body := amount.ReplaceAll(c.Body, fmt.Appendf(nil, `"amount":%d`, 1+r.IntN(1000000)))
	c.Body = sign(body)
	return c
}

// unsigned leaves out what proves a callback.
func unsigned(f *Forger, r *rand.Rand) Callback {
	if r.IntN(2) == 0 {
		return f.payout(r, func(body []byte) []byte {
			var m map[string]any
			if json.Unmarshal(body, &m) != nil {
				return body
			}
			delete(m, "signature")
			if general, ok := m["general"].(map[string]any); ok {
				delete(general, "signature")
			}
			out, err := json.Marshal(m)
			if err != nil {
				return body
			}
			return out
		})
	}
	k := f.account(r, payment.Computop)
	m := paygate.NewMessage("mid", k.Merchant, "PayID", strings.ToLower(hexOf(r, 32)), "TransID", "order-1", "Status", "OK", "Code", "00000000")
	c := Callback{Provider: payment.Computop, Endpoint: k.Endpoint, Method: http.MethodPost, Type: form}
	if env, err := paygate.Seal(paygate.Blowfish, k.Cipher, "", m); err == nil {
		c.Body = []byte(env.Form().Encode())
	}
	return c
}

// ofAnother is a callback of somebody else's shop, to our address.
func ofAnother(f *Forger, r *rand.Rand) Callback {
	if r.IntN(2) == 0 {
		k := f.account(r, payment.Computop)
		return f.notify(r, k.Cipher, "somebody_else")
	}
	k := f.account(r, payment.Axerve)
	return Callback{
		Provider: payment.Axerve, Endpoint: k.Endpoint, Method: http.MethodGet,
		Query: url.Values{"a": {"GESPAY" + hexOf(r, 5)}, "b": {hexOf(r, 300)}}.Encode(),
	}
}

// blockDigits is how many hexadecimal digits a block of Blowfish has.
const blockDigits = 16

var dataField = regexp.MustCompile(`(?i)data=([0-9a-f]+)`)

// rearranged swaps, repeats or drops blocks of a message that is encrypted block by
// block: each of them decrypts to what it did.
func rearranged(f *Forger, r *rand.Rand) Callback {
	c := f.at(r, payment.Computop)
	content := string(c.Content())
	at := dataField.FindStringSubmatchIndex(content)
	if at == nil || at[3]-at[2] < 2*blockDigits {
		return c
	}
	blocks := slices.Collect(slices.Chunk([]byte(content[at[2]:at[3]]), blockDigits))
	i, j := r.IntN(len(blocks)), r.IntN(len(blocks))
	switch r.IntN(3) {
	case 0:
		blocks[i], blocks[j] = blocks[j], blocks[i]
	case 1:
		blocks[i] = blocks[j]
	default:
		blocks = slices.Delete(blocks, i, i+1)
	}
	c.say([]byte(content[:at[2]] + string(slices.Concat(blocks...)) + content[at[3]:]))
	return c
}

// signed tells whether all that Computop's MAC covers is genuine: payment, status and
// code. The rest of a message can be rearranged by whoever has seen it, so nothing
// is decided from that alone.
func (f *Forger) signed(c wire.StoredCallback) bool {
	if c.Provider != payment.Computop {
		return false
	}
	for _, k := range f.keys {
		if k.Endpoint != c.Endpoint {
			continue
		}
		env, _, err := paygate.ParseEnvelope(c.Body)
		if err != nil {
			env, _, err = paygate.ParseEnvelope([]byte(c.Query))
		}
		plain, openErr := paygate.Open(k.Cipher, env)
		if err != nil || openErr != nil {
			return false
		}
		m := paygate.ParseMessage(plain).Map()
		return paygate.EqualMAC(m["mac"], paygate.NotifyMAC(k.MAC, m["payid"], m["transid"], k.Merchant, m["status"], m["code"]))
	}
	return false
}

package computopsim

import (
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/payloom/payloom/pkg/provider/computop/paygate"
)

const noID = "00000000000000000000000000000000"

// answerRefused is the answer to a call that was turned down.
func (s *Simulator) answerRefused(c *call, r *refusal) paygate.Message {
	m := paygate.NewMessage(
		"mid", c.outerMID,
		"PayID", orText(c.get("PayID"), noID),
		"XID", noID,
		"TransID", orText(c.get("TransID"), "n/a"),
		"refnr", c.get("refnr"),
		"Status", "FAILED",
		"Description", r.description,
		"Code", string(r.code))
	if r.codeExt != "" {
		m.Add("CodeExt", r.codeExt)
		m.Add("ErrorText", "Amazon: "+r.codeExt)
	}
	return m
}

func orText(s, instead string) string {
	if s == "" {
		return instead
	}
	return s
}

// head is what every answer and notify about a payment begins with.
func (p *payment) head(xid string) paygate.Message {
	return paygate.NewMessage("mid", p.merchant.ID, "PayID", p.payID, "XID", xid,
		"TransID", p.transID, "refnr", p.refNr, "UserData", p.echo.userData)
}

// verdict are the three fields that tell how it went.
func verdict(status string, code paygate.Code, description string) paygate.Message {
	return paygate.NewMessage("Status", status, "Description", description, "Code", string(code))
}

func join(parts ...paygate.Message) paygate.Message {
	var all paygate.Message
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// seal encrypts what Paygate sends: fields in any order, names in any case, a
// name nobody has seen before, blanks as padding, upper-case hex.
func (m *merchant) seal(fields paygate.Message, rnd *rand.Rand) (paygate.Envelope, error) {
	fields = disguise(fields, rnd)
	style := paygate.Style{Pad: ' ', Upper: true}
	if m.Cipher == paygate.AES {
		style.IV = make([]byte, 16)
		for i := range style.IV {
			style.IV[i] = byte(rnd.Uint32())
		}
	}
	return m.codec.Encrypt(m.Cipher, fields.String(), style)
}

func disguise(fields paygate.Message, rnd *rand.Rand) paygate.Message {
	out := append(paygate.Message{}, fields...)
	out.Add("x"+strconv.Itoa(rnd.IntN(1000)), "a=b+c%2F")
	rnd.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	for i := range out {
		out[i].Name = anyCase(out[i].Name, rnd)
	}
	return out
}

func anyCase(name string, rnd *rand.Rand) string {
	switch rnd.IntN(4) {
	case 0:
		return strings.ToUpper(name)
	case 1:
		return strings.ToLower(name)
	}
	return name
}

// body is the text of an answer.
func body(env paygate.Envelope) []byte {
	return []byte("Len=" + strconv.Itoa(env.Len) + "&Data=" + env.Data)
}

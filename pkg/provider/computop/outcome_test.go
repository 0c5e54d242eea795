package computop

import (
	"strings"
	"testing"

	"github.com/payloom/payloom/pkg/provider/computop/paygate"
)

// What Paygate's details mean, as the documentation of its codes groups them.
func TestJudge_Details(t *testing.T) {
	t.Parallel()
	groups := map[string]struct {
		details string
		want    class
	}{
		"a parameter is wrong":           {"0001 0002 0004 0005 0006 0011 0013 0020 0021 0022 0032", rejected},
		"our credentials are wrong":      {"0003 0007 0008 0044", misconfigured},
		"unspecified":                    {"0000 0055", unclear},
		"nobody knows how it ended":      {"0040 0050 0051 0052 0056 0705 0709 0710 0934 0994", unclear},
		"not executed, later perhaps":    {"0045 0121 0391 0396 0922 0949", refused},
		"another step is active":         {"0062 0064 0065 0066", active},
		"the buyer gave up":              {"0053 0703 0946", failed},
		"not supported":                  {"0060 0063 0071 0101 0077 0078 0080 0081 0082 0992", rejected},
		"payment not found":              {"0061", rejected},
		"the amount is not allowed":      {"0067 0070 0074 0957", rejected},
		"nothing there to act on":        {"0069 0075", failed},
		"probably done by ourselves":     {"0068 0072 0958 0935 0960 1515 1519 1716 1815", unclear},
		"declined":                       {"0100 0305 0991", declined},
		"failed without detail":          {"0950 0951 0952 1835", failed},
		"the refund is blocked":          {"0954 0955 0956 0959", failed},
		"voided":                         {"0984", unclear},
		"pending":                        {"0985", pending},
		"cancelled or expired at Amazon": {"1818 1834", failed},
		"between Amazon and Paygate":     {"1821 1822 1836", unclear},
		"a number that no table has":     {"0999 1234 9999", unlisted},
		"a number with letters in it":    {"00A1", unlisted},
	}
	for name, g := range groups {
		for detail := range strings.FieldsSeq(g.details) {
			if got := judge("FAILED", paygate.Code("2252"+detail)).class; got != g.want {
				t.Errorf("%s: %s is class %d, want %d", name, detail, got, g.want)
			}
			if got := judge("OK", paygate.Code("2252"+detail)).class; got != unclear {
				t.Errorf("%s: %s with status OK is class %d", name, detail, got)
			}
			if got := judge("FAILED", paygate.Code("4252"+detail)).class; got != unclear {
				t.Errorf("%s: fatal %s is class %d", name, detail, got)
			}
			if got := judge("FAILED", paygate.Code("6252"+detail)).class; got != pending {
				t.Errorf("%s: unfinished %s is class %d", name, detail, got)
			}
		}
	}
}

func TestJudge_Categories(t *testing.T) {
	t.Parallel()
	for code, want := range map[paygate.Code]class{
		"20010000": misconfigured, "20100005": rejected, "20110022": rejected, "20120005": rejected, "20130002": rejected,
		"20140011": rejected, "20150032": rejected, "20160000": rejected, "20170002": unclear, "20170004": unclear,
		"20180001": rejected, "20190000": rejected, "20300000": unclear, "20400000": unclear, "20500000": misconfigured,
		"20100044": misconfigured, "20120044": misconfigured, "20120003": misconfigured,
		"20600061": rejected, "21500985": pending,
	} {
		if got := judge("FAILED", code).class; got != want {
			t.Errorf("%s is class %d, want %d", code, got, want)
		}
	}
}

// Only one combination is success.
func TestJudge_Success(t *testing.T) {
	t.Parallel()
	statuses := []string{"", "OK", "ok", "AUTHORIZED", "FAILED", "PENDING", "REQUEST", "AUTHORIZE_REQUEST", "CREDIT_REQUEST", "SUCCESS"}
	codes := []paygate.Code{"", "0", "00", "0000000", "00000000", "000000000", "00000001", "02520000", "22520100", "62520985", "42520050"}
	for _, s := range statuses {
		for _, c := range codes {
			good := c == "00000000" && (strings.EqualFold(s, "OK") || s == "AUTHORIZED")
			if got := judge(s, c).class == success; got != good {
				t.Errorf("status %q with code %q: success %v", s, c, got)
			}
		}
	}
}

// The tables and what is sent by them agree with Paygate's notation.
func TestFormats(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		f    format
		v    string
		want bool
	}{
		"exact length":                      {rowPayID.format, strings.Repeat("a", 32), true},
		"one too few":                       {rowPayID.format, strings.Repeat("a", 31), false},
		"a character is one, not its bytes": {formatANS(3), "äöü", true},
		"one character too many":            {formatANS(2), "äöü", false},
		"outside ISO-8859-1":                {formatANS(3), "€", false},
		"a typographic quote":               {formatANS(3), "“", false},
		"an ampersand":                      {formatANS(3), "a&b", false},
		"an equals sign":                    {formatANS(3), "a=b", true},
		"a NUL":                             {formatANS(3), "a\x00b", false},
		"a C1 control":                      {formatANS(3), "a\u0085b", false},
		"invalid UTF-8":                     {formatANS(3), "a\xff", false},
		"empty":                             {formatANS(3), "", false},
		"a sign":                            {formatN(3), "-1", false},
		"Arabic digits":                     {formatN(3), "١", false},
		"lower-case currency":               {rowCurrency.format, "eur", false},
		"a dot in a key":                    {rowTransID.format, "a.2", true},
		"a blank in a key":                  {rowTransID.format, "a 2", false},
	}
	for name, tc := range cases {
		if got := tc.f.fits(tc.v); got != tc.want {
			t.Errorf("%s: %s fits %q: %v", name, tc.f.notation, tc.v, got)
		}
	}
	if rowAmount.format.notation != "n..10" || rowPayID.format.notation != "an32" || rowRefNr.format.notation != "ans..30" {
		t.Errorf("notations %s, %s, %s", rowAmount.format.notation, rowPayID.format.notation, rowRefNr.format.notation)
	}
}

func FuzzOpen(f *testing.F) {
	codec, err := paygate.NewCodec("qT7#mZ2!vK9_pL4x")
	if err != nil {
		f.Fatal(err)
	}
	env, err := codec.Seal(paygate.Blowfish, "", paygate.NewMessage("mid", "m", "Status", "OK", "Code", "00000000", "AmountCap", "1"), paygate.Style{Pad: ' '})
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(env.Form().Encode()))
	f.Add([]byte("mid=m&Status=FAILED&Code=20010007"))
	f.Add([]byte("Len=8&Data=zz"))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := open([]*paygate.Codec{codec}, body)
		if err != nil {
			return
		}
		if total := r.totals(); total != nil && (total.Authorized < 0 || total.Captured < 0 || total.Refunded < 0) {
			t.Errorf("totals %+v", total)
		}
		_ = r.belongs("m", map[string]string{"PayID": "p"})
	})
}

package gestpay

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// request makes the typed request of a vector.
func (v requestVector) request(t *testing.T) Request {
	t.Helper()
	g := v.Given
	shop := Shop{Login: g.ShopLogin, APIKey: g.APIKey}
	var money Money
	if g.Currency != "" {
		var err error
		if money, err = NewMoney(g.AmountMinor, g.Currency); err != nil {
			t.Fatal(err)
		}
	}
	agreement := map[string]string{"pay_now_and_tokenize": PayNowAndRecurring, "tokenize_only": OnlyRecurring}[g.Recurring]
	switch v.Operation {
	case OpEncrypt:
		return EncryptRequest{Shop: shop, Money: money, ShopTransactionID: g.ShopID, BuyerName: g.BuyerName,
			BuyerEmail: g.BuyerEmail, LanguageID: LanguageID(g.Language), BillingAgreement: agreement}
	case OpDecrypt:
		return DecryptRequest{Shop: shop, CryptedString: g.CryptedString}
	case OpPay:
		return PayRequest{Shop: shop, Money: money, ShopTransactionID: g.ShopID, OrderReference: g.OrderReference, Token: g.Token}
	case OpRead:
		return ReadRequest{Shop: shop, ShopTransactionID: g.ShopID, BankTransactionID: g.BankID}
	case OpSettle:
		return SettleRequest{Shop: shop, Money: money, ShopTransactionID: g.ShopID, BankTransactionID: g.BankID, SettlementID: g.SettlementID}
	case OpRefund:
		return RefundRequest{Shop: shop, Money: money, ShopTransactionID: g.ShopID, BankTransactionID: g.BankID, Reason: g.Reason}
	case OpDelete:
		return DeleteRequest{Shop: shop, ShopTransactionID: g.ShopID, BankTransactionID: g.BankID, Reason: g.Reason}
	}
	t.Fatalf("no operation %q", v.Operation)
	return nil
}

// tidy drops the blanks between elements, which mean nothing.
func tidy(n Node) Node {
	if len(n.Children) > 0 {
		n.Text = ""
	}
	var children []Node
	for _, c := range n.Children {
		children = append(children, tidy(c))
	}
	n.Children = children
	return n
}

func mustTree(t *testing.T, body []byte) (Version, Node) {
	t.Helper()
	version, n, err := ReadEnvelope(body)
	if err != nil {
		t.Fatal(err)
	}
	return version, tidy(n)
}

func TestBuild_Vectors(t *testing.T) {
	t.Parallel()
	for _, v := range mustVectors(t).Requests {
		t.Run(v.File, func(t *testing.T) {
			t.Parallel()
			m, err := Build(SOAP11, v.request(t))
			if err != nil {
				t.Fatal(err)
			}
			if m.Action != v.Action || m.ContentType != v.ContentType {
				t.Errorf("%q, %q", m.Action, m.ContentType)
			}
			if url := Sandbox().URL(v.Operation); url != "https://sandbox.gestpay.net"+v.Path {
				t.Errorf("URL %s", url)
			}
			version, got := mustTree(t, m.Body)
			_, want := mustTree(t, mustRead(t, v.File))
			if version != SOAP11 || got.Space != v.Operation.Namespace() {
				t.Errorf("SOAP %s, namespace %s", version, got.Space)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestBuild_SOAP12(t *testing.T) {
	t.Parallel()
	m, err := Build(SOAP12, ReadRequest{Shop: Shop{Login: "S"}, BankTransactionID: "1"})
	if err != nil {
		t.Fatal(err)
	}
	want := `application/soap+xml; charset=utf-8; action="https://ecomms2s.sella.it/callReadTrxS2S"`
	if m.Action != "" || m.ContentType != want || m.Header().Get("SOAPAction") != "" {
		t.Errorf("%q, %q", m.Action, m.ContentType)
	}
	if version, _ := mustTree(t, m.Body); version != SOAP12 {
		t.Errorf("SOAP %s", version)
	}
}

func TestBuild_EscapesAndOrders(t *testing.T) {
	t.Parallel()
	m, err := BuildElements(SOAP11, OpRefund, []Node{
		Leaf("RefundReason", `a <b> & "c"`), Leaf("bankTransactionId", "1"), Leaf("settlementID", ""),
		Leaf("amount", "1"), Leaf("uicCode", "242"), Leaf("shopLogin", "S"),
	})
	if err != nil {
		t.Fatal(err)
	}
	_, n := mustTree(t, m.Body)
	var names []string
	for _, c := range n.Children {
		names = append(names, c.Name)
	}
	want := []string{"shopLogin", "uicCode", "amount", "bankTransactionId", "RefundReason"}
	if diff := cmp.Diff(want, names); diff != "" || n.Get("RefundReason") != `a <b> & "c"` {
		t.Errorf("%s, %q", diff, n.Get("RefundReason"))
	}
}

func TestBuild_Refuses(t *testing.T) {
	t.Parallel()
	good := func(more ...Node) []Node {
		return append([]Node{Leaf("shopLogin", "S"), Leaf("uicCode", "242"), Leaf("amount", "1.00"), Leaf("shopTransID", "p-1")}, more...)
	}
	cases := map[string]struct {
		op       Operation
		elements []Node
		want     string
	}{
		"an operation that does not exist":         {"callVerifycardS2S", good(), "unknown operation"},
		"a misspelt name":                          {OpSettle, good(Leaf("bankTransId", "1")), "bankTransId: no element of callSettleS2S"},
		"the other operations' name":               {OpSettle, good(Leaf("shopTransactionId", "1")), "shopTransactionId: no element of callSettleS2S"},
		"card data":                                {OpEncrypt, append(good(), Leaf("cardNumber", "4111")), "cardNumber: no element of Encrypt"},
		"a name twice":                             {OpSettle, good(Leaf("amount", "2.00")), "amount: given twice"},
		"a name that is none":                      {OpSettle, good(Leaf("a><b", "2.00")), "a name: is no XML name"},
		"a missing element":                        {OpSettle, good()[:1], "amount: is missing"},
		"no id":                                    {OpRead, []Node{Leaf("shopLogin", "S")}, "shopTransactionId: or bankTransactionId is needed"},
		"no id for settle":                         {OpSettle, good()[:3], "shopTransID: or bankTransID is needed"},
		"an amount with a comma":                   {OpSettle, []Node{Leaf("amount", "1,00")}, "amount: want digits"},
		"an amount too long":                       {OpSettle, []Node{Leaf("amount", "1234567.00")}, "amount: longer than 9"},
		"letters for a currency":                   {OpSettle, []Node{Leaf("uicCode", "EUR")}, "uicCode: want the number"},
		"an id the gateway would refuse":           {OpEncrypt, []Node{Leaf("shopTransactionId", "a b")}, "shopTransactionId: want 1 to 32"},
		"a settlementID too long":                  {OpSettle, good(Leaf("settlementID", strings.Repeat("x", 21))), "settlementID: longer than 20"},
		"a character that XML does not have":       {OpSettle, good(Leaf("settlementID", "a\x00")), "settlementID: has a character"},
		"a character that XML lacks, further down": {OpEncrypt, []Node{{Name: "paymentTypes", Children: []Node{Leaf("paymentType", "\x01")}}}, "paymentType: has a character"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := BuildElements(SOAP11, c.op, c.elements)
			if !errors.Is(err, ErrRequest) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
	if _, err := BuildElements("1.3", OpSettle, good()); !errors.Is(err, ErrRequest) {
		t.Errorf("a version that does not exist: %v", err)
	}
}

func TestSecretsStayInside(t *testing.T) {
	t.Parallel()
	shop := Shop{Login: "GESPAY1", APIKey: "hush-hush"}
	m, err := Build(SOAP11, DecryptRequest{Shop: shop, CryptedString: "x"})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(m.Body), "hush-hush") {
		t.Error("the key is not sent")
	}
	for _, text := range []string{shop.String(), shop.GoString(), m.String(), Notification{"GESPAY1", "hush-hush"}.String()} {
		if strings.Contains(text, "hush") {
			t.Errorf("%q", text)
		}
	}
}

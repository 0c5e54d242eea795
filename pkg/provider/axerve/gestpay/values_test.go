package gestpay

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAmounts_Vectors(t *testing.T) {
	t.Parallel()
	v := mustVectors(t).Amounts
	for _, a := range v.Format {
		if got, err := FormatAmount(a.Minor, a.Currency); err != nil || got != a.Text {
			t.Errorf("%d %s: %q, %v", a.Minor, a.Currency, got, err)
		}
	}
	for _, a := range append(v.Parse, v.Format...) {
		if got, err := ParseAmount(a.Text, a.Currency); err != nil || got != a.Minor {
			t.Errorf("%q: %d, %v", a.Text, got, err)
		}
	}
	for _, a := range v.RejectFormat {
		if got, err := FormatAmount(a.Minor, a.Currency); !errors.Is(err, ErrAmount) {
			t.Errorf("%d: %q, %v", a.Minor, got, err)
		}
	}
	for _, text := range append(v.RejectParse, "5.", ".5", "+5", "5 0", "1234567.89") {
		if got, err := ParseAmount(text, "EUR"); !errors.Is(err, ErrAmount) {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
	if got, err := ParseAmount("500.00", "JPY"); err != nil || got != 500 {
		t.Errorf("yen with a point: %d, %v", got, err)
	}
	if got, err := ParseAmount("500.50", "JPY"); !errors.Is(err, ErrAmount) {
		t.Errorf("half a yen: %d, %v", got, err)
	}
}

func TestCurrencies_Vectors(t *testing.T) {
	t.Parallel()
	for iso, want := range mustVectors(t).Currencies {
		uic, found := UICCode(iso)
		back, known := ISOCurrency(" " + uic + " ")
		if !found || !known || uic != want || back != iso {
			t.Errorf("%s: %s, %s", iso, uic, back)
		}
	}
	if len(isoByUIC) != len(uicByISO) {
		t.Error("two currencies share a number")
	}
	if iso, found := ISOCurrency("978"); found {
		t.Errorf("978 is %s; it is the euro's ISO number", iso)
	}
	if _, err := NewMoney(100, "XAU"); !errors.Is(err, ErrAmount) {
		t.Errorf("gold: %v", err)
	}
}

func TestShopTransactionID_Vectors(t *testing.T) {
	t.Parallel()
	v := mustVectors(t).ShopIDs
	for _, id := range v.Valid {
		if err := CheckShopTransactionID(id); err != nil {
			t.Errorf("%q: %v", id, err)
		}
	}
	for _, id := range v.Invalid {
		if err := CheckShopTransactionID(id); !errors.Is(err, ErrID) {
			t.Errorf("%q passed", id)
		}
	}
}

func TestRedirects_Vectors(t *testing.T) {
	t.Parallel()
	environments := map[string]Environment{"sandbox": Sandbox(), "production": Production()}
	for _, v := range mustVectors(t).Redirects {
		if got, err := environments[v.Environment].RedirectURL(v.ShopLogin, v.CryptString); err != nil || got != v.URL {
			t.Errorf("%s, %v; want %s", got, err, v.URL)
		}
	}
	if got, err := Sandbox().RedirectURL("GESPAY1", ""); !errors.Is(err, ErrRedirect) {
		t.Errorf("nothing to open: %s", got)
	}
}

func TestNotifications_Vectors(t *testing.T) {
	t.Parallel()
	for _, v := range mustVectors(t).Notifications {
		query := v.Query + v.Body
		n, err := ParseNotification(query)
		switch {
		case v.Transport == "rest":
			if !errors.Is(err, ErrRESTNotification) || !errors.Is(err, ErrNotification) {
				t.Errorf("%s: %v", query, err)
			}
		case v.Expect.Decrypts != nil && !*v.Expect.Decrypts && v.Expect.ReplyStatus == 400:
			if !errors.Is(err, ErrNotification) {
				t.Errorf("%s: %v", query, err)
			}
		case err != nil:
			t.Errorf("%s: %v", query, err)
		case v.Expect.Crypted != "" && n.CryptedString != v.Expect.Crypted:
			t.Errorf("%s: b is %q", query, n.CryptedString)
		default:
			if again, err := ParseNotification(n.Query()); err != nil || again != n {
				t.Errorf("%s: became %v, %v", query, again, err)
			}
		}
	}
}

func TestParseNotification_Refuses(t *testing.T) {
	t.Parallel()
	for name, query := range map[string]string{
		"nothing":                   "",
		"a query that is none":      "a=%zz&b=x",
		"semicolons":                "a=x;b=y",
		"a blank, written as plus":  "a=x&b=y+z",
		"a line end":                "a=x&b=y%0Az",
		"other letters":             "a=x&b=%C3%A9",
		"more than anybody sends":   "a=x&b=" + strings.Repeat("y", maxParameter+1),
		"an id of REST beside both": "a=x&b=y&paymentID=1",
		"b twice":                   "a=x&b=y&b=y",
	} {
		if n, err := ParseNotification(query); !errors.Is(err, ErrNotification) || n != (Notification{}) {
			t.Errorf("%s: %v, %v", name, n, err)
		}
	}
}

func TestErrorCodes_Vectors(t *testing.T) {
	t.Parallel()
	var table struct {
		Classes map[Class][]string `json:"classes"`
	}
	if err := json.Unmarshal(mustRead(t, "error_codes.json"), &table); err != nil {
		t.Fatal(err)
	}
	count := 0
	for class, list := range table.Classes {
		for _, code := range list {
			count++
			if got := Code(" " + code + "\n").Class(); got != class {
				t.Errorf("%s: %s, want %s", code, got, class)
			}
		}
	}
	if count != len(classOf) || count < 290 {
		t.Errorf("%d codes in the table, %d known", count, len(classOf))
	}
	for _, code := range []Code{"", "00", "1007", "x"} {
		if code.OK() || code.Class() != ClassUnknown {
			t.Errorf("%q: %s", code, code.Class())
		}
	}
}

func TestCustomInfo(t *testing.T) {
	t.Parallel()
	text, err := FormatCustomInfo(map[string]string{"note": "gift wrap?", "Cart": "88213", "empty": ""})
	if want := "Cart=88213*P1*empty=*P1*note=gift%20wrap%3F"; err != nil || text != want {
		t.Errorf("%q, %v", text, err)
	}
	back := ParseCustomInfo(text)
	if diff := cmp.Diff(map[string]string{"CART": "88213", "EMPTY": "", "NOTE": "gift%20wrap%3F"}, back); diff != "" {
		t.Error(diff)
	}
	if got := DecodeCustomInfo(back)["NOTE"]; got != "gift wrap?" {
		t.Errorf("%q", got)
	}
	if got := DecodeCustomInfo(map[string]string{"X": "50%"})["X"]; got != "50%" {
		t.Errorf("a lone percent sign: %q", got)
	}
	for name, pairs := range map[string]map[string]string{
		"a key with a blank": {"a b": "x"},
		"a value too long":   {"a": strings.Repeat("x", 301)},
		"all together":       {"a": strings.Repeat("x", 300), "b": strings.Repeat("x", 300), "c": strings.Repeat("x", 300), "d": strings.Repeat("x", 300)},
	} {
		if got, err := FormatCustomInfo(pairs); !errors.Is(err, ErrCustomInfo) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestCleanBuyerName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"Anna Verdi":             "Anna Verdi",
		"  Anna   (Verdi) & Co ": "Anna Verdi Co",
		"D'Albà -- O'Neil\n":     "D'Albà O'Neil",
		strings.Repeat("é", 60):  strings.Repeat("é", 50),
		"<>":                     "",
	} {
		if got := CleanBuyerName(name); got != want {
			t.Errorf("%q: %q", name, got)
		}
	}
}

func TestOrderReference(t *testing.T) {
	t.Parallel()
	for id, want := range map[OrderReference][2]bool{
		"S02-0319513-4657042":   {true, true},
		"P01-0319513-4657042":   {true, false},
		"S02-0319513-4657042\n": {false, true},
		"X02-0319513-4657042":   {false, false},
		"900417":                {false, false},
	} {
		if id.Valid() != want[0] || id.Sandbox() != want[1] {
			t.Errorf("%q: %v, %v", id, id.Valid(), id.Sandbox())
		}
	}
}

func TestLanguageID(t *testing.T) {
	t.Parallel()
	for language, want := range map[string]string{"it": "1", "en-GB": "2", "DE": "5", "pl": "", "": ""} {
		if got := LanguageID(language); got != want {
			t.Errorf("%s: %q", language, got)
		}
	}
}

func TestEnvironments(t *testing.T) {
	t.Parallel()
	if got := Production().URL(OpEncrypt); got != "https://ecomms2s.sella.it/gestpay/GestPayWS/WsCryptDecrypt.asmx" {
		t.Error(got)
	}
	if got := Production().URL(OpSettle); got != "https://ecomms2s.sella.it/gestpay/gestpayws/WSs2s.asmx" {
		t.Error(got)
	}
}

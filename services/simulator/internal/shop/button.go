package shop

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/payloom/payloom/pkg/conf"
	"github.com/payloom/payloom/pkg/payment"
)

// Button are the parameters of the Amazon Pay button (Paygate documentation,
// "Integrate Amazon Pay button").
type Button struct {
	ScriptURL      string `env:"SCRIPT_URL" desc:"Amazon's checkout.js, by region; default: the simulator's stand-in"`
	MerchantID     string `env:"MERCHANT_ID" envDefault:"ADEMOSELLER01" desc:"SellerId issued by Amazon"`
	PublicKeyID    string `env:"PUBLIC_KEY_ID" desc:"id of the public key in Seller Central, such as SANDBOX-…; optional, as the payment brings it"`
	LedgerCurrency string `env:"LEDGER_CURRENCY" envDefault:"EUR" desc:"EUR, GBP, USD or JPY, by the region of the account"`
	Language       string `env:"CHECKOUT_LANGUAGE" envDefault:"en_GB" desc:"of the checkout, by region; auto: Amazon chooses"`
	ProductType    string `env:"PRODUCT_TYPE" envDefault:"PayAndShip" desc:"PayAndShip for goods, PayOnly for what is not sent"`
	Placement      string `env:"PLACEMENT" envDefault:"Cart" desc:"where the button is: Cart"`
	Color          string `env:"COLOR" envDefault:"Gold" desc:"Gold, LightGray or DarkGray"`
}

// auto leaves the language to Amazon.
const auto = "auto"

// region is what follows from where the merchant's Amazon account is.
type region struct {
	country   string // as Payloom calls the marketplace
	languages []string
}

// regions by ledger currency.
var regions = map[string]region{
	"EUR": {"EU", europe},
	"GBP": {"UK", europe},
	"USD": {"US", []string{"en_US"}},
	"JPY": {"JP", []string{"ja_JP"}},
}

var europe = []string{"en_GB", "de_DE", "fr_FR", "it_IT", "es_ES"}

var (
	sellerPattern = regexp.MustCompile(`^[A-Z0-9]{8,32}$`)
	keyPattern    = regexp.MustCompile(`^[A-Z0-9-]{1,256}$`)
)

// Validate reports every parameter that has none of its permissible values.
func (b Button) Validate() error {
	var errs []error
	bad := func(name, format string, args ...any) { errs = append(errs, conf.Invalid(name, format, args...)) }
	oneOf := func(name, value string, list ...string) {
		if !slices.Contains(list, value) {
			bad(name, "must be one of %s", strings.Join(list, ", "))
		}
	}
	if b.ScriptURL != "" && !isURL(b.ScriptURL) {
		bad("SCRIPT_URL", "must be a URL")
	}
	if !sellerPattern.MatchString(b.MerchantID) {
		bad("MERCHANT_ID", "must be a SellerId: 8 to 32 capital letters and digits")
	}
	if b.PublicKeyID != "" && !keyPattern.MatchString(b.PublicKeyID) {
		bad("PUBLIC_KEY_ID", "must be an id of capital letters, digits and hyphens")
	}
	oneOf("LEDGER_CURRENCY", b.LedgerCurrency, "EUR", "GBP", "USD", "JPY")
	if r, known := regions[b.LedgerCurrency]; known {
		oneOf("CHECKOUT_LANGUAGE", b.Language, append(slices.Clone(r.languages), auto)...)
	}
	oneOf("PRODUCT_TYPE", b.ProductType, "PayAndShip", "PayOnly")
	oneOf("PLACEMENT", b.Placement, "Cart")
	oneOf("COLOR", b.Color, "Gold", "LightGray", "DarkGray")
	return errors.Join(errs...)
}

func (b Button) currency() payment.Currency { return payment.Currency(b.LedgerCurrency) }

// country is the marketplace, as Payloom wants it when a payment is opened.
func (b Button) country() string { return regions[b.LedgerCurrency].country }

// settings are the parameters as renderButton takes them.
type settings struct {
	MerchantID     string   `json:"merchantId"`
	PublicKeyID    string   `json:"publicKeyId,omitempty"`
	LedgerCurrency string   `json:"ledgerCurrency"`
	Language       string   `json:"checkoutLanguage,omitempty"`
	ProductType    string   `json:"productType"`
	Placement      string   `json:"placement"`
	Color          string   `json:"buttonColor"`
	Estimate       estimate `json:"estimatedOrderAmount"`
}

// estimate is an order's amount as Amazon writes it, in major units.
type estimate struct {
	Amount       string `json:"amount"`
	CurrencyCode string `json:"currencyCode"`
}

func estimateOf(m payment.Money) (estimate, error) {
	if err := m.Validate(); err != nil {
		return estimate{}, fmt.Errorf("estimatedOrderAmount: %w", err)
	}
	text, err := m.Decimal()
	return estimate{Amount: text, CurrencyCode: string(m.Currency)}, err
}

// settings returns the button's parameters for an order of so much.
func (b Button) settings(total payment.Money) (settings, error) {
	about, err := estimateOf(total)
	if err != nil {
		return settings{}, err
	}
	s := settings{
		MerchantID: b.MerchantID, PublicKeyID: b.PublicKeyID, LedgerCurrency: b.LedgerCurrency, Language: b.Language,
		ProductType: b.ProductType, Placement: b.Placement, Color: b.Color, Estimate: about,
	}
	if s.Language == auto {
		s.Language = ""
	}
	return s, nil
}

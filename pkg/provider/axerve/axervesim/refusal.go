package axervesim

import (
	"errors"
	"fmt"

	"github.com/payloom/payloom/pkg/provider/axerve/gestpay"
	"github.com/payloom/payloom/pkg/provider/simkit"
)

// refusal is a call that the gateway turns down.
type refusal struct{ code gestpay.Code }

func refuse(code gestpay.Code) *refusal { return &refusal{code: code} }

// Codes beyond those the codec names.
const (
	codeParameter    gestpay.Code = "1100" // a parameter, where the documentation gives no number of its own
	codeCustomKey    gestpay.Code = "1104" // a key of customInfo that was not declared
	codeCustomLength gestpay.Code = "1107"
	codeCurrency     gestpay.Code = "1111"
	codeNoAmount     gestpay.Code = "1113"
	codeAmount       gestpay.Code = "1114"
	codeNoShopID     gestpay.Code = "1115"
	codeLongShopID   gestpay.Code = "1116"
	codeNoCard       gestpay.Code = "1119" // neither wallet nor token: taken for a card payment without a card
	codePageExtra    gestpay.Code = "1130"
	codeShopUnknown  gestpay.Code = "1131"
	codeShopInactive gestpay.Code = "1132"
	codePageNoShop   gestpay.Code = "1133"
	codePageNoString gestpay.Code = "1134"
	codePageTwice    gestpay.Code = "1135"
	codeNotEncrypted gestpay.Code = "1136" // the page was not opened by way of Encrypt
	codePaid         gestpay.Code = "1137"
	codeBadString    gestpay.Code = "1141"
	codeIP           gestpay.Code = "1142"
	codeAPIKey       gestpay.Code = "1169"
	codeShopID       gestpay.Code = "4801"
)

// descriptions are what stands beside codes, in Italian like the gateway's. A
// code without one has an empty description, which occurs.
var descriptions = map[gestpay.Code]string{
	gestpay.CodeOK:              "Transazione correttamente effettuata",
	gestpay.CodeAboveAuthorised: "Importo superiore a quello autorizzato",
	gestpay.CodeExpired:         "Autorizzazione scaduta",
	gestpay.CodeDeclined:        "Autorizzazione negata",
	gestpay.CodeAbandoned:       "Transazione abbandonata dal compratore",
	gestpay.CodeNotFound:        "Transazione non trovata",
	gestpay.CodeAmbiguous:       "Transazione ambigua",
	gestpay.CodeNoIDs:           "identificativi assenti",
	gestpay.CodeNotDeletable:    "Transazione non cancellabile",
	gestpay.CodeNotRefundable:   "Transazione non stornabile",
	gestpay.CodeNotSettleable:   "Transazione non contabilizzabile",
	gestpay.CodeProcessed:       "Transazione già elaborata",
	gestpay.CodeSessionExpired:  "Sessione scaduta",
	gestpay.CodeSystem:          "Errore di sistema",
	codeShopUnknown:             "Esercente non riconosciuto",
	codeIP:                      "indirizzo IP non valido",
	codeAPIKey:                  "apikey non valida",
	codeAmount:                  "Importo non valido",
}

// Errors of the control interface.
var (
	ErrNoShop    = fmt.Errorf("axervesim: no such shop: %w", simkit.ErrNotFound)
	ErrNoPayment = fmt.Errorf("axervesim: no such payment: %w", simkit.ErrNotFound)
	ErrNoToken   = fmt.Errorf("axervesim: no such token: %w", simkit.ErrNotFound)
	ErrStage     = fmt.Errorf("axervesim: the payment is decided: %w", simkit.ErrConflict)
	ErrDecision  = errors.New("axervesim: no such decision")
	ErrEffect    = errors.New("axervesim: no such effect")
)

func errorsOf(kind, err error) error { return fmt.Errorf("%w: %w", kind, err) }

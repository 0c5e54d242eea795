package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/payloom/payloom/pkg/payment"
)

// effect is one entry of a simulator's ledger: what really happened to money. Each
// simulator calls the attempt's key by its provider's name.
type effect struct {
	Seq       int       `json:"seq"`
	Time      time.Time `json:"time"`
	TransID   string    `json:"trans_id"`
	ShopID    string    `json:"shop_transaction_id"`
	PaymentID string    `json:"payment_id"`
	Kind      string    `json:"kind"`
	Amount    int64     `json:"amount"`
	ReqID     string    `json:"req_id"`
	Pending   bool      `json:"pending"`
	Void      bool      `json:"void"`
}

func (e effect) key() string { return e.TransID + e.ShopID + e.PaymentID }

// book is how a provider's ledger is read.
type book struct {
	provider payment.Provider
	kinds    map[string]payment.Kind // which operation has which effect; "" has none
	// back is the kind that takes an effect back without a command.
	back string
	// perPayment: an effect names the payment and not the attempt, so of several
	// operations of one kind it belongs to the latest that had begun.
	perPayment bool
}

func books() []book {
	return []book{
		{provider: payment.Computop, kinds: map[string]payment.Kind{
			"authorize": payment.Authorize, "charge": payment.Authorize, "capture": payment.Capture,
			"refund": payment.Refund, "reverse": payment.Cancel,
		}},
		{provider: payment.Axerve, perPayment: true, kinds: map[string]payment.Kind{
			"authorize": payment.Authorize, "charge": payment.Authorize, "capture": payment.Capture,
			"refund": payment.Refund, "cancel": payment.Cancel, "mandate": "",
		}},
		{provider: payment.ECommPay, back: "reversal", kinds: map[string]payment.Kind{
			"payout": payment.Payout, "reversal": payment.Payout,
		}},
	}
}

// stays tells whether an effect is still one. An authorisation that was given up
// by a later reverse was one.
func (b book) stays(e effect) bool { return !e.Void || b.kinds[e.Kind] == payment.Authorize }

const ledgerPatience = 30 * time.Second

// errNoLedger says that a simulator does not play a provider.
var errNoLedger = errors.New("no such ledger")

// fetch reads the whole ledger of a simulator.
func (b book) fetch(ctx context.Context, base string) (list []effect, err error) {
	ctx, cancel := context.WithTimeout(ctx, ledgerPatience)
	defer cancel()
	url := strings.TrimSuffix(base, "/") + "/control/" + string(b.provider) + "/ledger"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("simulator %s: %w", base, err)
	}
	res, err := (&http.Client{}).Do(req)
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %w (is the simulator running there?)", err)
	}
	defer func() { err = errors.Join(err, res.Body.Close()) }()
	switch {
	case res.StatusCode == http.StatusNotFound:
		return nil, errNoLedger
	case res.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("read the ledger: %s answered %s", url, res.Status)
	}
	if err := json.NewDecoder(res.Body).Decode(&list); err != nil {
		return nil, fmt.Errorf("read the ledger of %s: %w", base, err)
	}
	return list, nil
}

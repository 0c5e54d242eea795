package axervesim

import (
	"strconv"

	"github.com/payloom/payloom/pkg/provider/axerve/gestpay"
)

// book holds every payment, with an index for each way to ask for one. The
// simulator's lock guards it.
type book struct {
	payments []*payment // in order of arrival
	byShopID map[shopKey][]*payment
	byBankID map[shopKey]*payment
	byCrypt  map[string]*payment
	results  map[string]*result // what strings in notifications and returns say
	orders   map[string]order
	tokens   map[string]*token
	ledger   []Entry
	made     int // counts orders
}

// shopKey is an id within one shopLogin.
type shopKey struct{ login, id string }

// result is what Decrypt tells of one event in a payment's life.
type result struct {
	payment  *payment
	outcome  gestpay.Result
	code     gestpay.Code
	bankID   string
	authCode string
	token    string
}

// order is an Amazon order reference that a buyer's widgets made.
type order struct {
	shop   string
	effect Effect
}

// token pays further times.
type token struct {
	shop    *Shop
	from    *payment
	revoked bool
}

func newBook() book {
	return book{
		byShopID: map[shopKey][]*payment{},
		byBankID: map[shopKey]*payment{},
		byCrypt:  map[string]*payment{},
		results:  map[string]*result{},
		orders:   map[string]order{},
		tokens:   map[string]*token{},
	}
}

func (b *book) add(p *payment) {
	key := shopKey{p.shop.Login, p.shopID}
	b.byShopID[key] = append(b.byShopID[key], p)
	b.payments = append(b.payments, p)
	if p.crypt != "" {
		b.byCrypt[p.crypt] = p
	}
}

// transactions are those that the shop's id names.
func (b *book) transactions(login, shopID string) []*payment {
	var found []*payment
	for _, p := range b.byShopID[shopKey{login, shopID}] {
		if p.bankID != "" {
			found = append(found, p)
		}
	}
	return found
}

// used tells whether the shop's id has a transaction.
func (b *book) used(login, shopID string) bool { return len(b.transactions(login, shopID)) > 0 }

// find returns the transaction that one id or both name. A stranger's id is as
// unknown as one that does not exist.
func (b *book) find(login, shopID, bankID string) (*payment, *refusal) {
	if bankID != "" {
		p := b.byBankID[shopKey{login, bankID}]
		if p == nil || shopID != "" && shopID != p.shopID {
			return nil, refuse(gestpay.CodeNotFound)
		}
		return p, nil
	}
	if shopID == "" {
		return nil, refuse(gestpay.CodeNoIDs)
	}
	found := b.transactions(login, shopID)
	switch len(found) {
	case 0:
		return nil, refuse(gestpay.CodeNotFound)
	case 1:
		return found[0], nil
	}
	return nil, refuse(gestpay.CodeAmbiguous)
}

// open gives the payment its transaction.
func (s *Simulator) open(p *payment) {
	for try := len(s.book.transactions(p.shop.Login, p.shopID)); p.bankID == ""; try++ {
		key := shopKey{p.shop.Login, s.bankID(p.shop.Login, p.shopID, strconv.Itoa(try))}
		if s.book.byBankID[key] == nil {
			s.book.byBankID[key] = p
			p.bankID = key.id
		}
	}
}

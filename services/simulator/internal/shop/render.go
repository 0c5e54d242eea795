package shop

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"strings"

	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/service"
)

// view is what every page shows; Data is its own.
type view struct {
	Title  string
	Page   string // for the navigation
	CSRF   string
	Count  int // things in the cart
	Flash  string
	Script string // Amazon's script, on pages that need it
	Data   any
}

func (v visitor) view(title, page string, data any) view {
	return view{Title: title, Page: page, CSRF: v.csrf, Count: v.cart.count(), Flash: v.flash, Data: data}
}

// show renders a page whole before it sends a byte of it.
func (s *Shop) show(w http.ResponseWriter, status int, page string, v view) {
	var out bytes.Buffer
	if err := s.pages.ExecuteTemplate(&out, page, v); err != nil {
		s.log.Error("page not rendered", zap.String("page", page), zap.Error(err))
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = out.WriteTo(w) // whoever asked has gone if this fails
}

// problem shows a page that says what is wrong.
func (s *Shop) problem(w http.ResponseWriter, status int, title, text string) {
	s.show(w, status, "problem.html", view{Title: title, Data: text})
}

// lost answers for pages that do not exist.
func (s *Shop) lost(w http.ResponseWriter, _ *http.Request, _ visitor) {
	s.problem(w, http.StatusNotFound, "There is nothing here", "The page does not exist, or the order is not yours.")
}

// answer writes JSON for a script of ours.
func answer(w http.ResponseWriter, status int, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text)
}

// trouble notes that Payloom could not be asked, and says so to the visitor. The
// log names the payment, not who pays.
func (s *Shop) trouble(w http.ResponseWriter, r *http.Request, paymentID string, err error) {
	s.log.Error("payloom not reached", service.Route(r.Pattern), service.PaymentID(paymentID), zap.Error(err))
	w.Header().Set("Retry-After", "2")
	s.problem(w, http.StatusServiceUnavailable, "One moment, please", "We cannot look up your payment right now. Reload this page in a moment; nothing is lost.")
}

func functions() template.FuncMap {
	return template.FuncMap{"money": showMoney, "price": priceIn, "words": words}
}

var symbols = map[payment.Currency]string{"EUR": "€", "GBP": "£", "USD": "$", "JPY": "¥", "INR": "₹"}

// showMoney writes an amount as the shop does: "€1,290.50".
func showMoney(m payment.Money) (string, error) {
	text, err := m.Decimal()
	if err != nil {
		return "", err
	}
	whole, rest, dotted := strings.Cut(text, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if dotted {
		whole += "." + rest
	}
	if symbol, ok := symbols[m.Currency]; ok {
		return symbol + whole, nil
	}
	return whole + " " + string(m.Currency), nil
}

func priceIn(p prices, in payment.Currency) payment.Money {
	return payment.Money{Minor: p[in], Currency: in}
}

// words writes a state or a reason for people.
func words(v any) string { return strings.ReplaceAll(fmt.Sprint(v), "_", " ") }

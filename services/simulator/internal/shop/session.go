package shop

import (
	"crypto/rand"
	"crypto/subtle"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/payloom/payloom/pkg/payment"
)

const (
	cookieName  = "payloom_shop"
	sessionLife = 24 * time.Hour
	maxSessions = 10_000
	maxOrders   = 500 // shown to the merchant; older ones are forgotten
)

// order is what a buyer agreed to buy when the button was pressed.
type order struct {
	PaymentID string
	key       string // Idempotency-Key of the payment's opening
	Cart      cart
	Placed    time.Time
	provider  payment.Provider // where the cart's payment was opened
	payout    payment.Money    // what is paid out; zero: it is an order
	wanted    *cart            // a change on the review page that the payment may not have yet
	seen      uint64           // version of the payment that the buyer saw on the review page
}

// session is one browser's visit.
type session struct {
	csrf    string
	cart    cart
	order   string   // payment of the cart as it is now; empty: none yet
	orders  []string // all payments of the session
	flash   string   // shown once
	expires time.Time
}

// memory holds sessions and orders. It is safe for concurrent use.
type memory struct {
	now      func() time.Time
	mu       sync.Mutex
	sessions map[string]*session
	orders   map[string]order
	latest   []string // orders, the oldest first
}

func newMemory() *memory {
	return &memory{now: time.Now, sessions: map[string]*session{}, orders: map[string]order{}}
}

// visit returns the id of the browser's session; a browser that has none gets one.
func (m *memory) visit(w http.ResponseWriter, r *http.Request, secure bool) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if id, ok := m.known(r); ok {
		return id
	}
	m.sweep()
	id := rand.Text()
	m.sessions[id] = &session{csrf: rand.Text(), cart: newCart(), expires: m.now().Add(sessionLife)}
	http.SetCookie(w, &http.Cookie{
		Name: cookieName, Value: id, Path: "/shop/", MaxAge: int(sessionLife.Seconds()),
		// Lax, not Strict: the buyer comes back from Amazon, which is another site.
		HttpOnly: true, Secure: secure, SameSite: http.SameSiteLaxMode,
	})
	return id
}

func (m *memory) known(r *http.Request) (string, bool) {
	c, err := r.Cookie(cookieName)
	if err != nil {
		return "", false
	}
	s, ok := m.sessions[c.Value]
	return c.Value, ok && m.now().Before(s.expires)
}

// sweep forgets sessions that are over, and others when there are too many.
func (m *memory) sweep() {
	for id, s := range m.sessions {
		if len(m.sessions) >= maxSessions || m.now().After(s.expires) {
			delete(m.sessions, id)
		}
	}
}

// update changes a session under the lock; one that is gone is left alone.
func (m *memory) update(id string, change func(*session)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s, ok := m.sessions[id]; ok {
		change(s)
	}
}

// look returns a copy of a session. Its flash is shown once.
func (m *memory) look(id string) session {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.sessions[id]
	if !ok {
		return session{cart: newCart()}
	}
	seen := *s
	seen.cart, seen.orders, s.flash = s.cart.clone(), slices.Clone(s.orders), ""
	return seen
}

// genuine tells whether token is the session's own, so that a form was ours.
func (m *memory) genuine(id, token string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.sessions[id]
	return ok && subtle.ConstantTimeCompare([]byte(token), []byte(s.csrf)) == 1
}

// place returns the order of the session's cart as it is now, a new one unless
// the provider's button was pressed before: pressing it twice opens one payment.
func (m *memory) place(id string, p payment.Provider) (order, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.sessions[id]
	if !ok || s.cart.empty() {
		return order{}, false
	}
	if s.order == "" || m.orders[s.order].provider != p {
		o := order{
			PaymentID: "shop-" + strings.ToLower(rand.Text()[:12]), key: rand.Text(), Cart: s.cart.clone(), Placed: m.now(), provider: p,
		}
		s.order, s.orders = o.PaymentID, append(s.orders, o.PaymentID)
		m.keep(o)
	}
	return m.orders[s.order], true
}

func (m *memory) keep(o order) {
	m.orders[o.PaymentID] = o
	m.latest = append(m.latest, o.PaymentID)
	if len(m.latest) > maxOrders {
		delete(m.orders, m.latest[0])
		m.latest = m.latest[1:]
	}
}

// change changes an order.
func (m *memory) change(paymentID string, f func(*order)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if o, ok := m.orders[paymentID]; ok {
		f(&o)
		m.orders[paymentID] = o
	}
}

// order returns an order by its payment.
func (m *memory) order(paymentID string) (order, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	o, ok := m.orders[paymentID]
	return o, ok
}

// own returns an order if it is the session's: an address that names another
// buyer's shows nothing.
func (m *memory) own(id, paymentID string) (order, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.sessions[id]
	if !ok || !slices.Contains(s.orders, paymentID) {
		return order{}, false
	}
	o, ok := m.orders[paymentID]
	return o, ok
}

// all returns at most n orders, the newest first.
func (m *memory) all(n int) []order {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []order
	for _, id := range slices.Backward(m.latest) {
		if len(list) == n {
			break
		}
		list = append(list, m.orders[id])
	}
	return list
}

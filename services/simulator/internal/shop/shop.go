package shop

import (
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"time"

	"go.uber.org/zap"
)

//go:embed web
var web embed.FS

// Shop is the shop. It may be used concurrently.
type Shop struct {
	config  Config
	button  Button
	public  *url.URL
	payloom *payloom
	memory  *memory
	pages   *template.Template
	policy  string
	origins *http.CrossOriginProtection
	waits   waits
	log     *zap.Logger
}

// waits are how long pages wait for Payloom before they are shown without what
// they waited for.
type waits struct {
	button    time.Duration // after a press of the button
	review    time.Duration // for what Amazon told of the buyer
	change    time.Duration // the same after a change; who changed nothing waits for nothing
	outcome   time.Duration
	operation time.Duration // for a new amount, a capture, a refund, a cancellation
	rows      time.Duration // for the merchant's list
}

func defaultWaits() waits {
	return waits{
		button: 20 * time.Second, review: 8 * time.Second, change: 2 * time.Second, outcome: 4 * time.Second,
		operation: 10 * time.Second, rows: 4 * time.Second,
	}
}

// New returns a shop. The error says what is wrong with c, which has its
// defaults, as [Config.WithDefaults] fills them in.
func New(c Config, log *zap.Logger) (*Shop, error) {
	if err := errors.Join(c.Validate(), c.Button.Validate()); err != nil {
		return nil, fmt.Errorf("shop: %w", err)
	}
	public, err := url.Parse(c.PublicURL)
	if err != nil || public.Host == "" {
		return nil, errors.New("shop: PublicURL is missing")
	}
	pages, err := template.New("").Funcs(functions()).ParseFS(web, "web/*.html")
	if err != nil {
		return nil, fmt.Errorf("shop: %w", err)
	}
	return &Shop{
		config: c, button: c.Button, public: public, payloom: newPayloom(c), memory: newMemory(), pages: pages,
		policy: contentPolicy(c.Button.ScriptURL), origins: http.NewCrossOriginProtection(),
		waits: defaultWaits(), log: log,
	}, nil
}

// Register adds the shop's pages to mux, all of them below /shop/.
func (s *Shop) Register(mux *http.ServeMux) {
	mux.Handle("GET /shop/{$}", s.page(s.home))
	mux.Handle("GET /shop/cart", s.page(s.showCart))
	mux.Handle("POST /shop/cart", s.form(s.changeCart))
	mux.Handle("POST /shop/checkout", s.form(s.checkout))
	mux.Handle("POST /shop/checkout/page", s.form(s.checkoutByPage))
	mux.Handle("GET /shop/pay", s.page(s.leave))
	mux.Handle("GET /shop/review", s.page(s.review))
	mux.Handle("POST /shop/review", s.form(s.changeAmount))
	for _, name := range []string{"confirmation", "failure", "cancel"} {
		mux.Handle("GET /shop/"+name, s.page(s.outcome))
	}
	mux.Handle("GET /shop/status", s.page(s.status))
	mux.Handle("GET /shop/orders", s.page(s.showOrders))
	mux.Handle("GET /shop/orders/rows", s.page(s.showRows))
	mux.Handle("POST /shop/orders/{id}/{action}", s.form(s.act))
	mux.Handle("POST /shop/payouts", s.form(s.payOut))
	mux.Handle("GET /shop/assets/", http.StripPrefix("/shop/assets/", assets()))
	mux.Handle("GET /shop/", s.page(s.lost))
}

// assets serves styles, scripts and pictures; templates are none of them.
func assets() http.Handler {
	files, err := fs.Sub(web, "web/assets")
	if err != nil {
		return http.NotFoundHandler() // the folder is part of the program
	}
	server := http.FileServerFS(files)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-cache")
		server.ServeHTTP(w, r)
	})
}

// path returns an address of the shop's own for one payment.
func path(page, paymentID string) string {
	return "/shop/" + page + "?" + url.Values{"payment_id": {paymentID}}.Encode()
}

// absolute returns the address of a page as Payloom and browsers know it.
func (s *Shop) absolute(page string) string { return s.public.JoinPath("shop", page).String() }

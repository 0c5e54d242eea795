package delivery

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/account"
)

func TestGuard(t *testing.T) {
	t.Parallel()
	office := []netip.Prefix{netip.MustParsePrefix("10.20.0.0/16"), netip.MustParsePrefix("fd00:20::/32")}
	strict, lax := Guard{}, Guard{Loopback: true, Networks: office}
	type verdicts struct{ strict, test, live bool } // strict; lax for merchants without and with a live account
	never, always := verdicts{}, verdicts{true, true, true}
	tests := map[string]struct {
		addresses []string
		want      verdicts
	}{
		"public":                {[]string{"93.184.215.14:443", "[2606:2800:21f:cb07:6820:80da:af6b:8b2c]:443", "[::ffff:93.184.215.14]:443"}, always},
		"this machine":          {[]string{"127.0.0.1:80", "127.8.9.10:80", "[::1]:80", "[::ffff:127.0.0.1]:80"}, verdicts{test: true}},
		"private":               {[]string{"10.0.0.1:80", "172.16.0.1:80", "192.168.1.1:80", "[fc00::1]:80", "[fd12::1]:80", "[::ffff:10.0.0.1]:80"}, never},
		"private, and named":    {[]string{"10.20.3.4:80", "[fd00:20::1]:80", "[::ffff:10.20.3.4]:80"}, verdicts{false, true, true}},
		"link local":            {[]string{"169.254.169.254:80", "[fe80::1%eth0]:80", "[::ffff:169.254.169.254]:80"}, never},
		"multicast":             {[]string{"224.0.0.1:80", "[ff02::1]:80", "[ff0e::1]:80"}, never},
		"unspecified":           {[]string{"0.0.0.0:80", "[::]:80", "0.1.2.3:80"}, never},
		"broadcast, reserved":   {[]string{"255.255.255.255:80", "240.0.0.1:80"}, never},
		"carrier, benchmark":    {[]string{"100.64.0.1:80", "198.18.0.1:80"}, never},
		"leads to IPv4":         {[]string{"[64:ff9b::7f00:1]:80", "[2002:7f00:1::]:80", "[::127.0.0.1]:80", "[2001:0:1::1]:80"}, never},
		"site local, once":      {[]string{"[fec0::1]:80"}, never},
		"documentation":         {[]string{"192.0.2.1:80", "198.51.100.1:80", "203.0.113.1:80", "[2001:db8::1]:80"}, never},
		"nothing that resolves": {[]string{"", "localhost:80", "10.0.0.1", "unix"}, never},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, a := range tt.addresses {
				allowed := func(g Guard, test bool) bool {
					err := g.control(test)("tcp", a, nil)
					if err != nil && !errors.Is(err, errBlocked) {
						t.Errorf("%s: %v", a, err)
					}
					return err == nil
				}
				got := verdicts{allowed(strict, true), allowed(lax, true), allowed(lax, false)}
				if got != tt.want {
					t.Errorf("%s: %+v, want %+v", a, got, tt.want)
				}
			}
		})
	}
}

// mustNotBeCalled starts a server that nobody may reach.
func mustNotBeCalled(t *testing.T) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a guarded address was reached") }))
	t.Cleanup(s.Close)
	return s
}

func TestDeliver_GuardedAddresses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	s := mustNotBeCalled(t)
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	w.merchant("demo", `url: "http://localhost:`+port+`", secrets: [{id: a, ref: "env:k"}]`)
	d := NewDispatcher(w.accounts(t), w.pool, Options{Clock: w.clock.Now, Log: quiet(t)})
	run(t, d.Run)
	w.follow(t, w.bus, d.Wake)
	w.authorize(t, "demo", "p1")
	if r := w.tried(t, "demo", 1); r.reason != string(reasonBlocked) || r.status != 0 {
		t.Errorf("noted %+v", r)
	}
}

// TestSend_LiveMerchants holds that what is open to tests is not to real money.
func TestSend_LiveMerchants(t *testing.T) {
	t.Parallel()
	s := mustNotBeCalled(t)
	a := newSender(Guard{Loopback: true}, nil).send(t.Context(), &account.Webhook{URL: s.URL, Live: true}, "msg_1", nil, time.Now())
	if a.reason != reasonBlocked {
		t.Errorf("answer %+v", a)
	}
}

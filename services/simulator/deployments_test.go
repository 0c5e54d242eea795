package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/conf"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider/computop/computopsim"
	"github.com/payloom/payloom/pkg/provider/ecommpay/ecommpaysim"
)

// composeDefault is a variable of docker-compose.yml with the value it has when
// nobody sets another: NAME: ${NAME:-value}.
var composeDefault = regexp.MustCompile(`(?m)^\s+([A-Z_]+): \$\{[A-Z_]+:-([^}]*)\}$`)

// TestDeployments_Agree checks that the demo accounts, the passwords in the compose
// file and the shop's key fit each other, and that the simulator plays them.
func TestDeployments_Agree(t *testing.T) {
	t.Parallel()
	compose, err := os.ReadFile("../../docker-compose.yml")
	if err != nil {
		t.Fatal(err)
	}
	value := map[string]string{}
	for _, m := range composeDefault.FindAllStringSubmatch(string(compose), -1) {
		value[m[1]] = m[2]
	}
	for _, line := range []string{"NOTIFY_URL: http://notify.localhost:${NOTIFY_PORT:-8081}", "AXERVE_UNIFIED_SHOPS: PAYLOOM2"} {
		if !strings.Contains(string(compose), line) {
			t.Errorf("the compose file lacks %q", line)
		}
	}
	book, err := account.Load("../../deployments/accounts.yaml", func(ref string) (conf.Secret, error) {
		return conf.Secret(value[strings.TrimPrefix(ref, "env:")]), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	access, ok := book.Merchant(value["SHOP_API_KEY"])
	if !ok || access.Merchant != "demo" || len(access.Scopes) != len(account.Scopes()) {
		t.Errorf("the shop's key opens %+v", access)
	}
	at := map[payment.Provider][]*account.Account{}
	for _, p := range players() {
		if at[p.provider], err = played(book, p, "http://simulator.localhost:8083"); err != nil {
			t.Fatal(err)
		}
	}
	got, err := computopMerchants(at[payment.Computop])
	if err != nil {
		t.Fatal(err)
	}
	want := []computopsim.Merchant{{ID: "payloom_demo", Cipher: "blowfish", CipherKey: value["COMPUTOP_CIPHER"], MACKey: value["COMPUTOP_MAC"]}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if _, err := computopsim.New(computopsim.Config{Merchants: got}); err != nil {
		t.Error(err)
	}
	checkAbroad(t, at, value)
}

// TestDeployments_HaveEveryProvider checks that every provider has a worker and a
// demo account that serves, and that the simulator plays it.
func TestDeployments_HaveEveryProvider(t *testing.T) {
	t.Parallel()
	compose, err := os.ReadFile("../../docker-compose.yml")
	if err != nil {
		t.Fatal(err)
	}
	book, err := account.Load("../../deployments/accounts.yaml", func(string) (conf.Secret, error) { return "secret", nil })
	if err != nil {
		t.Fatal(err)
	}
	playable := map[payment.Provider]bool{}
	for _, p := range players() {
		accounts, err := played(book, p, "http://simulator.localhost:8083")
		playable[p.provider] = err == nil && len(accounts) > 0
	}
	for _, p := range payment.Providers() {
		if !strings.Contains(string(compose), "\n  worker-"+string(p)+":\n") {
			t.Errorf("the compose file has no worker-%s", p)
		}
		if _, err := os.Stat("../worker-" + string(p) + "/main.go"); err != nil {
			t.Errorf("%s: %v", p, err)
		}
		if _, err := book.Account("demo", p, ""); err != nil || !playable[p] {
			t.Errorf("no demo account at %s that the simulator plays: %v", p, err)
		}
	}
}

// checkAbroad checks the accounts at the other providers.
func checkAbroad(t *testing.T, at map[payment.Provider][]*account.Account, value map[string]string) {
	t.Helper()
	projects, err := ecommpayProjects(at[payment.ECommPay])
	project := ecommpaysim.Project{
		ID: 818, Secret: value["ECOMMPAY_SECRET"], Token: value["ECOMMPAY_DATA_TOKEN"], TokenSecret: value["ECOMMPAY_DATA_SECRET"],
	}
	if d := cmp.Diff([]ecommpaysim.Project{project}, projects); err != nil || d != "" {
		t.Errorf("%v %s", err, d)
	}
	shops, err := axerveShops(Config{NotifyURL: value["NOTIFY_URL"], UnifiedShops: []string{"PAYLOOM2"}}, at[payment.Axerve])
	if err != nil {
		t.Fatal(err)
	}
	separated := map[string]bool{}
	for _, s := range shops {
		separated[s.Login] = s.Separated && s.APIKey == value["AXERVE_API_KEY"]
	}
	if d := cmp.Diff(map[string]bool{"PAYLOOM1": true, "PAYLOOM2": false}, separated); d != "" {
		t.Error(d)
	}
}

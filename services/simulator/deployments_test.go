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
}

package stack

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/payment"
)

// TestRotate_WhichSecretsAreGood reads what services read, before, during and after
// a rotation.
func TestRotate_WhichSecretsAreGood(t *testing.T) {
	t.Parallel()
	s := &Stack{dir: t.TempDir(), secrets: map[string]string{}, ports: DefaultPorts(), broker: &broker{}, opts: Options{Webhook: "http://127.0.0.1:9000/hook"}}
	service := &child{env: []string{"PAYLOOM_DATA_KEYS=", "X=1"}}
	simulator := &child{env: []string{"X=1"}}
	s.children = []*child{service, simulator}
	if err := errors.Join(s.planRelays(), s.writeAccounts()); err != nil {
		t.Fatal(err)
	}
	old := s.APIKey()
	for _, step := range [][]string{{"1", "2"}, {"2", "1"}, {"2"}} {
		if err := s.Rotate(step...); err != nil {
			t.Fatal(err)
		}
		book, err := account.Load(s.AccountsFile(), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range []struct {
			provider payment.Provider
			secret   string
			want     []string
		}{{payment.Axerve, "api_key", step}, {payment.ECommPay, "secret", step}, {payment.Computop, "mac", []string{"1"}}} {
			a, err := book.Account(Merchant, at.provider, "")
			if err != nil {
				t.Fatal(err)
			}
			if got := ids(a.Secrets[at.secret]); !slices.Equal(got, at.want) {
				t.Errorf("%v: %s of %s are %v", step, at.secret, at.provider, got)
			}
		}
		if got := ids(book.Merchants()[0].Webhooks[0].Secrets); !slices.Equal(got, step) {
			t.Errorf("%v: webhooks are signed with %v", step, got)
		}
		_, before := book.Merchant(old)
		_, now := book.Merchant(s.APIKey())
		if before != slices.Contains(step, "1") || !now || (s.APIKey() == old) != (step[0] == "1") {
			t.Errorf("%v: the old API key is good: %v, the one in use: %v", step, before, now)
		}
		environ, err := ReadEnviron(s.dir)
		if err != nil || environ["PAYLOOM_DATA_KEYS"] != s.dataKeys() || service.env[0] != "PAYLOOM_DATA_KEYS="+s.dataKeys() {
			t.Errorf("%v: data keys %v, %v, %v", step, s.dataKeys(), service.env, err)
		}
		if len(simulator.env) != 1 || len(slices.Collect(maps.Keys(environ))) == 0 {
			t.Errorf("the simulator is told %v", simulator.env)
		}
	}
}

func ids(list []account.Secret) []string {
	var all []string
	for _, s := range list {
		all = append(all, s.ID)
	}
	return all
}

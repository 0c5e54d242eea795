package providers

import (
	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/provider/ecommpay"
)

// ecommpaySettings are what stands below settings of an account at ECommPay. Its
// secret is called secret; with a second one, callbacks signed with either are
// believed.
type ecommpaySettings struct {
	ProjectID int64 `yaml:"project_id"`
}

func ecommpayClient(a *account.Account, publicURL string) (provider.Provider, error) {
	cfg, err := ecommpayConfig(a, publicURL)
	if err != nil {
		return nil, err
	}
	client, err := ecommpay.New(cfg)
	if err != nil {
		return nil, of(a, err)
	}
	return client, nil
}

func ecommpayParser(a *account.Account) (provider.CallbackParser, error) {
	// A parser makes no addresses, but its configuration wants one.
	cfg, err := ecommpayConfig(a, a.Endpoint)
	if err != nil {
		return nil, err
	}
	parser, err := ecommpay.NewParser(cfg)
	if err != nil {
		return nil, of(a, err)
	}
	return parser, nil
}

func ecommpayCheck(a *account.Account) error {
	cfg, err := ecommpayConfig(a, a.Endpoint)
	if err != nil {
		return err
	}
	return cfg.Validate()
}

// ecommpayConfig does not check what it returns: ecommpay does.
func ecommpayConfig(a *account.Account, publicURL string) (ecommpay.Config, error) {
	var s ecommpaySettings
	if err := a.DecodeSettings(&s); err != nil {
		return ecommpay.Config{}, err
	}
	cfg := ecommpay.Config{
		ProjectID: s.ProjectID, BaseURL: a.Endpoint, PublicURL: publicURL, EndpointKey: a.CallbackKey, Live: a.Live,
	}
	for _, k := range a.Secrets["secret"] {
		cfg.Secrets = append(cfg.Secrets, ecommpay.Key{ID: k.ID, Secret: k.Value})
	}
	return cfg, nil
}

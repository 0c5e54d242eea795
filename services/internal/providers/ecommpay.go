package providers

import (
	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/provider/ecommpay"
)

// ecommpaySettings are what stands below settings of an account at ECommPay. Its
// secret is called secret; with a second one, callbacks signed with either are
// believed. The token of the Data API and its secret are called data_token and
// data_secret; the first of each go together.
type ecommpaySettings struct {
	ProjectID    int64  `yaml:"project_id"`
	DataEndpoint string `yaml:"data_endpoint"`
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
	cfg.Data.BaseURL = s.DataEndpoint
	cfg.Data.Token, _ = a.Secrets.Current("data_token")
	cfg.Data.Secret, _ = a.Secrets.Current("data_secret")
	for _, k := range a.Secrets["secret"] {
		cfg.Secrets = append(cfg.Secrets, ecommpay.Key{ID: k.ID, Secret: k.Value})
	}
	return cfg, nil
}

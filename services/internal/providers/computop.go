package providers

import (
	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/provider/computop"
	"github.com/payloom/payloom/pkg/provider/computop/paygate"
)

// computopSettings are what stands below settings of an account at Computop
// Paygate. Its secrets are cipher, the password that encrypts, and mac, the one
// that authenticates.
type computopSettings struct {
	MerchantID string `yaml:"merchant_id"`
	Cipher     string `yaml:"cipher"`     // blowfish, which is the default, or aes
	MinAmount  int64  `yaml:"min_amount"` // minor units; the least amount that is enabled
	Recurring  bool   `yaml:"recurring"`  // further charges of a series are confirmed for the account
}

// computopConfig does not check what it returns: computop does.
func computopConfig(a *account.Account, publicURL string) (computop.Config, error) {
	var s computopSettings
	if err := a.DecodeSettings(&s); err != nil {
		return computop.Config{}, err
	}
	return computop.Config{
		MerchantID: s.MerchantID, Cipher: paygate.Cipher(s.Cipher), MinAmount: s.MinAmount, Recurring: s.Recurring,
		CipherKeys: computopKeys(a, "cipher"), MACKeys: computopKeys(a, "mac"),
		BaseURL: a.Endpoint, PublicURL: publicURL, EndpointKey: a.CallbackKey, Live: a.Live,
	}, nil
}

func computopKeys(a *account.Account, name string) []computop.Key {
	var keys []computop.Key
	for _, s := range a.Secrets[name] {
		keys = append(keys, computop.Key{ID: s.ID, Secret: s.Value})
	}
	return keys
}

package stack

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/seal"
)

// Merchant is the merchant that a stack knows.
const Merchant = "demo"

// secretNames are the secrets of the stack's accounts; each has a file of its own.
// Lengths are in bytes of text.
var secretNames = map[string]int{
	apiKey:                  40,
	"computop-callback-key": 24,
	"computop-cipher":       16,
	"computop-mac":          32,

	"axerve-callback-key":         24,
	"axerve-unified-callback-key": 24,
	"axerve-api-key":              40,
	"ecommpay-callback-key":       24,
	"ecommpay-secret":             40,
	"ecommpay-data-token":         30,
	"ecommpay-data-secret":        40,
	webhookSecret:                 43,
	dataKey:                       32,
}

// apiKey opens ingress and query API.
const apiKey = "api-key"

// dataKey is what personal data is sealed under: bytes in base64.
const dataKey = "data-key"

// webhookSecret is written as webhooks have it: whsec_ and bytes in base64.
const webhookSecret = "webhook-secret"

// The shops at Axerve: one that captures by command, and one whose payments are
// captured with their authorisation.
const (
	axerveShop        = "PAYLOOM1"
	axerveUnifiedShop = "PAYLOOM2"
)

// writeAccounts makes the secrets that are missing and writes the accounts file.
// The file is written at every start, since ports change; secrets stay.
func (s *Stack) writeAccounts() error {
	if err := s.writeSecrets(); err != nil {
		return err
	}
	if err := s.ownAccounts(); err != nil {
		return err
	}
	// In one step: services that run already read it whenever it changes.
	fresh := s.AccountsFile() + ".new"
	if err := os.WriteFile(fresh, []byte(s.accountsText()), 0o600); err != nil {
		return err
	}
	if err := os.Rename(fresh, s.AccountsFile()); err != nil {
		return err
	}
	// What a service would refuse is said here already.
	book, err := account.Load(s.AccountsFile(), nil)
	if err != nil {
		return err
	}
	s.accounts = nil
	for a := range book.Accounts() {
		s.accounts = append(s.accounts, string(a.Provider)+"/"+a.Name)
	}
	return nil
}

// ownAccounts fails when the accounts file was written by somebody else.
func (s *Stack) ownAccounts() error {
	text, err := os.ReadFile(s.AccountsFile())
	if errors.Is(err, fs.ErrNotExist) || err == nil && strings.HasPrefix(string(text), accountsMark) {
		return nil
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("%w: %s was written by somebody else: take another --dir", ErrOptions, s.AccountsFile())
}

// accountsMark begins an accounts file that a stack has written.
const accountsMark = "# Written by payctl at every start"

// Accounts returns the merchant's accounts, as provider/name.
func (s *Stack) Accounts() []string { return s.accounts }

func (s *Stack) secretDir() string { return filepath.Join(s.dir, "secrets") }

// writeSecrets makes the secrets that are missing.
func (s *Stack) writeSecrets() error {
	if err := os.MkdirAll(s.secretDir(), 0o700); err != nil {
		return err
	}
	for name, length := range secretNames {
		for _, g := range s.generationsOf(name) {
			text, err := s.secret(generation(name, g), length)
			if err != nil {
				return fmt.Errorf("secret %s: %w", generation(name, g), err)
			}
			s.secrets[generation(name, g)] = text
		}
	}
	return nil
}

// secret returns a secret of this folder, drawn when it is not there yet.
func (s *Stack) secret(name string, length int) (string, error) {
	path := filepath.Join(s.secretDir(), name)
	text, err := os.ReadFile(path)
	if err == nil {
		return strings.TrimSpace(string(text)), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	fresh := (rand.Text() + rand.Text())[:length]
	switch strings.TrimRight(name, "-0123456789") {
	case webhookSecret:
		fresh = "whsec_" + base64.StdEncoding.EncodeToString([]byte(fresh))
	case dataKey:
		fresh = seal.GenerateKEK().Reveal()
	}
	return fresh, os.WriteFile(path, []byte(fresh+"\n"), 0o600)
}

// AccountsFile returns the file of merchants and accounts that the services share.
func (s *Stack) AccountsFile() string { return filepath.Join(s.dir, "accounts.yaml") }

// DataKey returns the key that personal data is sealed under.
func (s *Stack) DataKey() string { return s.secrets[generation(dataKey, s.generationsOf(dataKey)[0])] }

// dataKeys is PAYLOOM_DATA_KEYS of the services.
func (s *Stack) dataKeys() string {
	var entries []string
	for _, g := range s.generationsOf(dataKey) {
		entries = append(entries, g+"=file:"+filepath.Join(s.secretDir(), generation(dataKey, g)))
	}
	return strings.Join(entries, ",")
}

// APIKey returns a key of the merchant with every scope.
func (s *Stack) APIKey() string { return s.secrets[generation(apiKey, s.generationsOf(apiKey)[0])] }

// apiKeyText lists the merchant's keys.
func (s *Stack) apiKeyText(scopes string) string {
	text := ""
	for _, g := range s.generationsOf(apiKey) {
		hash := sha256.Sum256([]byte(s.secrets[generation(apiKey, g)]))
		text += fmt.Sprintf("      - {id: %s, sha256: %s, scopes: [%s]}\n", generation("all", g), hex.EncodeToString(hash[:]), scopes)
	}
	return text
}

// secretList lists the generations of a secret as an account has them.
func (s *Stack) secretList(name string) string {
	var list []string
	for _, g := range s.generationsOf(name) {
		list = append(list, fmt.Sprintf(`{id: %q, ref: "file:%s"}`, g, filepath.Join(s.secretDir(), generation(name, g))))
	}
	return "[" + strings.Join(list, ", ") + "]"
}

func (s *Stack) accountsText() string {
	var scopes []string
	for _, scope := range account.Scopes() {
		scopes = append(scopes, string(scope))
	}
	secret := func(name string) string { return "file:" + filepath.Join(s.secretDir(), name) }
	return fmt.Sprintf(accountsMark+`; the secrets it refers to stay.
merchants:
  - id: %s
    api_keys:
%s%s    accounts:
`, Merchant, s.apiKeyText(strings.Join(scopes, ", ")), s.webhookText()) + s.accountText("eu", "computop", "", "computop", `
        default: true
        settings: {merchant_id: payloom_demo, cipher: blowfish, recurring: true}
        secrets:
          cipher: [{id: "1", ref: "`+secret("computop-cipher")+`"}]
          mac: [{id: "1", ref: "`+secret("computop-mac")+`"}]
`) + s.accountText("it", "axerve", "/axerve", "axerve", `
        default: true
        settings: {shop_login: `+axerveShop+`}
        secrets:
          api_key: `+s.secretList("axerve-api-key")+`
`) + s.accountText("it-unified", "axerve", "/axerve", "axerve-unified", `
        settings: {shop_login: `+axerveUnifiedShop+`}
        secrets:
          api_key: `+s.secretList("axerve-api-key")+`
`) + s.accountText("in", "ecommpay", "/ecommpay", "ecommpay", `
        default: true
        settings: {project_id: 818, data_endpoint: "`+s.providerURL+`/ecommpay/v1"}
        secrets:
          secret: `+s.secretList("ecommpay-secret")+`
          data_token: [{id: "1", ref: "`+secret("ecommpay-data-token")+`"}]
          data_secret: [{id: "1", ref: "`+secret("ecommpay-data-secret")+`"}]
`)
}

// webhookText is the merchant's endpoint, when there is one.
func (s *Stack) webhookText() string {
	if s.opts.Webhook == "" {
		return ""
	}
	return fmt.Sprintf(`    webhooks:
      - {id: demo, url: %q, secrets: %s}
`, s.opts.Webhook, s.secretList(webhookSecret))
}

// WebhookSecretFile returns the file of the secret that webhooks are signed with.
func (s *Stack) WebhookSecretFile() string { return filepath.Join(s.secretDir(), webhookSecret) }

// accountText is one account at a simulated provider; rest are its further lines.
func (s *Stack) accountText(name, provider, path, secrets, rest string) string {
	return fmt.Sprintf(`      - name: %s
        provider: %s
        live: false
        endpoint: %s%s/
        callback_key: %s`, name, provider, s.providerURL, path, s.secrets[secrets+"-callback-key"]) + rest
}

package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/payloom/payloom/pkg/account"
)

// keyBytes is the length of what nobody may guess: 256 bits.
const keyBytes = 32

// newKey is a key that was just made: what the caller keeps and what the accounts
// file says of it.
type newKey struct {
	secret []byte
	entry  string
}

func (a *app) keyCommand() *cobra.Command {
	var id, kind, out string
	var scopes []string
	cmd := &cobra.Command{
		Use:   "key --id ID --out FILE",
		Short: "Make an API key: the caller's half into a file, the entry for the accounts file to standard output",
		Long: `Key makes an API key. Kinds:

  ed25519  a private key (PKCS #8, PEM) that requests are signed with; accounts hold the public half
  hmac     a shared secret that requests are signed with; accounts refer to it
  bearer   a key that is sent with each request; accounts hold its hash

The caller's half is written to FILE, for its owner only, and shown nowhere.`,
		Example: `  payctl accounts key --id till --scopes authorize,capture,read --out till.pem`,
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			for _, s := range scopes {
				if !slices.Contains(account.Scopes(), account.Scope(s)) {
					return misuse("%q is no scope: %v", s, account.Scopes())
				}
			}
			return a.makeKey(kind, id, scopes, out)
		},
	}
	f := cmd.Flags()
	f.StringVar(&id, "id", "", "what the key is called in the accounts file and in logs")
	f.StringVar(&kind, "kind", "ed25519", "ed25519, hmac or bearer")
	f.StringSliceVar(&scopes, "scopes", []string{"read"}, "what the key may do")
	f.StringVar(&out, "out", "", "file for the caller's half; it must not be there yet")
	for _, name := range []string{"id", "out"} {
		_ = cmd.MarkFlagRequired(name) // it is there: see above
	}
	return cmd
}

func (a *app) makeKey(kind, id string, scopes []string, out string) error {
	out, err := filepath.Abs(out) // the file names it so
	if err != nil {
		return err
	}
	k, err := makeKey(kind, out)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(out, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := f.Write(k.secret); err != nil {
		return fmt.Errorf("%s: %w", out, err)
	}
	if err := f.Close(); err != nil {
		return err
	}
	entry := fmt.Sprintf("- {id: %s, %s, scopes: [%s]}", id, k.entry, strings.Join(scopes, ", "))
	if a.asJSON {
		return a.console.Object(map[string]any{"id": id, "file": out, "entry": entry})
	}
	a.console.Printf("%s\n", entry)
	return nil
}

func makeKey(kind, out string) (newKey, error) {
	switch kind {
	case "ed25519":
		return makePair()
	case "hmac":
		return newKey{[]byte(secretText()), fmt.Sprintf("hmac: %q", "file:"+out)}, nil
	case "bearer":
		text := secretText()
		sum := sha256.Sum256([]byte(text))
		return newKey{[]byte(text), "sha256: " + hex.EncodeToString(sum[:])}, nil
	}
	return newKey{}, misuse("%q is no kind of key: ed25519, hmac or bearer", kind)
}

func makePair() (newKey, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return newKey{}, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return newKey{}, err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	return newKey{text, fmt.Sprintf("ed25519: %q", base64.StdEncoding.EncodeToString(public))}, nil
}

func secretText() string {
	b := make([]byte, keyBytes)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

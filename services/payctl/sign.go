package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/payloom/payloom/pkg/signature"
)

func (a *app) signCommand() *cobra.Command {
	var keyFile, keyID, requestID, data, label string
	cmd := &cobra.Command{
		Use:   "sign METHOD URL",
		Short: "Print the header fields of a signed request, for curl",
		Long: `Sign prints the header fields that a signed request needs (RFC 9421), one per line, as
curl --header @FILE takes them. They are good for five minutes, for this request only.`,
		Example: `  payctl accounts sign POST http://localhost:8080/v1/payments/order-1/refunds \
    --key till.pem --key-id demo/till --request-id 9e6c2b52 --data @refund.json > headers
  curl --header @headers --json @refund.json http://localhost:8080/v1/payments/order-1/refunds`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			signer, err := readSigner(keyFile, keyID)
			if err != nil {
				return err
			}
			body, err := dataOf(data)
			if err != nil {
				return err
			}
			r, err := http.NewRequestWithContext(cmd.Context(), strings.ToUpper(args[0]), args[1], bytes.NewReader(body))
			if err != nil {
				return misuse("%q is no URL", args[1])
			}
			if requestID != "" {
				r.Header.Set("Idempotency-Key", requestID)
			}
			return a.printSigned(r, body, signer, label)
		},
	}
	f := cmd.Flags()
	f.StringVar(&keyFile, "key", "", "file of the private key (PEM) or of the shared secret")
	f.StringVar(&keyID, "key-id", "", "the merchant's id, a slash and the key's id")
	f.StringVar(&requestID, "request-id", "", "the Idempotency-Key; required unless METHOD is GET")
	f.StringVar(&data, "data", "", "the body, or @FILE")
	f.StringVar(&label, "label", "sig1", "tells the signatures apart when a second key signs, too")
	for _, name := range []string{"key", "key-id"} {
		_ = cmd.MarkFlagRequired(name) // it is there: see above
	}
	return cmd
}

func (a *app) printSigned(r *http.Request, body []byte, s signature.Signer, label string) error {
	if err := s.Sign(r, body, label, time.Now()); err != nil {
		return misuse("%v", err)
	}
	fields := map[string]string{}
	for _, name := range []string{"Idempotency-Key", "Content-Digest", "Signature-Input", "Signature"} {
		if v := r.Header.Get(name); v != "" {
			fields[name] = v
			if !a.asJSON {
				a.console.Printf("%s: %s\n", name, v)
			}
		}
	}
	if a.asJSON {
		return a.console.Object(fields)
	}
	return nil
}

// readSigner reads a private key, or a shared secret where the file is no PEM.
func readSigner(path, id string) (signature.Signer, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return signature.Signer{}, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return signature.Signer{KeyID: id, HMAC: bytes.TrimSpace(text)}, nil
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	private, ok := key.(ed25519.PrivateKey)
	if err != nil || !ok {
		return signature.Signer{}, misuse("%s holds no Ed25519 private key", path)
	}
	return signature.Signer{KeyID: id, Ed25519: private}, nil
}

func dataOf(data string) ([]byte, error) {
	path, isFile := strings.CutPrefix(data, "@")
	switch {
	case !isFile:
		return []byte(data), nil
	case path == "-":
		return io.ReadAll(os.Stdin)
	}
	return os.ReadFile(path)
}

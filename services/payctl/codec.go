package main

import (
	"github.com/spf13/cobra"

	"github.com/payloom/payloom/pkg/provider/computop/paygate"
)

func (a *app) codecCommand() *cobra.Command {
	return group("codec", "Encrypt, decrypt, sign: what is on the wire, line by line", &cobra.Command{
		Use:   "computop",
		Short: "Paygate's envelope and MAC",
		Long: `Codec reads JSON lines and writes one JSON line for each, in order. A line that is wrong
or must be refused is answered with {"error":"reason"} and does not stop the rest. Keys
come in the line and are never printed.`,
		Example: `  echo '{"op":"mac","key":"secret","fields":["PayID","TransID","MerchantID","100","EUR"]}' | payctl codec computop
  echo '{"op":"encrypt","cipher":"blowfish","key":"0123456789abcdef","plaintext":"MerchantID=x&Amount=100"}' | payctl codec computop`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return paygate.Lines(a.in, a.out) },
	})
}

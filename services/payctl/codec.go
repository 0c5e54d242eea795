package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/payloom/payloom/pkg/provider/axerve/gestpay"
	"github.com/payloom/payloom/pkg/provider/computop/paygate"
	"github.com/payloom/payloom/pkg/provider/ecommpay/gate"
)

func (a *app) codecCommand() *cobra.Command {
	return group("codec", "Encrypt, decrypt, sign: what is on the wire, line by line",
		a.codecOf("computop", "Paygate's envelope and MAC", paygate.Lines,
			`  echo '{"op":"mac","key":"secret","fields":["PayID","TransID","MerchantID","100","EUR"]}' | payctl codec computop
  echo '{"op":"encrypt","cipher":"blowfish","key":"0123456789abcdef","plaintext":"MerchantID=x&Amount=100"}' | payctl codec computop`),
		a.codecOf("axerve", "Axerve's SOAP messages", gestpay.Lines,
			`  echo '{"op":"build","operation":"callDeleteS2S","params":{"shopLogin":"GESPAY00042","bankTransactionId":"900417"}}' | payctl codec axerve
  jq -Rs '{op:"parse",operation:"callReadTrxS2S",body:.}' answer.xml -c | payctl codec axerve`),
		a.codecOf("ecommpay", "Gate's signature", gate.Lines,
			`  echo '{"op":"canonical","body":"{\"a\":1}"}' | payctl codec ecommpay
  jq -Rs '{op:"verify",secret:env.SECRET,body:.}' callback.json -c | payctl codec ecommpay`),
	)
}

func (a *app) codecOf(provider, short string, lines func(io.Reader, io.Writer) error, example string) *cobra.Command {
	return &cobra.Command{
		Use:   provider,
		Short: short,
		Long: `Codec reads JSON lines and writes one JSON line for each, in order. A line that is wrong
or must be refused is answered with {"error":"reason"} and does not stop the rest. Keys
come in the line and are never printed.`,
		Example: example,
		Args:    cobra.NoArgs,
		RunE:    func(*cobra.Command, []string) error { return lines(a.in, a.out) },
	}
}

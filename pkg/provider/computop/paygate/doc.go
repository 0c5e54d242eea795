// Package paygate is the codec of Computop Paygate's classic interface (the
// .aspx endpoints): a query string of fields, encrypted with Blowfish or AES
// into the two form fields Len and Data, and authenticated with an HMAC that
// travels as one of the fields.
//
// It turns fields into bytes and back and knows no payment: what a field
// means is the business of its callers.
//
//	m := paygate.NewMessage("MerchantID", "shop", "PayID", id)
//	env, err := paygate.Seal(paygate.Blowfish, key, "shop", m)
//	…
//	text, err := paygate.Open(key, env)
//	fields := paygate.ParseMessage(text)
//
// Paygate speaks ISO-8859-1. Go strings given to this package are UTF-8 and
// are converted on the way out and in.
package paygate

// Package gestpay is the codec of Axerve Ecommerce Solutions (Gestpay) for
// Amazon Pay: the two SOAP services WsCryptDecrypt and WSs2s, the redirect to
// the payment page and the notification that comes back.
//
// It turns values into envelopes and envelopes into values, and tells what an
// answer says: whether a call was refused or a payment, and what is not known.
// It opens no connection and knows no payment of ours.
//
//	msg, err := gestpay.Build(gestpay.SOAP11, gestpay.DecryptRequest{Shop: shop, CryptedString: b})
//	… send msg.Body with msg.Header() to environment.URL(gestpay.OpDecrypt) …
//	reply, err := gestpay.Parse(gestpay.OpDecrypt, status, body)
//	switch gestpay.OutcomeOf(reply, err) { … }
//
// Names in a request are the WSDL's and are sent in its order. Answers are read
// by local names: the documentation and the live service disagree on namespaces
// and both add elements over time. Sources are named in the comments: "API
// reference" is Axerve's SOAP reference, "WSDL" the service descriptions of
// WsCryptDecrypt.asmx and WSs2s.asmx.
package gestpay

package gestpay

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// ErrProtocol marks an answer that cannot be trusted: unreadable, for another
// operation, without what it must have, or contradicting itself. After a money
// call the outcome is unknown.
var ErrProtocol = errors.New("gestpay: protocol error")

// ErrTransport marks an answer that the gateway's application did not give: a
// SOAP fault, a status other than 200 or a page of HTML. After a money call the
// outcome is unknown, unless the error is a *Fault for which Client is true.
var ErrTransport = errors.New("gestpay: transport fault")

// Fault is an error that wraps ErrTransport.
type Fault struct {
	Status int    // of HTTP
	Code   string // of the SOAP fault, such as "soap:Server"; "" when there was none
	Reason string // of the SOAP fault, as the server put it
}

// Error leaves the server's words out: they may quote the request.
func (f *Fault) Error() string {
	if f.Code == "" {
		return fmt.Sprintf("%v: HTTP status %d", ErrTransport, f.Status)
	}
	return fmt.Sprintf("%v: %s, HTTP status %d", ErrTransport, f.Code, f.Status)
}

// Unwrap returns ErrTransport.
func (*Fault) Unwrap() error { return ErrTransport }

// Client tells whether the server did not accept the request at all, for a
// reason that repeating it would not change.
func (f *Fault) Client() bool {
	_, local, found := strings.Cut(f.Code, ":")
	if !found {
		local = f.Code
	}
	return local == "Client" || local == "Sender"
}

// faultOf reads a SOAP fault of either version.
func faultOf(status int, n Node) *Fault {
	f := &Fault{Status: status, Code: n.Get("faultcode"), Reason: n.Get("faultstring")}
	if f.Code == "" {
		f.Code, f.Reason = n.Get("Code", "Value"), n.Get("Reason", "Text")
	}
	if !plainCode(f.Code) {
		f.Code = "unnamed"
	}
	return f
}

// plainCode keeps what a stranger may have put there out of errors.
func plainCode(code string) bool {
	return code != "" && len(code) <= 64 && !strings.ContainsFunc(code, func(r rune) bool {
		return (r > 0x7f || !plainByte(byte(r))) && r != ':'
	})
}

// isHTML tells a page for people from an envelope.
func isHTML(body []byte) bool {
	head := bytes.ToLower(bytes.TrimLeft(body[:min(len(body), 512)], "\ufeff \t\r\n"))
	return bytes.HasPrefix(head, []byte("<html")) || bytes.HasPrefix(head, []byte("<!doctype html"))
}

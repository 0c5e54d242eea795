package main

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/services/internal/callers"
	"github.com/payloom/payloom/services/internal/intake"
)

// maxBody is the longest body that is read, in bytes.
const maxBody = 64 << 10

// keyHeader carries the caller's idempotency key, the ReqID.
const keyHeader = "Idempotency-Key"

// answer carries one call from its header to the broker. Every step may refuse.
func (a *api) answer(w http.ResponseWriter, r *http.Request, rt route) (ans answer) {
	book := a.accounts.Book()
	if ans.caller, ans.refusal = authenticate(r, book, rt.scope); ans.refusal != nil {
		return ans
	}
	if wait := a.limits.take(ans.caller.Access, time.Now()); wait > 0 {
		ans.refusal = limited(wait)
		return ans
	}
	text, refusal := readBody(w, r, rt, ans.caller)
	if ans.refusal = refusal; refusal != nil {
		return ans
	}
	ctx, cancel := context.WithTimeout(r.Context(), a.timeout)
	defer cancel()
	c := call{api: a, book: book, route: rt, caller: ans.caller}
	var said payment.Command
	said, ans.command, ans.refusal = c.command(ctx, r, text)
	ans.settle(ctx, a, said)
	return ans
}

// settle has the command stored unless it is refused, and finds out whether what is
// refused was accepted before.
func (ans *answer) settle(ctx context.Context, a *api, said payment.Command) {
	if ans.refusal == nil {
		ans.command, ans.replayed, ans.refusal = a.accept(ctx, ans.command)
	}
	if ans.refusal == nil {
		return
	}
	stored, replayed, refused := a.again(ctx, said, ans.refusal)
	if ans.replayed, ans.refusal = replayed, refused; replayed {
		ans.command = stored
	}
}

// accept stores c.
func (a *api) accept(ctx context.Context, c payment.Command) (payment.Command, bool, *refusal) {
	stored, replayed, err := a.broker.Accept(ctx, c)
	switch {
	case err == nil:
		return stored, replayed, nil
	case errors.Is(err, bus.ErrReqIDReused):
		return c, false, reused()
	}
	return c, false, a.fault(ctx, err)
}

// fault returns what an error of the broker means for the caller.
func (a *api) fault(ctx context.Context, err error) *refusal {
	if errors.Is(err, bus.ErrUnavailable) || ctx.Err() != nil {
		return unavailable(err)
	}
	return failed(err)
}

// readBody returns the call's body as c sent it, "{}" where none is needed and none was
// sent.
func readBody(w http.ResponseWriter, r *http.Request, rt route, c callers.Caller) ([]byte, *refusal) {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return nil, tooLarge()
	}
	switch {
	case err != nil:
		return nil, malformed("The body ended early, or took too long.")
	}
	if err := c.CheckBody(r.Header, text); err != nil {
		return nil, unauthenticated(err.Error())
	}
	switch {
	case len(text) == 0 && rt.bare:
		return []byte("{}"), nil
	case len(text) == 0:
		return nil, malformed("The body is empty.")
	case !isJSON(r.Header):
		return nil, unsupportedType()
	}
	return text, nil
}

func isJSON(h http.Header) bool {
	mediaType, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil || mediaType != "application/json" || h.Get("Content-Encoding") != "" {
		return false
	}
	charset, named := params["charset"]
	return !named || strings.EqualFold(charset, "utf-8")
}

// reqID returns the call's idempotency key.
func reqID(r *http.Request) (payment.ReqID, *refusal) {
	values := r.Header.Values(keyHeader)
	if len(values) != 1 || values[0] == "" {
		return "", noKey("Send exactly one header Idempotency-Key, the same whenever the same request is sent again: a UUID serves.")
	}
	id := payment.ReqID(values[0])
	if id.Validate() != nil {
		return "", noKey("The Idempotency-Key must be 1 to 255 visible ASCII characters.")
	}
	if id.Reserved() {
		return "", noKey("An Idempotency-Key that begins with " + payment.ReservedReqID + " is not for callers.")
	}
	return id, nil
}

// call is one call whose key has been accepted.
type call struct {
	api    *api
	book   *account.Book
	route  route
	caller callers.Caller
}

// command returns what the call asks for, checked against the rules of commands
// and of the provider, and what the caller said of it, if that can be told.
func (c call) command(ctx context.Context, r *http.Request, text []byte) (said, asked payment.Command, refused *refusal) {
	id, refused := reqID(r)
	if refused != nil {
		return said, asked, refused
	}
	doc, err := intake.Parse(text)
	if err != nil {
		return said, asked, malformed("The " + err.Error() + ".")
	}
	var f intake.Faults
	f.RefuseCards(doc)
	f.RefuseCard(keyHeader, string(id))
	asked = payment.Command{
		ID: payment.DeriveCommandID(c.caller.Merchant, id), Merchant: c.caller.Merchant, ReqID: id, Kind: c.route.kind,
	}
	if path := r.PathValue("id"); path != "" {
		f.RefuseCard("payment_id", path)
		asked.Payment = payment.ID(path)
	}
	q := intake.Read(asked, doc, &f)
	said = spoken(q)
	if refused := c.check(ctx, q); refused != nil {
		return said, q.Command, refused
	}
	if len(f.List) > 0 {
		return said, q.Command, invalid(f)
	}
	return said, q.Command, checkRights(c.caller, c.route.scope, q.Command)
}

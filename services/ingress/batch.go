package main

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/service"
	"github.com/payloom/payloom/services/internal/callers"
	"github.com/payloom/payloom/services/internal/intake"
	"github.com/payloom/payloom/services/internal/payouts"
)

const (
	batchPattern = "POST /v1/payouts/batches"
	// batchStall is how long a client may send nothing, or take nothing of what it
	// is answered.
	batchStall = 30 * time.Second
	// batchesPerKey is how many batches an API key may have under way.
	batchesPerKey = 4
)

// batch is one upload of payouts under way.
type batch struct {
	api    *api
	caller callers.Caller
	read   payouts.Batch
	lines  *payouts.Lines
	pipe   *pipe
	turns  *turns
}

// allowed tells whether the caller's keys still open this, as they did.
func (b *batch) allowed(book *account.Book) bool { return b.caller.Still(book) }

// serveBatch takes a payout per line and answers a result per line, while the body
// is still being sent. Whatever is refused as a whole is refused before any line.
func (a *api) serveBatch(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	b, release, refused := a.openBatch(w, r)
	defer release()
	if refused != nil {
		ans := answer{caller: b.caller, refusal: refused}
		ans.write(w)
		a.metrics.count(payment.Payout, ans)
		a.log(r, route{pattern: batchPattern, kind: payment.Payout}, ans, time.Since(began))
		return
	}
	h := w.Header()
	h.Set("Content-Type", payouts.NDJSON.MediaType())
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // proxies must pass results on as they come
	end := b.run(r.Context())
	a.logBatch(r, b, end, time.Since(began))
}

// openBatch reads all that comes before the first line. The caller must release what
// it returns, with a refusal too.
func (a *api) openBatch(w http.ResponseWriter, r *http.Request) (b *batch, release func(), refused *refusal) {
	b, release = &batch{api: a}, func() {}
	book := a.accounts.Book()
	if b.caller, refused = authenticate(r, book, account.ScopePayout); refused != nil {
		return b, release, refused
	}
	if wait := a.limits.take(b.caller.Access, time.Now()); wait > 0 {
		return b, release, limited(wait)
	}
	var first int
	if b.read, first, refused = batchOf(r); refused != nil {
		return b, release, refused
	}
	b.read.Merchant = b.caller.Merchant
	if !a.slots.take(b.caller.Access) {
		return b, release, tooManyBatches()
	}
	b.pipe = newPipe(w, r, a.stall)
	b.lines = payouts.NewLines(b.pipe, first)
	release = func() { b.pipe.linger(); a.slots.give(b.caller.Access) }
	if refused = b.checkSignature(w, r); refused != nil {
		return b, release, refused
	}
	return b, release, b.readHeader(first)
}

// maxSignedBatch is the longest body of a signed batch, in bytes: it is read to its
// end before the first line counts.
const maxSignedBatch = 4 << 20

// checkSignature reads the whole body of a signed batch: what was signed can only be
// told at its end.
func (b *batch) checkSignature(w http.ResponseWriter, r *http.Request) *refusal {
	if !b.caller.Signed() {
		return nil
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, io.NopCloser(b.pipe), maxSignedBatch))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return signedTooLarge()
	}
	if err != nil {
		return malformed("The body ended early, or took too long.")
	}
	if err := b.caller.CheckBody(r.Header, text); err != nil {
		return unauthenticated(err.Error())
	}
	r.Body = io.NopCloser(bytes.NewReader(text))
	return nil
}

// batchOf reads header and query of a batch.
func batchOf(r *http.Request) (payouts.Batch, int, *refusal) {
	format, ok := batchFormat(r.Header)
	if !ok {
		return payouts.Batch{}, 0, unsupportedBatch()
	}
	id, refused := reqID(r)
	if refused != nil {
		return payouts.Batch{}, 0, refused
	}
	var f intake.Faults
	if f.RefuseCard(keyHeader, string(id)); len(id) > payouts.MaxKey {
		f.Add(keyHeader, "too_long", "must have at most %d characters for a batch", payouts.MaxKey)
	}
	first := firstLine(r.URL.RawQuery, format.First(), &f)
	if len(f.List) > 0 {
		return payouts.Batch{}, 0, invalid(f)
	}
	return payouts.Batch{Key: string(id), Format: format}, first, nil
}

func batchFormat(h http.Header) (payouts.Format, bool) {
	mediaType, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	charset, named := params["charset"]
	if err != nil || h.Get("Content-Encoding") != "" || named && !strings.EqualFold(charset, "utf-8") || params["header"] == "absent" {
		return "", false
	}
	for _, f := range []payouts.Format{payouts.CSV, payouts.NDJSON} {
		if mediaType == f.MediaType() {
			return f, true
		}
	}
	return "", false
}

// maxFirstLine leaves room for any number of lines behind it.
const maxFirstLine = 1 << 50

// firstLine returns the number of the line that holds the first payout.
func firstLine(query string, otherwise int, f *intake.Faults) int {
	values, err := url.ParseQuery(query)
	if err != nil {
		f.Add(payouts.FirstLine, "format", "the query cannot be read")
		return otherwise
	}
	for name := range values {
		if name != payouts.FirstLine {
			f.Add(intake.Shown(name), "unknown", "is no parameter of this call; it takes %s", payouts.FirstLine)
		}
	}
	said, ok := values[payouts.FirstLine]
	if !ok {
		return otherwise
	}
	n, err := strconv.Atoi(said[0])
	if err != nil || len(said) > 1 || n < otherwise || n > maxFirstLine {
		f.Add(payouts.FirstLine, "out_of_range", "must be one whole number from %d", otherwise)
	}
	return n
}

// readHeader reads the names of the columns where there are any. The line after it is
// the first.
func (b *batch) readHeader(first int) *refusal {
	if b.read.Format != payouts.CSV {
		return nil
	}
	line, err := b.lines.Next()
	if err != nil && !errors.Is(err, io.EOF) {
		return malformed("The body ended early, or took too long.")
	}
	if b.read.Header, err = payouts.ReadHeader(line); err != nil {
		if wrong, ok := errors.AsType[*payouts.HeaderError](err); ok {
			return badHeader(wrong)
		}
		return failed(err)
	}
	b.lines.Renumber(first)
	return nil
}

// logBatch writes one line per batch: which commands came of it, the events tell.
func (a *api) logBatch(r *http.Request, b *batch, end payouts.End, took time.Duration) {
	outcome := "done"
	if !end.Done {
		outcome = string(end.Reason)
	}
	a.rt.Log.Info("batch",
		service.Route(batchPattern), service.Kind(string(payment.Payout)), service.Outcome(outcome),
		zap.String("request_id", requestID(r)), service.Took(took),
		service.Merchant(string(b.caller.Merchant)), zap.String("key_id", b.caller.KeyID),
		zap.Int("lines", end.Lines), zap.Int("accepted", end.Accepted), zap.Int("replayed", end.Replayed), zap.Int("rejected", end.Rejected))
}

// slots count the batches that each API key has under way.
type slots struct {
	mu    sync.Mutex
	taken map[bucket]int
}

func newSlots() *slots { return &slots{taken: map[bucket]int{}} }

func (s *slots) take(a account.Access) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := bucket{string(a.Merchant), a.KeyID}
	if s.taken[k] >= batchesPerKey {
		return false
	}
	s.taken[k]++
	return true
}

func (s *slots) give(a account.Access) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := bucket{string(a.Merchant), a.KeyID}
	if s.taken[k]--; s.taken[k] == 0 {
		delete(s.taken, k)
	}
}

package main

import (
	"context"
	"crypto/rand"
	"net/http"
	"regexp"

	"github.com/payloom/payloom/pkg/wire"
)

// requestIDHeader names a request in the logs of client and server. It has
// nothing to do with the Idempotency-Key.
const requestIDHeader = "X-Request-Id"

var requestIDs = regexp.MustCompile(`^[A-Za-z0-9_.:-]{1,64}$`)

type requestIDKey struct{}

// withRequestID gives every request an id, the client's own if it is fit to be
// logged, and tells it in the answer.
func withRequestID(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get(requestIDHeader)
		if !requestIDs.MatchString(id) || wire.CardNumber(id) {
			id = rand.Text()
		}
		w.Header().Set(requestIDHeader, id)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), requestIDKey{}, id)))
	})
}

// requestID returns the id that withRequestID gave.
func requestID(r *http.Request) string {
	id, _ := r.Context().Value(requestIDKey{}).(string)
	return id
}

package provider

import (
	"net/http"
	"slices"
)

// KeepHeader returns the part of a callback's header that is stored and that its
// parser sees: what tells how to read the body, and what the parser names as a
// HeaderReader. Nothing that lets anybody in is kept, named or not, and nothing
// about the way here that is not named. The parser may be nil.
func KeepHeader(h http.Header, parser CallbackParser) http.Header {
	names := []string{"Content-Type", "Content-Encoding", "Date", "User-Agent"}
	if r, ok := parser.(HeaderReader); ok {
		names = append(names, r.CallbackHeaders()...)
	}
	out := http.Header{}
	for _, name := range names {
		name = http.CanonicalHeaderKey(name)
		if v := h.Values(name); len(v) > 0 && !slices.Contains(credentials(), name) {
			out[name] = v
		}
	}
	return out
}

// credentials are fields that would let in whoever reads them later.
func credentials() []string { return []string{"Authorization", "Cookie", "Proxy-Authorization"} }

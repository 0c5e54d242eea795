package simkit

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
)

// CheckBaseURL says what is wrong with the address of a simulator; none is fine.
func CheckBaseURL(base string) error {
	if base == "" {
		return nil
	}
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.RawQuery != "" || strings.HasSuffix(base, "/") {
		return errors.New("want scheme://host[:port][/path] without a slash at its end")
	}
	return nil
}

// BaseOf is the address as the caller wrote it.
func BaseOf(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}

// WithQuery adds a query to a URL that may have one.
func WithQuery(base, query string) string {
	if strings.Contains(base, "?") {
		return base + "&" + query
	}
	return base + "?" + query
}

package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/payloom/payloom/pkg/service"
)

// params reads a request's query strictly and collects all that is wrong with it.
// A parameter that nobody asks for is wrong.
type params struct {
	values url.Values
	asked  []string
	wrong  []service.FieldError
}

func readParams(r *http.Request) *params {
	values, err := url.ParseQuery(r.URL.RawQuery)
	p := &params{values: values}
	if err != nil {
		p.blame("", "malformed", "the query cannot be read")
	}
	return p
}

func (p *params) blame(name, code, format string, args ...any) {
	p.wrong = append(p.wrong, service.FieldError{Field: name, Code: code, Detail: fmt.Sprintf(format, args...)})
}

// text returns the parameter called name, or "" when it is missing, which one
// without a value counts as, or blamed.
func (p *params) text(name string) string {
	p.asked = append(p.asked, name)
	all := p.values[name]
	switch {
	case len(all) == 0:
		return ""
	case len(all) > 1:
		p.blame(name, "repeated", "is there %d times", len(all))
		return ""
	}
	return all[0]
}

func (p *params) oneOf(name string, known []string) string {
	v := p.text(name)
	if v != "" && !slices.Contains(known, v) {
		p.blame(name, "unknown", "must be one of %s", strings.Join(known, ", "))
	}
	return v
}

func (p *params) number(name string, otherwise, least, most uint64) uint64 {
	v := p.text(name)
	if v == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(v, 10, 63)
	if err != nil || n < least || n > most {
		p.blame(name, "out_of_range", "must be a whole number from %d to %d", least, most)
		return otherwise
	}
	return n
}

func (p *params) duration(name string, most time.Duration) time.Duration {
	v := p.text(name)
	if v == "" {
		return 0
	}
	d, err := time.ParseDuration(v)
	if err != nil || d < 0 || d > most {
		p.blame(name, "out_of_range", "must be a duration such as 10s, at most %v", most)
		return 0
	}
	return d
}

func (p *params) moment(name string) time.Time {
	v := p.text(name)
	if v == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, v)
	if err != nil || t.Year() < 1 {
		p.blame(name, "malformed", "must be a time such as 2026-01-31T12:00:00Z (RFC 3339)")
		return time.Time{}
	}
	return t
}

// pageSizes.
const (
	defaultPage = 50
	maxPage     = 500
)

func (p *params) pageSize() int { return int(p.number("page_size", defaultPage, 1, maxPage)) }

// token reads a page token into v.
func (p *params) token(v any) {
	s := p.text("page_token")
	if s == "" {
		return
	}
	data, err := base64.RawURLEncoding.DecodeString(s)
	if err == nil {
		err = json.Unmarshal(data, v)
	}
	if err != nil {
		p.blame("page_token", "malformed", "must be a next_page_token of this list")
	}
}

// newToken returns the token that reads as v.
func newToken(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return "" // our own structs always marshal
	}
	return base64.RawURLEncoding.EncodeToString(data)
}

// problem returns all that is wrong, or nil.
func (p *params) problem() error {
	for name := range p.values {
		if !slices.Contains(p.asked, name) {
			p.blame(name, "unknown", "is no parameter of this call; it takes %s", p.taken())
		}
	}
	if len(p.wrong) == 0 {
		return nil
	}
	slices.SortStableFunc(p.wrong, func(a, b service.FieldError) int { return strings.Compare(a.Field, b.Field) })
	bad := problem(http.StatusBadRequest, "invalid_request", "The request is not valid", "Every parameter that is wrong is listed.")
	bad.Errors = p.wrong
	return bad
}

func (p *params) taken() string {
	if len(p.asked) == 0 {
		return "none"
	}
	return strings.Join(p.asked, ", ")
}

package simkit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// Errors of the control interface, by the status they are answered with. Every
// other error is the caller's and is answered 400.
var (
	ErrNotFound = errors.New("not found")        // 404
	ErrConflict = errors.New("not possible now") // 409
	ErrBadInput = errors.New("bad input")        // 400
	errNoRule   = fmt.Errorf("%w: no such rule", ErrNotFound)
)

// MaxControlBody bounds a control request, in bytes.
const MaxControlBody = 1 << 20

// Control serves methods of a simulator as JSON over HTTP, below a prefix such as
// /control/computop.
type Control struct {
	mux    *http.ServeMux
	prefix string
}

// NewControl returns a control interface that serves on mux.
func NewControl(mux *http.ServeMux, prefix string) Control { return Control{mux: mux, prefix: prefix} }

// Route serves one method; path begins with a slash.
func (c Control) Route(method, path string, serve func(*http.Request) (any, error)) {
	c.mux.HandleFunc(method+" "+c.prefix+path, func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, MaxControlBody)
		out, err := serve(r)
		status := http.StatusOK
		if err != nil {
			status, out = statusOf(err), map[string]string{"error": err.Error()}
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		_ = enc.Encode(out)
	})
}

func statusOf(err error) int {
	switch {
	case errors.Is(err, ErrNotFound):
		return http.StatusNotFound
	case errors.Is(err, ErrConflict):
		return http.StatusConflict
	default:
		return http.StatusBadRequest
	}
}

// RuleBook is a simulator's rules for faults.
type RuleBook[R any] interface {
	AddRule(R) (R, error)
	Rules() []R
	RemoveRule(id int) bool
	ClearRules()
}

// RouteRules serves /rules.
func RouteRules[R any](c Control, book RuleBook[R]) {
	c.Route("GET", "/rules", func(*http.Request) (any, error) { return book.Rules(), nil })
	c.Route("DELETE", "/rules", func(*http.Request) (any, error) { book.ClearRules(); return book.Rules(), nil })
	c.Route("POST", "/rules", func(r *http.Request) (any, error) {
		var rule R
		if err := ReadJSON(r, &rule); err != nil {
			return nil, err
		}
		return book.AddRule(rule)
	})
	c.Route("DELETE", "/rules/{id}", func(r *http.Request) (any, error) {
		id, err := strconv.Atoi(r.PathValue("id"))
		if err != nil || !book.RemoveRule(id) {
			return nil, errNoRule
		}
		return book.Rules(), nil
	})
}

// RouteTrouble serves /latency and /outage.
func (c Control) RouteTrouble(t *Trouble) {
	c.routeDuration("/latency", "latency", t.SetLatency)
	c.routeDuration("/outage", "duration", t.Outage)
}

func (c Control) routeDuration(path, name string, set func(time.Duration)) {
	c.Route("POST", path, func(r *http.Request) (any, error) {
		var in map[string]string
		if err := ReadJSON(r, &in); err != nil {
			return nil, err
		}
		text, named := in[name]
		d, err := ParseDelay(text)
		if err != nil || d < 0 || !named || len(in) != 1 {
			return nil, fmt.Errorf(`%w: want {"%s":"20ms"}`, ErrBadInput, name)
		}
		set(d)
		return map[string]string{name: d.String()}, nil
	})
}

// ReadJSON reads the body strictly; see DecodeStrict.
func ReadJSON(r *http.Request, into any) error {
	raw, err := io.ReadAll(r.Body)
	if err == nil {
		err = DecodeStrict(raw, into)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBadInput, err)
	}
	return nil
}

// DecodeStrict refuses names it does not know: a misspelt rule must not pass for
// one that matches everything.
func DecodeStrict(raw []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	return dec.Decode(into)
}

// ParseDelay reads a duration such as "1.5s"; no text is none.
func ParseDelay(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	return time.ParseDuration(text)
}

// Count reads a parameter of the query that is a count; none is 0.
func Count(r *http.Request, name string) (int, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%w: %s is not a count", ErrBadInput, name)
	}
	return n, nil
}

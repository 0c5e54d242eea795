package service

import (
	"encoding/json"
	"net/http"
)

// Problem is an answer that tells a client what went wrong (RFC 9457). It must
// not hold a secret, nor repeat what the client sent.
type Problem struct {
	Type     string       `json:"type"`               // a URI of the kind of problem; default "about:blank"
	Title    string       `json:"title"`              // the kind in words; default the status's
	Status   int          `json:"status"`             // the HTTP status; default 500
	Detail   string       `json:"detail,omitempty"`   // this occurrence, and what to do about it
	Instance string       `json:"instance,omitempty"` // a URI of this occurrence
	Errors   []FieldError `json:"errors,omitempty"`   // one per field that is wrong
}

// FieldError is what is wrong with one field of a request.
type FieldError struct {
	Field  string `json:"field"`            // its path, such as "amount.currency"
	Code   string `json:"code"`             // the rule, for programs, such as "required"
	Detail string `json:"detail,omitempty"` // the rule, for people
}

// Error makes a Problem usable as an error inside a handler.
func (p Problem) Error() string {
	p = p.withDefaults()
	if p.Detail == "" {
		return p.Title
	}
	return p.Title + ": " + p.Detail
}

func (p Problem) withDefaults() Problem {
	if p.Status == 0 {
		p.Status = http.StatusInternalServerError
	}
	if p.Type == "" {
		p.Type = "about:blank"
	}
	if p.Title == "" {
		p.Title = http.StatusText(p.Status)
	}
	return p
}

// WriteProblem answers with p as application/problem+json. Headers such as
// Retry-After are set before.
func WriteProblem(w http.ResponseWriter, p Problem) {
	p = p.withDefaults()
	body, err := json.Marshal(p)
	if err != nil {
		// Strings and a number always marshal; this is for the compiler's peace.
		http.Error(w, p.Title, p.Status)
		return
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(body, '\n')) // whoever asked has gone if this fails
}

package api

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// batches serves one answer to batches and keeps what was sent.
func batches(t *testing.T, status int, answer string) (*Client, *http.Request, *string) {
	t.Helper()
	seen, body := &http.Request{}, new(string)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		*seen, *body = *r, string(text)
		w.WriteHeader(status)
		fmt.Fprint(w, answer)
	}))
	t.Cleanup(s.Close)
	return New(s.URL, "", "key", 1), seen, body
}

func TestSendBatch(t *testing.T) {
	t.Parallel()
	c, seen, body := batches(t, http.StatusOK, `{"line":1,"payment_id":"a","status":"accepted"}
{"line":2,"status":"rejected","errors":[{"field":"amount.value","code":"too_small"}]}
{"done":true,"lines":2}
`)
	got, err := c.SendBatch(t.Context(), "batch-1", []Payout{{PaymentID: "a"}, {PaymentID: "b"}})
	want := []BatchLine{
		{Line: 1, PaymentID: "a", Status: "accepted"}, {Line: 2, Status: "rejected", Errors: []BatchFault{{"amount.value"}}},
	}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("%v %s", err, d)
	}
	if seen.URL.Path != "/v1/payouts/batches" || seen.Header.Get("Idempotency-Key") != "batch-1" || seen.Header.Get("Authorization") != "Bearer key" {
		t.Errorf("sent to %s", seen.URL)
	}
	if lines := strings.Split(strings.TrimSpace(*body), "\n"); len(lines) != 2 || !strings.HasPrefix(lines[1], `{"payment_id":"b"`) {
		t.Errorf("sent %d lines", len(lines))
	}
}

func TestSendBatch_ThatBreaksOff(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"without an end":    `{"line":1,"status":"accepted"}`,
		"with an early end": `{"done":false,"resume_from":1}`,
		"within a line":     `{"line":1,"sta`,
		"at once":           "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _, _ := batches(t, http.StatusOK, answer)
			if _, err := c.SendBatch(t.Context(), "k", []Payout{{}}); !errors.Is(err, ErrBatch) {
				t.Errorf("error %v, want ErrBatch", err)
			}
		})
	}
	c, _, _ := batches(t, http.StatusForbidden, `{"title":"No"}`)
	_, err := c.SendBatch(t.Context(), "k", nil)
	if p, ok := errors.AsType[*Problem](err); !ok || p.Status != http.StatusForbidden {
		t.Errorf("error %v, want the refusal", err)
	}
}

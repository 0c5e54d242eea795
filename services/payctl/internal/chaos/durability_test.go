package chaos

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/payloom/payloom/pkg/bus"
)

func TestRunsWith(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		says string
		ok   bool
	}{
		"money":           {"[+] broker: ok\n[i] durability: money\nready\n", true},
		"laptop":          {"[+] broker: ok\n[i] durability: laptop\nready\n", false},
		"nothing of it":   {"[+] broker: ok\nready\n", false},
		"a longer word":   {"[i] durability: moneyless\nready\n", false},
		"about something": {"[i] lack of durability: money\nready\n", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Query().Has("verbose") {
					_, _ = w.Write([]byte(tt.says))
				}
			}))
			defer server.Close()
			if err := runsWith(t.Context(), strings.TrimPrefix(server.URL, "http://"), bus.Money); (err == nil) != tt.ok {
				t.Errorf("%q is taken: %v", tt.says, err)
			}
		})
	}
}

package payouts_test

import (
	"os"
	"strings"
	"testing"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/services/internal/payouts"
	"github.com/payloom/payloom/services/internal/providers"
)

// TestDocs reads the examples of docs/payouts.md and looks for each column there.
func TestDocs(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../docs/payouts.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := string(text)
	for _, c := range payouts.Columns() {
		want := "| `" + c.Name + "` | no |"
		if c.Required {
			want = "| `" + c.Name + "` | yes |"
		}
		if !strings.Contains(doc, want) {
			t.Errorf("column %s is not described, or not whether it is required", c.Name)
		}
	}
	table := strings.SplitAfter(block(t, doc, "csv"), "\n")
	checkExample(t, payouts.Batch{Format: payouts.CSV, Header: mustHeader(t, strings.TrimSpace(table[0]))}, table[1:3])
	checkExample(t, payouts.Batch{Format: payouts.NDJSON}, []string{block(t, doc, "json")})
}

// block returns the first example in a language.
func block(t *testing.T, doc, language string) string {
	t.Helper()
	_, rest, ok := strings.Cut(doc, "```"+language+"\n")
	text, _, closed := strings.Cut(rest, "```")
	if !ok || !closed {
		t.Fatalf("there is no example of %s", language)
	}
	return text
}

func checkExample(t *testing.T, b payouts.Batch, lines []string) {
	t.Helper()
	b.Merchant, b.Key = "demo", "july"
	for i, line := range lines {
		p := b.Read(payouts.Line{Number: i + 2, Text: []byte(strings.TrimSpace(line))})
		if p.Readable {
			p.Command.Provider = payment.ECommPay
			p.CheckProvider(providers.Capabilities(), nil)
		}
		if errs := p.Errors(); len(errs) > 0 {
			t.Errorf("the example is wrong: %v", errs)
		}
	}
}

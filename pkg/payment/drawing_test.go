package payment_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/payloom/payloom/pkg/payment"
)

//go:generate go test -run TestDrawing -update .

var update = flag.Bool("update", false, "rewrite docs/state_machine.md")

const drawing = "../../docs/state_machine.md"

// TestDrawing keeps the picture of a payment's life true to the table.
func TestDrawing(t *testing.T) {
	t.Parallel()
	want := draw()
	if *update {
		if err := os.WriteFile(drawing, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(drawing)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s does not show the table in state.go: run make generate", drawing)
	}
}

func draw() string {
	var b strings.Builder
	b.WriteString("# The life of a payment\n\n")
	b.WriteString("Drawn from the table `transitions` in `pkg/payment/state.go` by `make generate`; do not edit.\n")
	b.WriteString("What is not drawn does not happen: an event that means nothing in a state changes nothing.\n\n")
	b.WriteString("```mermaid\nstateDiagram-v2\n")
	for _, s := range payment.States() {
		for _, t := range s.Triggers() {
			next, _ := s.Next(t)
			fmt.Fprintf(&b, "    %s --> %s: %s\n", name(s), name(next), t)
		}
		if s.Terminal() {
			fmt.Fprintf(&b, "    %s --> [*]\n", name(s))
		}
	}
	b.WriteString("```\n\n| state | on | becomes |\n| --- | --- | --- |\n")
	for _, s := range payment.States() {
		for _, t := range s.Triggers() {
			next, _ := s.Next(t)
			fmt.Fprintf(&b, "| %s | %s | %s |\n", label(s), t, next)
		}
		if s.Terminal() {
			fmt.Fprintf(&b, "| %s | – | nothing follows |\n", s)
		}
	}
	return b.String()
}

func name(s payment.State) string {
	if s == payment.StateNew {
		return "[*]"
	}
	return string(s)
}

func label(s payment.State) string {
	if s == payment.StateNew {
		return "(new)"
	}
	return string(s)
}

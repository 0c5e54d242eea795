package gate

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestCodecPage runs every example of docs/codec.md for this provider.
func TestCodecPage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../../docs/codec.md")
	if err != nil {
		t.Fatal(err)
	}
	example := regexp.MustCompile(`(?s)\$ payctl codec ecommpay <<'END'\n(.*?)END\n(.*?)` + "```")
	found := example.FindAllStringSubmatch(string(page), -1)
	if len(found) < 3 {
		t.Fatalf("%d examples on the page", len(found))
	}
	for _, e := range found {
		var out bytes.Buffer
		if err := Lines(strings.NewReader(e[1]), &out); err != nil {
			t.Fatal(err)
		}
		if out.String() != e[2] {
			t.Errorf("%s\ngives %s\nthe page says %s", e[1], out.String(), e[2])
		}
	}
}

package main

import (
	"bufio"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/payloom/payloom/services/payctl/internal/doctor"
)

// said is a place where somebody is told to call payctl, and what of: the words after
// its name.
type said struct{ where, line string }

var (
	backticked = regexp.MustCompile("`(?:bin/)?payctl ([^`]+)`")
	inProse    = regexp.MustCompile(`payctl ((?:[^.;:,]|[.:,]\S)+)`)
	typed      = regexp.MustCompile(`^\s*(?:\$ )?(?:[A-Z_]+=\S* )*(?:bin/)?payctl ([^#|>]+)`)
)

// TestDocumented_CommandsAreThere follows every call of payctl that documents, alerts and
// the doctor name: its commands and flags have to be there.
func TestDocumented_CommandsAreThere(t *testing.T) {
	t.Parallel()
	all := append(inDocuments(t), byDoctor()...)
	all = append(all, inFile(t, "../../deployments/prometheus/alerts.yml", inProse)...)
	if len(all) < 150 {
		t.Fatalf("%d calls were found, which is too few to be all", len(all))
	}
	for _, s := range all {
		if err := resolve(newApp(process{}).root(), s.line); err != nil {
			t.Errorf("%s: payctl %s: %v", s.where, s.line, err)
		}
	}
}

func inDocuments(t *testing.T) []said {
	t.Helper()
	all := append(inFile(t, "../../README.md", backticked), inFile(t, "../../README.md", typed)...)
	err := filepath.WalkDir("../../docs", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && filepath.Ext(path) == ".md" {
			all = append(append(all, inFile(t, path, backticked)...), inFile(t, path, typed)...)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func byDoctor() []said {
	var all []said
	for id, do := range doctor.Remedies() {
		for _, m := range inProse.FindAllStringSubmatch(do, -1) {
			all = append(all, said{"doctor " + id, m[1]})
		}
	}
	return all
}

func inFile(t *testing.T, path string, find *regexp.Regexp) []said {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }() // it is only read
	var all []said
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		for _, m := range find.FindAllStringSubmatch(lines.Text(), -1) {
			all = append(all, said{fmt.Sprintf("%s:%d", path, n), m[1]})
		}
	}
	if lines.Err() != nil {
		t.Fatal(lines.Err())
	}
	return all
}

// resolve finds the command that a line calls, and its flags. Below a command that has
// none below it words are arguments, placeholders or, in prose, the rest of a sentence.
func resolve(cmd *cobra.Command, line string) error {
	words := strings.Fields(line)
	for i := 0; i < len(words); i++ {
		word := strings.TrimRight(words[i], ".,;:)")
		switch {
		case word == "…" && !cmd.HasParent():
			return nil // whatever command
		case word == "…" || word == "\\" || word == "acme": // a provider that is made up
		case strings.HasPrefix(word, "-") && len(word) > 1:
			value, err := takesValue(cmd, word)
			if err != nil {
				return err
			}
			if value {
				i++
			}
		case cmd.HasSubCommands():
			below, _, err := cmd.Find([]string{word})
			if err != nil || below == cmd {
				return fmt.Errorf("%s has no command %q", cmd.CommandPath(), word)
			}
			cmd = below
		}
	}
	return nil
}

// takesValue tells whether the word after a flag is its value.
func takesValue(cmd *cobra.Command, word string) (bool, error) {
	name, _, joined := strings.Cut(strings.TrimLeft(word, "-"), "=")
	if name == "help" || name == "version" {
		return false, nil
	}
	flag := cmd.Flag(name)
	if !strings.HasPrefix(word, "--") {
		flag = cmd.Flags().ShorthandLookup(name)
	}
	if flag == nil {
		return false, fmt.Errorf("%s has no flag %s", cmd.CommandPath(), word)
	}
	return !joined && flag.NoOptDefVal == "", nil
}

// TestResolve_FindsWhatIsNotThere: the test above must be able to fail.
func TestResolve_FindsWhatIsNotThere(t *testing.T) {
	t.Parallel()
	for line, ok := range map[string]bool{
		"payment timeline ID":                  true,
		"payments list --open --older 15m":     true,
		"--dir DIR payment get order-1 --json": true,
		"rebuild makes the rows again":         true,
		"… -o FILE":                            true,
		"payment synchronise ID":               false,
		"webhooks endpoints shows which":       false,
		"payments list --stuck":                false,
		"doctor --state pending":               false,
		"dead list --provider":                 true,
		"events -x":                            false,
	} {
		if err := resolve(newApp(process{}).root(), line); (err == nil) != ok {
			t.Errorf("%s: %v", line, err)
		}
	}
}

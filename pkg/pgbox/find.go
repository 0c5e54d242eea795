package pgbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

// ErrNoBinaries says that no Postgres server is installed here; see [HowToInstall].
var ErrNoBinaries = errors.New("no Postgres server binaries found")

// Binaries is one installation of Postgres.
type Binaries struct {
	Dir   string // where initdb and postgres are
	Major int    // such as 17
}

// folders are the places where packages put the server, which is seldom on PATH.
var folders = []string{
	"/usr/lib/postgresql/*/bin",            // Debian, Ubuntu
	"/usr/pgsql-*/bin",                     // Red Hat, by postgresql.org
	"/usr/libexec/postgresql*",             // Alpine
	"/opt/homebrew/opt/postgresql@*/bin",   // macOS
	"/usr/local/opt/postgresql@*/bin",      // macOS on Intel
	"/usr/local/pgsql/bin",                 // built from source
	"/Applications/Postgres.app/*/*/*/bin", // Postgres.app
}

// Find returns the newest installation on this machine.
func Find(ctx context.Context) (Binaries, error) {
	all := installed(ctx)
	if len(all) == 0 {
		return Binaries{}, fmt.Errorf("%w; to install them: %s", ErrNoBinaries, HowToInstall())
	}
	return all[0], nil
}

// findMajor returns an installation that can read a cluster made by the given version.
func findMajor(ctx context.Context, major int) (Binaries, error) {
	for _, b := range installed(ctx) {
		if b.Major == major {
			return b, nil
		}
	}
	return Binaries{}, fmt.Errorf("%w of version %d, which made this cluster", ErrNoBinaries, major)
}

// installed lists all installations, the newest first.
func installed(ctx context.Context) []Binaries {
	var dirs []string
	for _, pattern := range folders {
		found, err := filepath.Glob(pattern)
		if err == nil { // the patterns are constants and well formed
			dirs = append(dirs, found...)
		}
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		dirs = append(dirs, filepath.Dir(path))
	}
	var all []Binaries
	for _, dir := range dirs {
		if b, ok := inspect(ctx, dir); ok {
			all = append(all, b)
		}
	}
	slices.SortStableFunc(all, func(a, b Binaries) int { return cmp.Compare(b.Major, a.Major) })
	return all
}

var versionPattern = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

// inspect reports what is installed in dir; a folder with clients only is nothing.
func inspect(ctx context.Context, dir string) (Binaries, bool) {
	if _, err := exec.LookPath(filepath.Join(dir, "initdb")); err != nil {
		return Binaries{}, false
	}
	out, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return Binaries{}, false
	}
	m := versionPattern.FindSubmatch(out)
	if m == nil {
		return Binaries{}, false
	}
	major, err := strconv.Atoi(string(m[1]))
	return Binaries{Dir: dir, Major: major}, err == nil
}

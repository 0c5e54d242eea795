package pgbox

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"testing"
	"time"
)

func TestAwaitNobody(t *testing.T) {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	ended := 1<<22 + 1 // above the highest process number Linux gives
	tests := map[string]struct {
		content string
		inside  bool // this process works in the folder, as its server would
		want    error
		fails   bool // with any error
	}{
		"no pid file":                     {content: ""},
		"a process that ended":            {content: fmt.Sprintln(ended)},
		"a process that is somebody else": {content: fmt.Sprintln(os.Getpid())},
		"a server that still runs":        {content: fmt.Sprintln(os.Getpid()), inside: true, want: ErrInUse},
		"a damaged pid file":              {content: "x\n", fails: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if tt.content != "" {
				if err := os.WriteFile(pidFile(dir), []byte(tt.content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if tt.inside {
				t.Chdir(dir)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 120*time.Millisecond)
			defer cancel()
			err := awaitNobody(ctx, dir)
			if tt.fails && err == nil || !tt.fails && !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
			if _, statErr := os.Stat(pidFile(dir)); err == nil && !errors.Is(statErr, fs.ErrNotExist) {
				t.Error("the stale pid file is still there")
			}
		})
	}
	if now, err := os.Getwd(); err != nil || now != here {
		t.Errorf("ended in %s, error %v", now, err)
	}
}

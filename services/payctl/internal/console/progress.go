package console

import (
	"time"

	"github.com/schollz/progressbar/v3"
)

// Bar shows how far something has come. Its methods may be called concurrently; a
// nil Bar shows nothing.
type Bar struct{ bar *progressbar.ProgressBar }

// Progress returns a bar for total steps on Err, nil where nobody would see it.
// total -1: unknown.
func (c *Console) Progress(total int64, what string) *Bar {
	if !isTerminal(c.Err) {
		return nil
	}
	return &Bar{progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(c.Err),
		progressbar.OptionSetDescription(what),
		progressbar.OptionSetWidth(30),
		progressbar.OptionShowCount(),
		progressbar.OptionShowIts(),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionEnableColorCodes(c.errColor),
		progressbar.OptionClearOnFinish(),
	)}
}

// Add counts n more steps.
func (b *Bar) Add(n int) {
	if b != nil {
		_ = b.bar.Add(n) // a bar that cannot be drawn is no reason to stop
	}
}

// Set says how many steps are done.
func (b *Bar) Set(n int) {
	if b != nil {
		_ = b.bar.Set(n)
	}
}

// Total corrects how many steps there are.
func (b *Bar) Total(n int64) {
	if b != nil {
		b.bar.ChangeMax64(n)
	}
}

// Done removes the bar.
func (b *Bar) Done() {
	if b != nil {
		_ = b.bar.Finish()
	}
}

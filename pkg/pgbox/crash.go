package pgbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// restartPause is between tries to start a server whose dead predecessor's
// processes have not all noticed yet.
const restartPause = 100 * time.Millisecond

// Crash kills the server as a power cut of the process would, without a
// checkpoint, and returns when it is dead. Restart starts it again.
func (s *Server) Crash() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.process.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("postgres: crash: %w", err)
	}
	<-s.process.done
	return s.guard.dismiss()
}

// Restart starts a crashed server on the same data and port, and returns once it
// has recovered and accepts connections. It tries until it works or ctx ends. The
// file of the dead server's pid stays: by it Postgres refuses to start while an
// orphan of that server is still at work on the data.
func (s *Server) Restart(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for {
		err := s.startOnce(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("postgres: restart: %w", err)
		case <-time.After(restartPause):
		}
	}
}

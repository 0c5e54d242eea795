package pgbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	osuser "os/user"
	"strconv"
	"syscall"
)

// ErrUnreachable says that the user who runs the server may not enter its folder.
var ErrUnreachable = errors.New("the folder cannot be entered")

// owner is who runs the server: this user, or another when this is root, as
// Postgres refuses to run as root.
type owner struct {
	name       string
	credential *syscall.Credential // nil: this user
}

func serverOwner() (*owner, error) {
	if os.Geteuid() != 0 {
		return &owner{}, nil
	}
	// Packages of Postgres make the first; the second is everywhere.
	for _, name := range []string{"postgres", "nobody"} {
		if u, err := osuser.Lookup(name); err == nil {
			return ownerOf(u)
		}
	}
	return nil, errors.New("root may not run Postgres, and there is neither a user postgres nor nobody")
}

func ownerOf(u *osuser.User) (*owner, error) {
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	// Without Groups the new process is in none but its own.
	return &owner{u.Username, &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
}

// command prepares a program to run as the owner, in an environment of its own:
// variables such as PGPORT must not reach it.
func (o *owner) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = bare("LC_ALL=C", "TZ=UTC")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: o.credential}
	return cmd
}

// own gives a file or folder to the owner.
func (o *owner) own(path string) error {
	if o.credential == nil {
		return nil
	}
	return os.Chown(path, int(o.credential.Uid), int(o.credential.Gid))
}

// checkReach makes sure that the owner may enter dir, which also depends on the folders above.
func (o *owner) checkReach(ctx context.Context, dir string) error {
	if o.credential == nil {
		return nil
	}
	cmd := o.command(ctx, "/bin/sh", "-c", `cd "$1"`, "sh", dir)
	cmd.Dir = "/"
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%w by user %s: %s; choose another, such as /var/lib/payloom", ErrUnreachable, o.name, dir)
	}
	return nil
}

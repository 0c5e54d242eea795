package natsconf

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/payloom/payloom/pkg/bus"
)

// Options say what an installation looks like. What is left out stays as it was
// when the installation was written last.
type Options struct {
	Dir string
	// Shards is as many as the streams are laid out for; 0: as before, at first 1.
	Shards int
	// Reshard allows another number of Shards than before.
	Reshard bool
	// Hosts are the names and addresses by which servers are reached, by clients
	// and by each other; empty: as before, at first this machine only.
	Hosts []string
	// Mount is where the server finds the folder broker; nil: as before, at first
	// "", which is where it is.
	Mount *string
	// Group is the numeric group that may read the clients' folders; nil: as before,
	// at first 0, which is nobody but the owner.
	Group *int
	// Public are keys of clients that keep their seeds themselves.
	Public map[string]string
	// Now is the time certificates begin at; zero: the present.
	Now time.Time
}

// The folders beside those of the clients.
const (
	caDir     = "ca"
	brokerDir = "broker"
)

// The files.
const (
	stateFile = "installation.json"
	AuthFile  = "auth.conf" // in broker
	SeedFile  = "user.nk"   // in a client's folder, as the three below
	CAFile    = "ca.pem"
	CertFile  = "cert.pem"
	KeyFile   = "key.pem"
)

// AuthPath returns the file that a server's configuration includes.
func AuthPath(dir string) string { return filepath.Join(dir, brokerDir, AuthFile) }

// Routes returns the files by which servers know each other.
func Routes(dir string) (cert, key, authority string) {
	at := func(name string) string { return filepath.Join(dir, brokerDir, name) }
	return at("routes.pem"), at("routes-key.pem"), at("routes-ca.pem")
}

// For returns cfg with the keys that the installation in dir has for a client.
func For(cfg bus.Config, dir, client string) bus.Config {
	at := func(name string) string { return filepath.Join(dir, client, name) }
	cfg.NKeyFile, cfg.CAFile, cfg.CertFile, cfg.KeyFile = at(SeedFile), at(CAFile), at(CertFile), at(KeyFile)
	return cfg
}

// ErrUnknownClient means that the permission table does not have the client.
var ErrUnknownClient = errors.New("natsconf: no such client")

// ErrOtherShards means that an installation is for another number of shards: with
// that many in the permissions, services would be refused streams that are there.
var ErrOtherShards = errors.New("natsconf: another number of shards")

// ErrForgotten means that an installation is there, and what was decided of it is
// not: whatever is written now, neither servers nor clients would know it.
var ErrForgotten = errors.New("natsconf: the installation's own folder is missing")

// state is what is remembered of an installation between runs. It holds no secret.
type state struct {
	Shards int                 `json:"shards"`
	Hosts  []string            `json:"hosts"`
	Mount  string              `json:"mount"`
	Group  int                 `json:"group"`
	Keys   map[string][]string `json:"keys"` // public, by client, the newest first
	// Outside are the clients that keep their seeds themselves.
	Outside []string `json:"outside,omitempty"`
}

// installation is an installation that is being written.
type installation struct {
	state
	dir     string
	now     time.Time
	ungroup bool // a group may no longer read the clients' files
	done    []string
}

// Write makes an installation, or brings one up to date: what is there and good
// is kept, keys always. It returns a line for each thing that it changed.
func Write(o Options) ([]string, error) {
	in, err := open(o.Dir, o.Now)
	if err != nil {
		return nil, err
	}
	if err := in.decide(o); err != nil {
		return nil, err
	}
	for client, key := range o.Public {
		if err := in.take(client, key); err != nil {
			return nil, err
		}
		in.outside(client)
	}
	return in.write()
}

// decide takes what o names in the place of what is remembered.
func (in *installation) decide(o Options) error {
	if o.Shards != 0 && in.Shards != 0 && o.Shards != in.Shards && !o.Reshard {
		return fmt.Errorf("%w: it is for %d, not %d", ErrOtherShards, in.Shards, o.Shards)
	}
	in.Shards = cmp.Or(o.Shards, in.Shards, 1)
	if len(o.Hosts) > 0 {
		in.Hosts = o.Hosts
	}
	if len(in.Hosts) == 0 {
		in.Hosts = []string{"127.0.0.1", "localhost"}
	}
	if o.Mount != nil {
		in.Mount = *o.Mount
	}
	if o.Group != nil {
		in.ungroup, in.Group = *o.Group == 0 && in.Group != 0, *o.Group
	}
	return nil
}

// outside notes that a client keeps its seed itself.
func (in *installation) outside(client string) {
	if !slices.Contains(in.Outside, client) {
		in.Outside = append(in.Outside, client)
	}
}

// Rotate gives a client a new key. Until Retire, the broker accepts the old one too.
func Rotate(dir, client string, now time.Time) ([]string, error) {
	in, err := open(dir, now)
	if err != nil {
		return nil, err
	}
	if len(in.Keys[client]) == 0 {
		return nil, fmt.Errorf("%w: %q", ErrUnknownClient, client)
	}
	if err := in.newSeed(client); err != nil {
		return nil, err
	}
	return in.write()
}

// Retire makes the broker refuse all keys of a client but the newest.
func Retire(dir, client string, now time.Time) ([]string, error) {
	in, err := open(dir, now)
	if err != nil {
		return nil, err
	}
	keys := in.Keys[client]
	if len(keys) == 0 {
		return nil, fmt.Errorf("%w: %q", ErrUnknownClient, client)
	}
	in.Keys[client] = keys[:1]
	return in.write()
}

func open(dir string, now time.Time) (*installation, error) {
	if now.IsZero() {
		now = time.Now()
	}
	in := &installation{dir: dir, now: now, state: state{Keys: map[string][]string{}}}
	data, err := os.ReadFile(in.path(caDir, stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return in, in.fresh()
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, &in.state); err != nil {
		return nil, fmt.Errorf("%s: %w", in.path(caDir, stateFile), err)
	}
	return in, nil
}

// fresh fails when the folder is not that of a new installation.
func (in *installation) fresh() error {
	auth := in.path(brokerDir, AuthFile)
	switch _, err := os.Stat(auth); {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	return fmt.Errorf("%w: %s is there, %s is not; take the folder that has both", ErrForgotten, auth, in.path(caDir, stateFile))
}

func (in *installation) path(parts ...string) string {
	return filepath.Join(append([]string{in.dir}, parts...)...)
}

// write writes everything that is missing, too old or no longer true.
func (in *installation) write() ([]string, error) {
	table := bus.Permissions(in.Shards)
	for _, step := range []func([]bus.Permission) error{in.folders, in.certificates, in.seeds, in.hand, in.remember, in.auth} {
		if err := step(table); err != nil {
			return in.done, err
		}
	}
	return in.done, nil
}

func (in *installation) folders(table []bus.Permission) error {
	for _, name := range append(clients(table), caDir, brokerDir) {
		if err := os.MkdirAll(in.path(name), 0o755); err != nil {
			return err
		}
	}
	return os.Chmod(in.path(caDir), 0o700)
}

func clients(table []bus.Permission) []string {
	var all []string
	for _, p := range table {
		all = append(all, p.Client)
	}
	return all
}

func (in *installation) remember([]bus.Permission) error {
	data, err := json.MarshalIndent(in.state, "", "  ")
	if err != nil {
		return err
	}
	return in.put(append(data, '\n'), 0o600, caDir, stateFile)
}

// put writes a file when it says something else, in one step.
func (in *installation) put(data []byte, mode fs.FileMode, parts ...string) error {
	path := in.path(parts...)
	have, err := os.ReadFile(path)
	if err == nil && slices.Equal(have, data) {
		return nil
	}
	if err := os.WriteFile(path+".new", data, mode); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	in.done = append(in.done, "wrote "+filepath.Join(parts...))
	return nil
}

// hand lets the group read the clients' files, and nobody else. Without a group it
// leaves them as they are: somebody may have handed them out otherwise.
func (in *installation) hand(table []bus.Permission) error {
	for _, client := range clients(table) {
		for _, name := range []string{SeedFile, KeyFile} {
			if err := in.handOut(in.path(client, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

func (in *installation) handOut(path string) error {
	switch {
	case in.ungroup:
		return os.Chmod(path, 0o400)
	case in.Group == 0:
		return nil
	}
	return errors.Join(os.Chown(path, -1, in.Group), os.Chmod(path, 0o440))
}

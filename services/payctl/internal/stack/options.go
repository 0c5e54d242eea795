package stack

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/payloom/payloom/pkg/bus"
)

// Options say what to run. The zero value runs everything once, on free ports,
// in a folder that vanishes.
type Options struct {
	// Dir keeps broker, database, keys and logs between runs; it is made when
	// missing. Empty: a temporary folder, removed by Stop.
	Dir string
	// Bin is the folder of the service binaries; empty: that of this program.
	Bin     string
	Ports   Ports
	Workers int // of each provider; 0: one
	// Replicas is how many of every other service run; 0: one. URLs names the first
	// of each, At all of them. Of the simulator there is one always.
	Replicas int
	// Durability is bus.Laptop or bus.Money; empty: laptop.
	Durability string

	// Secure gives every service a key of its own at the own broker, with the
	// permissions of bus.Permissions, and TLS on the way there.
	Secure bool

	// Brokers is how many broker nodes run as processes of their own, which hold as
	// many replicas of every stream: 1 or 3. 0: one node in this process.
	Brokers int
	// NATSURL and MonitorURL name a broker to use instead of an own one.
	NATSURL    string
	MonitorURL string
	// DatabaseURL names a database to use instead of an own server. With
	// OwnDatabase only its server is used: a database is made there that is nobody
	// else's. Stop drops it, unless Dir is kept: then the next run finds it again.
	DatabaseURL string
	OwnDatabase bool

	// Callbacks is the base URL that providers are told to send callbacks to, and
	// buyers' browsers; empty: notify-receiver's own. Something that passes on may
	// stand between.
	Callbacks string
	// Relay is to pass on to address, host and port, what comes in at listen: from is
	// told the latter as where it reaches to. nil: everybody is told the address
	// itself. It is for those who want to disturb the traffic.
	Relay func(from, to, listen, address string) error

	// Generations are the secrets that are good at the beginning, the one in use first;
	// empty: the first. What the simulator does not know then, it never will: see Rotate.
	Generations []string
	// Webhook is where the merchant is told what became of operations; empty: nobody is.
	Webhook string
	// Env is given to every service besides what it needs, such as LOG_LEVEL.
	Env map[string]string
	// Verbose gets every service's log lines, each after its name; nil: they go to
	// files in Dir only.
	Verbose io.Writer
	// Note hears, in words for people, of what starts, dies and ends; nil: nobody does.
	// It may be called from several goroutines.
	Note func(string)
}

// Ports are where services listen on 127.0.0.1; 0 takes a free one.
type Ports struct{ Ingress, Notify, Tracker, Simulator int }

// DefaultPorts are the ports that the documentation shows.
func DefaultPorts() Ports { return Ports{Ingress: 8080, Notify: 8081, Tracker: 8082, Simulator: 8083} }

// ErrOptions is what errors about Options wrap.
var ErrOptions = errors.New("cannot run that")

func (o Options) withDefaults() (Options, error) {
	if o.Durability == "" {
		o.Durability = bus.Laptop
	}
	if o.Durability != bus.Laptop && o.Durability != bus.Money {
		return o, fmt.Errorf("%w: durability is %q, must be %s or %s", ErrOptions, o.Durability, bus.Laptop, bus.Money)
	}
	if o.NATSURL != "" && o.Secure {
		return o, fmt.Errorf("%w: the broker at NATS_URL has its own keys; --secure is for one that is started here", ErrOptions)
	}
	if o.NATSURL != "" && o.MonitorURL == "" && o.Durability == bus.Money {
		return o, fmt.Errorf("%w: NATS_MONITOR_URL is needed to check that the broker at NATS_URL syncs every write; or take --durability laptop", ErrOptions)
	}
	if o.Brokers != 0 && o.Brokers != 1 && o.Brokers != 3 || o.Brokers != 0 && o.NATSURL != "" {
		return o, fmt.Errorf("%w: %d broker nodes of its own: must be 0, 1 or 3, and 0 beside NATS_URL", ErrOptions, o.Brokers)
	}
	if o.Workers <= 0 {
		o.Workers = 1
	}
	if o.Replicas <= 0 {
		o.Replicas = 1
	}
	if o.Note == nil {
		o.Note = func(string) {}
	}
	if o.Bin == "" {
		self, err := os.Executable()
		if err != nil {
			return o, fmt.Errorf("where is this program: %w", err)
		}
		o.Bin = filepath.Dir(self)
	}
	return o, o.checkBinaries()
}

// checkBinaries reports every service that is not there.
func (o Options) checkBinaries() error {
	var errs []error
	needed := programs()
	if o.Brokers > 0 {
		needed = append(needed, brokerProgram)
	}
	for _, program := range needed {
		path := filepath.Join(o.Bin, program)
		if info, err := os.Stat(path); err != nil || info.IsDir() || info.Mode()&0o111 == 0 {
			errs = append(errs, fmt.Errorf("%w: %s is missing or no program", ErrOptions, path))
		}
	}
	if len(errs) > 0 {
		errs = append(errs, errors.New("build the services with: make build"))
	}
	return errors.Join(errs...)
}

package stack

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/pgbox"
)

// The services, by the names of their programs.
const (
	Ingress   = "ingress"
	Computop  = "worker-computop"
	Axerve    = "worker-axerve"
	ECommPay  = "worker-ecommpay"
	Sender    = "webhook-sender"
	Receiver  = "notify-receiver"
	Tracker   = "state-tracker"
	Simulator = "simulator"
)

// programs lists what must be installed, in the order in which it is started:
// what others need first.
func programs() []string {
	return slices.Concat([]string{Simulator, Tracker, Receiver}, workers(), []string{Sender, Ingress})
}

// workers lists the programs of which several may run: every provider has one.
func workers() []string {
	var all []string
	for _, p := range payment.Providers() {
		all = append(all, "worker-"+string(p))
	}
	return all
}

// Names returns the names under which a program runs: its own, or numbered ones
// where there are several.
func (s *Stack) Names(program string) []string {
	n := s.replicas(program)
	if n == 1 {
		return []string{program}
	}
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("%s-%d", program, i+1))
	}
	return names
}

// replicas is how many processes of a program run. The simulator's ledger lives in
// its memory: there is one.
func (s *Stack) replicas(program string) int {
	switch {
	case slices.Contains(workers(), program):
		return s.opts.Workers
	case program == Simulator:
		return 1
	}
	return s.opts.Replicas
}

// plan chooses every port. It must come first: services are told of each other's.
func (s *Stack) plan() (err error) {
	ports := newPortFinder()
	p := s.opts.Ports
	for _, at := range []struct {
		who    string
		wanted int
		port   *int
	}{
		{Ingress, p.Ingress, &s.ports.Ingress}, {Receiver, p.Notify, &s.ports.Notify},
		{Tracker, p.Tracker, &s.ports.Tracker}, {Simulator, p.Simulator, &s.ports.Simulator},
	} {
		if *at.port, err = ports.take(at.wanted, at.who); err != nil {
			return err
		}
	}
	s.portsLeft = ports
	if err := s.planReplicas(); err != nil {
		return err
	}
	return s.planRelays()
}

// planReplicas chooses where the replicas of what is reached by HTTP listen: the
// first at the port that everybody is told, the others at free ones.
func (s *Stack) planReplicas() (err error) {
	s.listen = map[string]int{}
	for program, first := range map[string]int{Ingress: s.ports.Ingress, Receiver: s.ports.Notify, Tracker: s.ports.Tracker, Simulator: s.ports.Simulator} {
		for i, name := range s.Names(program) {
			port := first
			if i > 0 {
				if port, err = s.portsLeft.take(0, name); err != nil {
					return err
				}
			}
			s.listen[name] = port
		}
	}
	return nil
}

// At returns where the replicas of a program are reached by HTTP.
func (s *Stack) At(program string) []string {
	var urls []string
	for _, name := range s.Names(program) {
		urls = append(urls, localURL(s.listen[name]))
	}
	return urls
}

// startServices starts every service and waits until all are ready.
func (s *Stack) startServices() error {
	n := 0
	for _, program := range programs() {
		n += s.replicas(program)
	}
	s.note("starting %d services", n)
	for _, program := range programs() {
		for _, name := range s.Names(program) {
			if err := s.startService(program, name); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Stack) startService(program, name string) error {
	admin, err := s.portsLeft.take(0, name)
	if err != nil {
		return err
	}
	env, err := s.environ(program, name, admin)
	if err != nil {
		return err
	}
	c := &child{
		name: name, path: filepath.Join(s.opts.Bin, program), admin: local(admin),
		ready: localURL(admin) + "/readyz?verbose", env: env,
	}
	if err := s.launch(c); err != nil {
		return err
	}
	s.mu.Lock()
	s.children = append(s.children, c)
	s.mu.Unlock()
	return nil
}

// launch starts a child whose log lines go to a file of its name.
func (s *Stack) launch(c *child) error {
	log, err := s.logOf(c.name)
	if err != nil {
		return err
	}
	c.log, c.note = log, s.opts.Note
	if s.opts.Verbose != nil {
		c.log = &tee{file: log, to: &prefixed{mu: &s.verbose, to: s.opts.Verbose, prefix: c.name + " | "}}
	}
	if err := c.start(); err != nil {
		return err
	}
	s.onStop(c.name, c.stop)
	return nil
}

// tee writes to a file and for people.
type tee struct {
	file *os.File
	to   *prefixed
}

// Write implements io.Writer.
func (t *tee) Write(b []byte) (int, error) {
	_, _ = t.to.Write(b)
	return t.file.Write(b)
}

func (s *Stack) logOf(name string) (*os.File, error) {
	f, err := os.OpenFile(s.LogFile(name), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	s.onStop("log of "+name, f.Close)
	return f, nil
}

// LogDir is the folder of the services' logs.
func (s *Stack) LogDir() string { return filepath.Join(s.dir, "log") }

// Metrics returns the URLs at which the services show their metrics.
func (s *Stack) Metrics() []string {
	var all []string
	for _, c := range s.all() {
		all = append(all, "http://"+c.admin+"/metrics")
	}
	return all
}

// LogFile returns where a service's log lines go.
func (s *Stack) LogFile(name string) string { return filepath.Join(s.LogDir(), name+".log") }

// inherited is what services are told of our own environment: where programs, homes
// and temporary files are, what is logged and traced, and the mark of a test run.
func inherited() map[string]string {
	env := map[string]string{}
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "LOG_LEVEL", "OTEL_EXPORTER_OTLP_ENDPOINT", pgbox.RunMark} {
		if v, ok := os.LookupEnv(name); ok {
			env[name] = v
		}
	}
	return env
}

// environ returns what a service is told.
func (s *Stack) environ(program, name string, admin int) ([]string, error) {
	broker, database, err := s.waysOf(program, name)
	if err != nil {
		return nil, err
	}
	env := map[string]string{
		"ADMIN_ADDR": local(admin), "INSTANCE": name, "SHUTDOWN_GRACE": "10s",
		"NATS_URL": broker, "NATS_MONITOR_URL": s.broker.monitor, "PAYLOOM_DURABILITY": s.opts.Durability,
		"PAYLOOM_ACCOUNTS": s.AccountsFile(),
	}
	maps.Copy(env, keysOf(s.busConfig(program)))
	if program != Simulator {
		env["PAYLOOM_DATA_KEYS"] = s.dataKeys()
	}
	maps.Copy(env, inherited())
	maps.Copy(env, s.opts.Env)
	if port, ok := s.listen[name]; ok {
		env["HTTP_ADDR"] = local(port)
	}
	maps.Copy(env, s.own(program))
	if program == Tracker || program == Sender {
		env["DATABASE_URL"] = database
	}
	list := make([]string, 0, len(env))
	for k, v := range env {
		list = append(list, k+"="+v)
	}
	slices.Sort(list)
	return list, nil
}

// keysOf returns the variables by which a program is told of its keys.
func keysOf(cfg bus.Config) map[string]string {
	if cfg.NKeyFile == "" {
		return nil
	}
	return map[string]string{
		"NATS_NKEY_FILE": cfg.NKeyFile, "NATS_CA_FILE": cfg.CAFile, "NATS_CERT_FILE": cfg.CertFile, "NATS_KEY_FILE": cfg.KeyFile,
	}
}

// own is what differs by program.
func (s *Stack) own(program string) map[string]string {
	if slices.Contains(workers(), program) {
		return map[string]string{"PUBLIC_URL": s.notifyURL} // where providers send their callbacks
	}
	switch program {
	case Receiver:
		return map[string]string{"PUBLIC_URL": s.notifyURL}
	case Sender:
		return map[string]string{"WEBHOOK_ALLOW_LOOPBACK": "true"}
	case Simulator:
		return map[string]string{
			"PUBLIC_URL": s.providerURL, "RELAX_URLS": "true",
			"NOTIFY_URL": s.notifyURL, "AXERVE_UNIFIED_SHOPS": axerveUnifiedShop,
			"SHOP_INGRESS_URL": s.URLs().Ingress, "SHOP_QUERY_URL": s.URLs().Tracker,
			"SHOP_API_KEY": "file:" + filepath.Join(s.secretDir(), "api-key"),
		}
	}
	return nil
}

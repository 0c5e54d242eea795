package bustest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/bus"
)

// Cluster is three NATS servers with three replicas of every stream, the third of which
// can be cut off from the other two.
type Cluster struct {
	servers []*server.Server
	relays  []*relay
}

// NewCluster starts and provisions a cluster that ends with the test.
func NewCluster(t testing.TB) *Cluster {
	t.Helper()
	c := &Cluster{}
	for range 3 {
		c.relays = append(c.relays, newRelay(t))
	}
	for i := range c.relays {
		c.start(t, i)
	}
	Await(t, 2*time.Minute, func() error { return c.provision(t) })
	return c
}

// start starts node i. The first two know each other directly; the third and they
// know each other by the relays only.
func (c *Cluster) start(t testing.TB, i int) {
	t.Helper()
	o := &server.Options{
		ServerName: Node(i), Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true,
		Cluster: server.ClusterOpts{Name: "test", Host: "127.0.0.1", Port: server.RANDOM_PORT, NoAdvertise: true, Advertise: c.relays[i].address()},
	}
	for k := range i {
		to := c.relays[k].address()
		if i == 1 {
			to = c.servers[0].ClusterAddr().String()
		}
		o.Routes = append(o.Routes, &url.URL{Scheme: "nats", Host: to})
	}
	if i == 0 { // a server of a cluster wants to know another one
		o.Routes = append(o.Routes, &url.URL{Scheme: "nats", Host: c.relays[1].address()})
	}
	s, err := server.NewServer(o)
	if err != nil {
		t.Fatalf("NATS server: %v", err)
	}
	s.Start()
	t.Cleanup(func() { Stop(s) })
	if !s.ReadyForConnections(30 * time.Second) {
		t.Fatal("NATS server is not ready after 30 s")
	}
	c.relays[i].to(s.ClusterAddr().String())
	c.servers = append(c.servers, s)
}

// Node returns the name of node i, from 0.
func Node(i int) string { return "node-" + strconv.Itoa(i) }

func (c *Cluster) provision(t testing.TB) error {
	b, err := bus.Dial(t.Context(), c.At(0), bus.Provisioner, zap.NewNop())
	if err != nil {
		return err
	}
	defer b.Close()
	_, err = b.Provision(t.Context(), bus.Topology{Replicas: 3})
	return err
}

// At returns how node i is reached, and no other.
func (c *Cluster) At(i int) bus.Config {
	return bus.Config{URL: c.servers[i].ClientURL(), Durability: bus.Laptop}
}

// Lead has node i lead a stream.
func (c *Cluster) Lead(t testing.TB, stream string, i int) {
	t.Helper()
	nc, err := nats.Connect(c.servers[0].ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	Await(t, 2*time.Minute, func() error {
		if c.servers[i].JetStreamIsStreamLeader("$G", stream) {
			return nil
		}
		body := fmt.Appendf(nil, `{"placement": {"preferred": %q}}`, Node(i))
		_, err := nc.Request("$JS.API.STREAM.LEADER.STEPDOWN."+stream, body, 5*time.Second)
		return errors.Join(errors.New(Node(i)+" does not lead "+stream), err)
	})
}

// Cut cuts the third node off.
func (c *Cluster) Cut() {
	for _, r := range c.relays {
		r.set(false)
	}
}

// Heal undoes Cut.
func (c *Cluster) Heal() {
	for _, r := range c.relays {
		r.set(true)
	}
}

// relay passes connections on to an address, unless it is cut.
type relay struct {
	listener net.Listener

	mu     sync.Mutex
	target string
	open   bool
	conns  []net.Conn
}

func newRelay(t testing.TB) *relay {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{listener: l, open: true}
	t.Cleanup(func() { _ = l.Close(); r.set(false) })
	go r.serve()
	return r
}

func (r *relay) address() string { return r.listener.Addr().String() }

func (r *relay) to(target string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.target = target
}

// set opens the relay, or cuts what goes through it.
func (r *relay) set(open bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open = open
	if open {
		return
	}
	for _, c := range r.conns {
		_ = c.Close()
	}
	r.conns = nil
}

func (r *relay) serve() {
	for {
		in, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.pass(in)
	}
}

func (r *relay) pass(in net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	out, err := net.DialTimeout("tcp", r.target, 5*time.Second) //nolint:noctx // it has a time of its own
	if err != nil || !r.open {
		_ = in.Close()
		if err == nil {
			_ = out.Close()
		}
		return
	}
	r.conns = append(r.conns, in, out)
	go pipe(in, out)
	go pipe(out, in)
}

func pipe(from, to net.Conn) {
	_, _ = io.Copy(to, from)
	_, _ = from.Close(), to.Close()
}

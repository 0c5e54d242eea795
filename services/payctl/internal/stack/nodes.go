package stack

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/payloom/payloom/pkg/bus"
)

// brokerProgram runs a broker node: payctl itself, so that nothing has to be
// installed.
const brokerProgram = "payctl"

// nodeName is what a broker node is called.
func nodeName(i int) string { return fmt.Sprintf("broker-%d", i+1) }

// Nodes returns the names of the broker nodes that run as processes of their own.
func (s *Stack) Nodes() []string {
	var names []string
	for _, c := range s.nodes {
		names = append(names, c.name)
	}
	return names
}

// node is where one broker node listens.
type node struct{ client, monitor, cluster int }

// startNodes starts the broker's nodes and waits until they have found each other.
func (s *Stack) startNodes(ctx context.Context) error {
	s.note("starting %d broker node(s) (durability %s)", s.opts.Brokers, s.opts.Durability)
	all := make([]node, s.opts.Brokers)
	var urls, monitors []string
	for i := range all {
		for _, port := range []*int{&all[i].client, &all[i].monitor, &all[i].cluster} {
			var err error
			if *port, err = s.portsLeft.take(0, nodeName(i)); err != nil {
				return err
			}
		}
		urls, monitors = append(urls, "nats://"+local(all[i].client)), append(monitors, localURL(all[i].monitor))
	}
	s.broker = &broker{url: strings.Join(urls, ","), monitor: strings.Join(monitors, ",")}
	for i := range all {
		if err := s.startNode(i, all); err != nil {
			return err
		}
	}
	for _, c := range s.nodes {
		if err := s.waitReady(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

func (s *Stack) startNode(i int, all []node) error {
	name := nodeName(i)
	dir := filepath.Join(s.dir, "nats", name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	config := filepath.Join(s.dir, "nats", name+".conf")
	if err := os.WriteFile(config, []byte(nodeConfig(name, dir, s.opts.Durability, i, all)), 0o600); err != nil {
		return err
	}
	c := &child{
		name: name, path: filepath.Join(s.opts.Bin, brokerProgram), args: []string{"broker", "run", "--config", config},
		admin: local(all[i].monitor), ready: localURL(all[i].monitor) + "/healthz",
		env: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")},
	}
	if err := s.launch(c); err != nil {
		return err
	}
	s.nodes = append(s.nodes, c)
	return nil
}

// nodeConfig is the configuration of node i of all. Nodes do not tell clients of
// each other: a client that found its own way would evade a relay.
func nodeConfig(name, dir, durability string, i int, all []node) string {
	text := fmt.Sprintf(`server_name: %s
listen: %s
http: %s
max_payload: %d
jetstream { store_dir: %q, max_file_store: %d%s }
`, name, local(all[i].client), local(all[i].monitor), maxPayload, dir, int64(brokerStore), either(durability == bus.Money, ", sync_interval: always", ""))
	if len(all) == 1 {
		return text
	}
	var routes []string
	for _, n := range all {
		routes = append(routes, "nats://"+local(n.cluster))
	}
	return text + fmt.Sprintf("cluster { name: payloom, listen: %s, no_advertise: true, routes: [%s] }\n", local(all[i].cluster), strings.Join(routes, ", "))
}

func either[T any](cond bool, yes, no T) T {
	if cond {
		return yes
	}
	return no
}

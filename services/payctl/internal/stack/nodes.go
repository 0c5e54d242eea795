package stack

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/bus/natsconf"
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
	keys, err := s.installation()
	if err != nil {
		return err
	}
	all := make([]node, s.opts.Brokers)
	var urls, monitors []string
	for i := range all {
		for _, port := range []*int{&all[i].client, &all[i].monitor, &all[i].cluster} {
			if *port, err = s.portsLeft.take(0, nodeName(i)); err != nil {
				return err
			}
		}
		urls, monitors = append(urls, "nats://"+local(all[i].client)), append(monitors, localURL(all[i].monitor))
	}
	s.broker = &broker{url: strings.Join(urls, ","), monitor: strings.Join(monitors, ","), keys: keys}
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
	config, err := s.writeNode(name, i, all)
	if err != nil {
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

// writeNode writes the configuration of node i of all and returns its file.
func (s *Stack) writeNode(name string, i int, all []node) (string, error) {
	dir := filepath.Join(s.dir, "nats", name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	file := filepath.Join(s.dir, "nats", name+".conf")
	text := nodeConfig(name, dir, s.opts.Durability, i, all) + auth(file, s.broker.keys) + cluster(s.broker.keys, i, all)
	return file, os.WriteFile(file, []byte(text), 0o600)
}

// nodeConfig is the configuration of node i of all, but for who may come in and where
// the others are.
func nodeConfig(name, dir, durability string, i int, all []node) string {
	return fmt.Sprintf(`server_name: %s
listen: %s
http: %s
max_payload: %d
jetstream { store_dir: %q, max_file_store: %d%s }
`, name, local(all[i].client), local(all[i].monitor), maxPayload, dir, int64(brokerStore), either(durability == bus.Money, ", sync_interval: always", ""))
}

// auth is the line by which the configuration in a file takes in that of the
// installation, "" when there is none. The server looks from the file's folder.
func auth(config, keys string) string {
	if keys == "" {
		return ""
	}
	path, err := filepath.Rel(filepath.Dir(config), natsconf.AuthPath(keys))
	return "include " + either(err == nil, path, natsconf.AuthPath(keys)) + "\n"
}

// cluster is what node i knows of all the others. Nodes do not tell clients of each
// other: a client that found its own way would evade a relay.
func cluster(keys string, i int, all []node) string {
	if len(all) == 1 {
		return ""
	}
	tls := ""
	if keys != "" {
		cert, key, authority := natsconf.Routes(keys)
		tls = fmt.Sprintf("\n  tls { cert_file: %q, key_file: %q, ca_file: %q, verify: true, min_version: \"1.3\" }\n", cert, key, authority)
	}
	var routes []string
	for _, n := range all {
		routes = append(routes, "nats://"+local(n.cluster))
	}
	return fmt.Sprintf("cluster { name: payloom, listen: %s, no_advertise: true, routes: [%s]%s }\n", local(all[i].cluster), strings.Join(routes, ", "), tls)
}

func either[T any](cond bool, yes, no T) T {
	if cond {
		return yes
	}
	return no
}

package natsconf

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/nats-io/nkeys"

	"github.com/payloom/payloom/pkg/bus"
)

// seeds sees to it that every client has a key, and lets go of clients that there
// are no more.
func (in *installation) seeds(table []bus.Permission) error {
	known := clients(table)
	for client := range in.Keys {
		if !slices.Contains(known, client) {
			delete(in.Keys, client)
			in.done = append(in.done, "let go of "+client)
		}
	}
	for _, client := range known {
		if slices.Contains(in.Outside, client) {
			continue
		}
		if err := in.adopt(client); err != nil {
			return err
		}
	}
	return nil
}

// adopt sees to it that the seed of a client is there, and that its key is known.
func (in *installation) adopt(client string) error {
	seed, err := os.ReadFile(in.path(client, SeedFile))
	if errors.Is(err, fs.ErrNotExist) {
		return in.newSeed(client)
	}
	if err != nil {
		return err
	}
	pair, err := nkeys.FromSeed(seed)
	if err != nil {
		return fmt.Errorf("%s: %w", in.path(client, SeedFile), err)
	}
	public, err := pair.PublicKey()
	if err != nil {
		return err
	}
	return in.take(client, public)
}

func (in *installation) newSeed(client string) error {
	pair, err := nkeys.CreateUser()
	if err != nil {
		return err
	}
	defer pair.Wipe()
	seed, err := pair.Seed()
	if err != nil {
		return err
	}
	public, err := pair.PublicKey()
	if err != nil {
		return err
	}
	if err := in.put(seed, 0o400, client, SeedFile); err != nil {
		return err
	}
	return in.take(client, public)
}

// take makes a public key the client's newest.
func (in *installation) take(client, public string) error {
	if !nkeys.IsValidPublicUserKey(public) {
		return fmt.Errorf("natsconf: the key of %s is no public user key (U…)", client)
	}
	if !slices.Contains(clients(bus.Permissions(in.Shards)), client) {
		return fmt.Errorf("%w: %q", ErrUnknownClient, client)
	}
	if !slices.Contains(in.Keys[client], public) {
		in.Keys[client] = append([]string{public}, in.Keys[client]...)
	}
	return nil
}

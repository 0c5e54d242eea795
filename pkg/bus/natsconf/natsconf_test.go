package natsconf_test

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nkeys"
	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/bus/bustest"
	"github.com/payloom/payloom/pkg/bus/natsconf"
)

func options(dir string) natsconf.Options {
	return natsconf.Options{Dir: dir, Shards: 2, Hosts: []string{"nats-1", "nats-2", "127.0.0.1"}}
}

func mustWrite(t testing.TB, o natsconf.Options) []string {
	t.Helper()
	changed, err := natsconf.Write(o)
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

func mustRead(t testing.TB, parts ...string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(parts...))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func mustCertificate(t testing.TB, parts ...string) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode([]byte(mustRead(t, parts...)))
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func TestWrite_AgainChangesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if len(mustWrite(t, options(dir))) == 0 {
		t.Error("the first run says that it changed nothing")
	}
	if again := mustWrite(t, options(dir)); len(again) != 0 {
		t.Errorf("the second run changed %v", again)
	}
}

func TestWrite_SecretsAreForTheirOwners(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	mustWrite(t, options(dir))
	for _, path := range []string{"ingress/user.nk", "ingress/key.pem", "broker/server-key.pem", "broker/routes-key.pem", "ca/ca-key.pem", "ca/installation.json"} {
		info, err := os.Stat(filepath.Join(dir, path))
		if err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: mode %v, %v", path, info.Mode(), err)
		}
	}
	auth := mustRead(t, dir, "broker", natsconf.AuthFile)
	if seed := mustRead(t, dir, bus.Ingress, natsconf.SeedFile); strings.Contains(auth, seed) || !strings.HasPrefix(seed, "SU") {
		t.Error("the broker's configuration holds a seed, or the seed is none")
	}
}

func TestWrite_CertificatesAreRenewedInTime(t *testing.T) {
	t.Parallel()
	o := options(t.TempDir())
	o.Now = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	mustWrite(t, o)
	first := mustCertificate(t, o.Dir, "broker", "server.pem")
	if err := first.VerifyHostname("nats-2"); err != nil {
		t.Error(err)
	}
	o.Now = o.Now.AddDate(0, 7, 0)
	if changed := mustWrite(t, o); len(changed) != 0 {
		t.Errorf("after seven months it changed %v", changed)
	}
	o.Now = o.Now.AddDate(0, 2, 0)
	mustWrite(t, o)
	second := mustCertificate(t, o.Dir, "broker", "server.pem")
	if !second.NotAfter.After(first.NotAfter) {
		t.Errorf("after nine months the certificate still ends %s", second.NotAfter)
	}
	if err := second.CheckSignatureFrom(mustCertificate(t, o.Dir, bus.Ingress, natsconf.CAFile)); err != nil {
		t.Errorf("clients would not know the new certificate: %v", err)
	}
	o.Hosts = append(o.Hosts, "nats-3")
	mustWrite(t, o)
	if err := mustCertificate(t, o.Dir, "broker", "server.pem").VerifyHostname("nats-3"); err != nil {
		t.Errorf("a host was added: %v", err)
	}
}

// TestWrite_RoutesHaveAnAuthorityOfTheirOwn: a client's certificate must not open
// the port that servers join by.
func TestWrite_RoutesHaveAnAuthorityOfTheirOwn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	mustWrite(t, options(dir))
	routes := mustCertificate(t, dir, "broker", "routes-ca.pem")
	if err := mustCertificate(t, dir, "broker", "routes.pem").CheckSignatureFrom(routes); err != nil {
		t.Error(err)
	}
	if mustCertificate(t, dir, bus.Ingress, natsconf.CertFile).CheckSignatureFrom(routes) == nil {
		t.Error("a client's certificate is signed by the routes' authority")
	}
}

func TestWrite_KeysThatOthersKeep(t *testing.T) {
	t.Parallel()
	o := options(t.TempDir())
	pair, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	public, err := pair.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	o.Public = map[string]string{bus.Sender: public}
	mustWrite(t, o)
	if _, err := os.Stat(filepath.Join(o.Dir, bus.Sender, natsconf.SeedFile)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a seed was made for a client that has one: %v", err)
	}
	if !strings.Contains(mustRead(t, o.Dir, "broker", natsconf.AuthFile), public) {
		t.Error("the key is not in the configuration")
	}
	for client, key := range map[string]string{bus.Sender: "UNONSENSE", "nobody": public} {
		o.Public = map[string]string{client: key}
		if _, err := natsconf.Write(o); err == nil {
			t.Errorf("key %s of %s is taken", key, client)
		}
	}
}

func TestWrite_ALostSeedIsMadeAnew(t *testing.T) {
	t.Parallel()
	o := options(t.TempDir())
	mustWrite(t, o)
	if err := os.Remove(filepath.Join(o.Dir, bus.Ingress, natsconf.SeedFile)); err != nil {
		t.Fatal(err)
	}
	changed := mustWrite(t, o)
	for _, want := range []string{"wrote ingress/user.nk", "wrote broker/auth.conf"} {
		if !slices.Contains(changed, want) {
			t.Errorf("changed %v, want %s", changed, want)
		}
	}
}

// TestRotate_OldAndNewUntilRetired rotates a key under a running server.
func TestRotate_OldAndNewUntilRetired(t *testing.T) {
	t.Parallel()
	s := bustest.Secure(t, 1)
	bustest.Provision(t, s.As(bus.Provisioner), bus.Topology{})
	before := s.As(bus.Ingress)
	before.NKeyFile = filepath.Join(t.TempDir(), "old.nk")
	old := mustRead(t, s.Dir, bus.Ingress, natsconf.SeedFile)
	if err := os.WriteFile(before.NKeyFile, []byte(old), 0o600); err != nil {
		t.Fatal(err)
	}
	can := func(cfg bus.Config) bool {
		b, err := bus.Connect(t.Context(), cfg, bus.Ingress, zap.NewNop())
		if err == nil {
			b.Close()
		}
		return err == nil
	}
	if _, err := natsconf.Rotate(s.Dir, bus.Ingress, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if mustRead(t, s.Dir, bus.Ingress, natsconf.SeedFile) == old {
		t.Fatal("the seed is the same")
	}
	s.Reload(t)
	if !can(before) || !can(s.As(bus.Ingress)) {
		t.Error("after the rotation old and new key must both do")
	}
	if _, err := natsconf.Retire(s.Dir, bus.Ingress, time.Time{}); err != nil {
		t.Fatal(err)
	}
	s.Reload(t)
	if can(before) || !can(s.As(bus.Ingress)) {
		t.Error("after the old key's retirement only the new one must do")
	}
	if _, err := natsconf.Rotate(s.Dir, "nobody", time.Time{}); !errors.Is(err, natsconf.ErrUnknownClient) {
		t.Errorf("rotate nobody's key: %v", err)
	}
}

package doctor

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/conf"
	"github.com/payloom/payloom/pkg/wire"
)

// Sources are where the doctor looks.
type Sources struct {
	Config    bus.Config
	Broker    *bus.Bus // nil: it could not be reached, for BrokerErr
	BrokerErr error
	Pool      *pgxpool.Pool // nil: it could not be reached, for PoolErr; without that none is named
	PoolErr   error
	Accounts  string // file; empty: none is named
	Secrets   []string
}

// Look looks at everything and changes nothing.
func Look(ctx context.Context, s Sources) Vitals {
	v := Vitals{Now: time.Now(), BrokerErr: s.BrokerErr, Laptop: s.Config.Durability == bus.Laptop}
	if s.Broker != nil {
		v.lookAtBroker(ctx, s)
	}
	switch {
	case s.Pool != nil:
		v.Rows, v.RowsErr = lookAtRows(ctx, s, v.Now)
	case s.PoolErr != nil:
		v.RowsErr = s.PoolErr
	default:
		v.NoRows = true
	}
	v.lookAtFiles(s)
	return v
}

func (v *Vitals) lookAtBroker(ctx context.Context, s Sources) {
	survey, err := s.Broker.Survey(ctx)
	if err != nil {
		v.BrokerErr = err
		return
	}
	v.Broker, v.Now = &survey, time.Now().Add(-survey.Offset)
	if !v.Laptop {
		v.Durability = bus.Durable(ctx, s.Config.MonitorURL)
	}
	v.readStreams(ctx, s.Broker)
}

// readStreams reads what tells of trouble, each for itself.
func (v *Vitals) readStreams(ctx context.Context, b *bus.Bus) {
	v.AdvisoryErr = v.read(bus.AdvisoryStream, func() error { return v.lookAtAdvisories(ctx, b) })
	v.AuditErr = v.read(bus.AuditStream, func() error {
		return b.ReadAudit(ctx, func(wire.AuditRecord, bus.Message) error { v.Audit++; return nil })
	})
	v.DeadErr = v.read(bus.DeadStream, func() error { return v.lookAtLetters(ctx, b) })
}

// read reads a stream that is there.
func (v *Vitals) read(stream string, look func() error) error {
	for _, r := range v.Broker.Streams {
		if r.Name == stream && r.Missing {
			return fmt.Errorf("stream %s is missing", stream)
		}
	}
	return look()
}

func (v *Vitals) lookAtAdvisories(ctx context.Context, b *bus.Bus) error {
	return b.ReadAdvisories(ctx, func(a bus.Advisory) {
		if a.Kind == bus.MaxDeliveries {
			v.Stranded = append(v.Stranded, a)
		}
	})
}

func (v *Vitals) lookAtLetters(ctx context.Context, b *bus.Bus) error {
	var ends bus.Ends
	if err := b.ReadEnds(ctx, &ends); err != nil {
		return err
	}
	return b.Follow(ctx, bus.DeadStream, bus.FollowOptions{ToEnd: true}, func(_ context.Context, batch []bus.Message) error {
		for _, m := range batch {
			if _, ended := ends.Of(m.Seq); !ended {
				v.Dead = append(v.Dead, m.Time)
			}
		}
		return nil
	})
}

// lookAtFiles looks at what lies on this machine.
func (v *Vitals) lookAtFiles(s Sources) {
	paths := append([]string{}, s.Secrets...)
	if v.Accounts = s.Accounts; s.Accounts != "" {
		_, v.AccountsErr = account.Load(s.Accounts, func(ref string) (conf.Secret, error) {
			if path, ok := strings.CutPrefix(ref, "file:"); ok {
				paths = append(paths, path)
			}
			return conf.ResolveSecret(ref)
		})
	}
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil { // that one is missing, its user says
			v.Secrets = append(v.Secrets, Aged{path, info.ModTime()})
		}
	}
	for _, path := range []string{s.Config.CAFile, s.Config.CertFile} {
		if path != "" {
			v.Certs = append(v.Certs, certificate(path))
		}
	}
}

// certificate reads the first certificate of a file that is good for the shortest time.
func certificate(path string) Cert {
	c := Cert{Path: path}
	data, err := os.ReadFile(path)
	if err != nil {
		c.Err = err
		return c
	}
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		x, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			c.Err = err
			return c
		}
		if c.NotAfter.IsZero() || x.NotAfter.Before(c.NotAfter) {
			c.NotAfter = x.NotAfter
		}
	}
	if c.NotAfter.IsZero() {
		c.Err = errors.New("holds no certificate")
	}
	return c
}

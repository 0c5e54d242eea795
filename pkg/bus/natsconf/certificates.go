package natsconf

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"slices"
	"time"

	"github.com/payloom/payloom/pkg/bus"
)

const (
	authorityLife = 10 * 365 * 24 * time.Hour
	leafLife      = 365 * 24 * time.Hour
	// renewAt is how much of a certificate's life may be left before it is renewed.
	renewAt = leafLife / 3
	// backdate makes a certificate valid on machines whose clock is behind.
	backdate = time.Hour
)

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

// certificates makes two authorities, so that a client's certificate does not
// open the port that servers join by, and what they sign.
func (in *installation) certificates(table []bus.Permission) error {
	clientCA, err := in.authority("ca", "Payloom NATS")
	if err != nil {
		return err
	}
	routesCA, err := in.authority("routes-ca", "Payloom NATS routes")
	if err != nil {
		return err
	}
	both := []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	for _, leaf := range []leaf{
		{clientCA, "nats", both[:1], in.Hosts, brokerDir, "server.pem", "server-key.pem"},
		{routesCA, "route", both, in.Hosts, brokerDir, "routes.pem", "routes-key.pem"},
	} {
		if err := in.issue(leaf); err != nil {
			return err
		}
	}
	if err := in.put(routesCA.pem, 0o444, brokerDir, "routes-ca.pem"); err != nil {
		return err
	}
	for _, client := range clients(table) {
		if err := in.issue(leaf{clientCA, client, both[1:], nil, client, CertFile, KeyFile}); err != nil {
			return err
		}
		if err := in.put(clientCA.pem, 0o444, client, CAFile); err != nil {
			return err
		}
	}
	return in.put(clientCA.pem, 0o444, brokerDir, CAFile)
}

// authority reads or makes one.
func (in *installation) authority(name, subject string) (*authority, error) {
	certPEM, err := os.ReadFile(in.path(caDir, name+".pem"))
	if errors.Is(err, fs.ErrNotExist) {
		return in.newAuthority(name, subject)
	}
	if err != nil {
		return nil, err
	}
	cert, err := parse(certPEM)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", in.path(caDir, name+".pem"), err)
	}
	keyPEM, err := os.ReadFile(in.path(caDir, name+"-key.pem"))
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(keyPEM)
	if block == nil {
		return nil, fmt.Errorf("%s is no PEM file", in.path(caDir, name+"-key.pem"))
	}
	key, err := x509.ParseECPrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", in.path(caDir, name+"-key.pem"), err)
	}
	return &authority{cert: cert, key: key, pem: certPEM}, nil
}

func (in *installation) newAuthority(name, subject string) (*authority, error) {
	template, err := in.template(subject, authorityLife)
	if err != nil {
		return nil, err
	}
	template.IsCA, template.BasicConstraintsValid, template.MaxPathLenZero = true, true, true
	template.KeyUsage = x509.KeyUsageCertSign
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	a := &authority{cert: cert, key: key, pem: encode("CERTIFICATE", der)}
	if err := in.putKey(key, caDir, name+"-key.pem"); err != nil {
		return nil, err
	}
	return a, in.put(a.pem, 0o444, caDir, name+".pem")
}

// leaf is a certificate that an authority signs.
type leaf struct {
	by        *authority
	name      string
	usage     []x509.ExtKeyUsage
	hosts     []string
	dir       string
	cert, key string // file names
}

// issue makes a certificate unless a good one is there.
func (in *installation) issue(l leaf) error {
	if in.good(l) {
		return nil
	}
	template, err := in.template(l.name, leafLife)
	if err != nil {
		return err
	}
	template.KeyUsage, template.ExtKeyUsage = x509.KeyUsageDigitalSignature, l.usage
	for _, host := range l.hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.CreateCertificate(rand.Reader, template, l.by.cert, key.Public(), l.by.key)
	if err != nil {
		return err
	}
	if err := in.putKey(key, l.dir, l.key); err != nil {
		return err
	}
	return in.put(encode("CERTIFICATE", der), 0o444, l.dir, l.cert)
}

// good tells whether the certificate there is signed by the authority, is for all
// hosts, and will be for a while. The key is not looked at: it is written first.
func (in *installation) good(l leaf) bool {
	data, err := os.ReadFile(in.path(l.dir, l.cert))
	if err != nil {
		return false
	}
	cert, err := parse(data)
	if err != nil || cert.CheckSignatureFrom(l.by.cert) != nil || in.now.Before(cert.NotBefore) {
		return false
	}
	covers := !slices.ContainsFunc(l.hosts, func(h string) bool { return cert.VerifyHostname(h) != nil })
	return covers && cert.NotAfter.Sub(in.now) > renewAt
}

func (in *installation) template(name string, life time.Duration) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name, Organization: []string{"Payloom"}},
		NotBefore: in.now.Add(-backdate), NotAfter: in.now.Add(life),
	}, nil
}

func (in *installation) putKey(key *ecdsa.PrivateKey, parts ...string) error {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	return in.put(encode("EC PRIVATE KEY", der), 0o400, parts...)
}

func parse(data []byte) (*x509.Certificate, error) {
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, errors.New("is no PEM file")
	}
	return x509.ParseCertificate(block.Bytes)
}

func encode(kind string, der []byte) []byte {
	var b bytes.Buffer
	_ = pem.Encode(&b, &pem.Block{Type: kind, Bytes: der}) // a buffer takes all
	return b.Bytes()
}

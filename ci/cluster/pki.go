package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// lifetime of a cluster's certificates, as kubeadm has it.
const lifetime = 365 * 24 * time.Hour

// keyPair is a certificate and its key.
type keyPair struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// subject is who a certificate names. Clients are users of Kubernetes: the name and its groups.
type subject struct {
	name   string
	groups []string
	// hosts are the addresses and names of a server, none for a client.
	hosts    []string
	lifetime time.Duration
}

func newCA(name string) (keyPair, error) {
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: name},
		NotAfter:              time.Now().Add(lifetime),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	return sign(template, nil)
}

// issue makes a certificate that this authority vouches for.
func (p keyPair) issue(s subject) (keyPair, error) {
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: s.name, Organization: s.groups},
		NotAfter:    time.Now().Add(s.lifetime),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if len(s.hosts) > 0 {
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}
	for _, host := range s.hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	return sign(template, &p)
}

// sign completes a certificate: by itself without an authority.
func sign(template *x509.Certificate, ca *keyPair) (keyPair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return keyPair{}, err
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)); err != nil {
		return keyPair{}, err
	}
	template.NotBefore = time.Now().Add(-time.Minute) // clocks differ
	if ca == nil {
		ca = &keyPair{certificate: template, key: key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.certificate, key.Public(), ca.key)
	if err != nil {
		return keyPair{}, err
	}
	certificate, err := x509.ParseCertificate(der)
	return keyPair{certificate, key}, err
}

func (p keyPair) certificatePEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.certificate.Raw})
}

func (p keyPair) keyPEM() ([]byte, error) {
	der, err := x509.MarshalECPrivateKey(p.key)
	return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), err
}

// write puts name.crt and name.key into a folder.
func (p keyPair) write(dir, name string) error {
	key, err := p.keyPEM()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, name+".crt"), p.certificatePEM(), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, name+".key"), key, 0o600)
}

func readKeyPair(dir, name string) (keyPair, error) {
	certificate, err := readPEM(filepath.Join(dir, name+".crt"))
	if err != nil {
		return keyPair{}, err
	}
	key, err := readPEM(filepath.Join(dir, name+".key"))
	if err != nil {
		return keyPair{}, err
	}
	var p keyPair
	if p.certificate, err = x509.ParseCertificate(certificate); err != nil {
		return keyPair{}, err
	}
	p.key, err = x509.ParseECPrivateKey(key)
	return p, err
}

func readPEM(file string) ([]byte, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s: expected PEM", file)
	}
	return block.Bytes, nil
}

package serve

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// writeCertificate writes a certificate for a name, as of a time, so that a test does not depend on the resolution of file times.
func writeCertificate(t *testing.T, folder, name string, at time.Time) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{"tls.crt": {Type: "CERTIFICATE", Bytes: cert}, "tls.key": {Type: "PRIVATE KEY", Bytes: der}} {
		path := filepath.Join(folder, file)
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
}

// A certificate that is replaced is served from the next handshake on; while the files do not match, the old one is.
func TestCertificate(t *testing.T) {
	folder, began := t.TempDir(), time.Now().Add(-time.Hour)
	cert, key := filepath.Join(folder, "tls.crt"), filepath.Join(folder, "tls.key")
	if _, err := Certificate(cert, key); err == nil || !strings.Contains(err.Error(), cert) {
		t.Errorf("without files: %v", err)
	}
	writeCertificate(t, folder, "first", began)
	config, err := Certificate(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	serves := func(want string) {
		t.Helper()
		got, err := config.GetCertificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := x509.ParseCertificate(got.Certificate[0])
		if err != nil || leaf.Subject.CommonName != want {
			t.Errorf("serves %v, want %s; %v", leaf.Subject, want, err)
		}
	}
	serves("first")
	old, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	writeCertificate(t, folder, "second", began.Add(time.Minute))
	second, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(key, old, 0o600); err != nil { // half of the replacement
		t.Fatal(err)
	}
	serves("first")
	if err := os.WriteFile(key, second, 0o600); err != nil {
		t.Fatal(err)
	}
	serves("second")
	if err := os.Remove(cert); err != nil {
		t.Fatal(err)
	}
	serves("second")
}

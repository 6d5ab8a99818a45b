package main

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// signer signs archives for Helm 4.
type signer struct {
	// keyring is a file of secret keys, as gpg --export-secret-keys writes it; empty: nothing is signed.
	keyring string
	// key is part of the name of the one to use; empty where there is only one.
	key string
	// passphraseFile holds what unlocks it; empty where it is not locked.
	passphraseFile string

	entity *openpgp.Entity // once it is read
}

// provenance is the signed text that Helm checks an archive with: the plugin.yaml, and the archive's checksum.
func (s *signer) provenance(archive, sum string, manifest []byte, now time.Time) ([]byte, error) {
	if s.entity == nil {
		if err := s.unlock(); err != nil {
			return nil, err
		}
	}
	var out bytes.Buffer
	config := &packet.Config{DefaultHash: crypto.SHA512}
	if now.Unix() > s.entity.PrimaryKey.CreationTime.Unix() { // a signature from before is none
		config.Time = func() time.Time { return now }
	}
	w, err := clearsign.Encode(&out, s.entity.PrivateKey, config)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(w, "%s\n...\nfiles:\n  %s: sha256:%s\n", manifest, archive, sum)
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func (s *signer) unlock() error {
	f, err := os.Open(s.keyring)
	if err != nil {
		return err
	}
	defer f.Close()
	keys, err := openpgp.ReadKeyRing(f)
	if err != nil {
		return fmt.Errorf("keyring %s: %w", s.keyring, err)
	}
	var found []*openpgp.Entity
	for _, e := range keys {
		for name := range e.Identities {
			if strings.Contains(name, s.key) {
				found = append(found, e)
				break
			}
		}
	}
	if len(found) != 1 {
		return fmt.Errorf("keyring %s: %d keys are called %q, expected one; set SIGN_KEY", s.keyring, len(found), s.key)
	}
	s.entity = found[0]
	switch {
	case s.entity.PrivateKey == nil:
		return errors.New("the key is a public one; export it with gpg --export-secret-keys")
	case s.entity.PrivateKey.Encrypted:
		passphrase, err := os.ReadFile(s.passphraseFile)
		if err != nil {
			return fmt.Errorf("the key is locked, and SIGN_PASSPHRASE_FILE does not help: %w", err)
		}
		return s.entity.PrivateKey.Decrypt(bytes.TrimRight(passphrase, "\r\n"))
	}
	return nil
}

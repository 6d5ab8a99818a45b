package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// archive is one that is written.
type archive struct {
	platform platform
	// content of the .tgz, and of its .prov, which is nil without a signature.
	content, prov []byte
}

// write writes files as the archive called name, with prefix before their names, its signature, and notes its checksum. For Helm 3 all files must lie
// at the top: it makes no folders of its own, and stumbles over those of an archive when it unpacks it again.
func (d *dist) write(name, prefix string, files []file) (archive, error) {
	var a archive
	var buffer bytes.Buffer
	zip := gzip.NewWriter(&buffer)
	t := tar.NewWriter(zip)
	for _, f := range files {
		mode := int64(0o644)
		if f.executable {
			mode = 0o755
		}
		header := tar.Header{Typeflag: tar.TypeReg, Name: prefix + f.name, Size: int64(len(f.content)), Mode: mode, ModTime: d.time, Format: tar.FormatUSTAR}
		if err := t.WriteHeader(&header); err != nil {
			return a, fmt.Errorf("%s: %w", f.name, err)
		}
		if _, err := t.Write(f.content); err != nil {
			return a, fmt.Errorf("%s: %w", f.name, err)
		}
	}
	if err := t.Close(); err != nil {
		return a, err
	}
	if err := zip.Close(); err != nil {
		return a, err
	}
	a.content = buffer.Bytes()
	to := filepath.Join(d.out, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return a, err
	}
	if err := os.WriteFile(to, a.content, 0o644); err != nil {
		return a, err
	}
	sum := sha256.Sum256(a.content)
	d.sums[name] = hex.EncodeToString(sum[:])
	if d.sign.keyring == "" {
		return a, nil
	}
	prov, err := d.sign.provenance(filepath.Base(to), d.sums[name], files[0].content, d.time)
	if err != nil {
		return a, fmt.Errorf("signing %s: %w", name, err)
	}
	a.prov = prov
	return a, os.WriteFile(to+".prov", a.prov, 0o644)
}

// writeSums writes checksums.txt as sha256sum reads it.
func (d *dist) writeSums() error {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(d.sums)) {
		fmt.Fprintf(&b, "%s  %s\n", d.sums[name], name)
	}
	return os.WriteFile(filepath.Join(d.out, "checksums.txt"), []byte(b.String()), 0o644)
}

package images

import (
	"embed"
	"encoding/pem"
	"io/fs"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// rootfs are files of an image without a base; its Dockerfile copies the same folder.
//
//go:embed rootfs
var rootfs embed.FS

const rootCertificatesFile = "etc/ssl/certs/ca-certificates.crt"

// emptyImage is an OCI image without layers.
func emptyImage(platform v1.Platform) (v1.Image, error) {
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	file, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	file.OS, file.Architecture, file.Variant = platform.OS, platform.Architecture, platform.Variant
	return mutate.ConfigFile(image, file)
}

// emptyBase are the entries of an image that has no base: what programs look for even where there is nothing but them.
func emptyBase() ([]entry, error) {
	entries := []entry{
		folder("tmp", 0o777|fs.ModeSticky),
		folder("etc", 0o755),
		folder("etc/ssl", 0o755),
		folder("etc/ssl/certs", 0o755),
		textFile(rootCertificatesFile, rootCertificates()),
	}
	files, err := rootfs.ReadDir("rootfs/etc")
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		text, err := rootfs.ReadFile("rootfs/etc/" + file.Name())
		if err != nil {
			return nil, err
		}
		entries = append(entries, textFile("etc/"+file.Name(), string(text)))
	}
	return entries, nil
}

// rootCertificates are Mozilla's, of the version that go.mod names: the machine that builds may have others, or none. Roots
// trusted under a condition are left out, since the file has no way to say it.
func rootCertificates() string {
	var text strings.Builder
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			text.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}))
		}
	}
	return text.String()
}

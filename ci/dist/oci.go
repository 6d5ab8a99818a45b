package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// What Helm 4 looks for in an OCI artefact.
const (
	pluginType = "application/vnd.helm.plugin.v1+json"
	layerType  = "application/vnd.oci.image.layer.v1.tar"
	emptyType  = "application/vnd.oci.empty.v1+json"
	titleKey   = "org.opencontainers.image.title"
	nameKey    = "org.opencontainers.image.ref.name"
)

// artefact is a plugin as Helm 4 installs it from a registry: the archive and its signature are the layers.
type artefact struct {
	manifest []byte
	config   v1.Layer
	layers   []v1.Layer
}

var _ partial.CompressedImageCore = (*artefact)(nil)

// newArtefact makes one of an archive.
func newArtefact(a archive) (v1.Image, error) {
	art := &artefact{config: static.NewLayer([]byte("{}"), emptyType)}
	config, err := partial.Descriptor(art.config)
	if err != nil {
		return nil, err
	}
	// v1.Manifest does not know artifactType.
	manifest := struct {
		v1.Manifest
		ArtifactType string `json:"artifactType"`
	}{v1.Manifest{SchemaVersion: 2, MediaType: types.OCIManifestSchema1, Config: *config}, pluginType}
	title := "flow-" + version + ".tgz"
	for _, part := range []struct {
		title   string
		content []byte
	}{{title, a.content}, {title + ".prov", a.prov}} {
		if part.content == nil {
			continue
		}
		layer := static.NewLayer(part.content, layerType)
		d, err := partial.Descriptor(layer)
		if err != nil {
			return nil, err
		}
		d.Annotations = map[string]string{titleKey: part.title}
		manifest.Layers = append(manifest.Layers, *d)
		art.layers = append(art.layers, layer)
	}
	if art.manifest, err = json.Marshal(manifest); err != nil {
		return nil, err
	}
	return partial.CompressedToImage(art)
}

func (a *artefact) RawManifest() ([]byte, error)        { return a.manifest, nil }
func (a *artefact) MediaType() (types.MediaType, error) { return types.OCIManifestSchema1, nil }
func (a *artefact) RawConfigFile() ([]byte, error)      { return []byte("{}"), nil }
func (a *artefact) LayerByDigest(h v1.Hash) (partial.CompressedLayer, error) {
	for _, layer := range append(a.layers, a.config) {
		if digest, err := layer.Digest(); err != nil || digest == h {
			return layer, err
		}
	}
	return nil, fmt.Errorf("no layer %s", h)
}

// tag of a platform: Helm takes no index of several.
func tag(p platform) string { return version + "-" + p.String() }

// layout writes oci/ anew.
func (d *dist) layout() error {
	dir := filepath.Join(d.out, "oci")
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	path, err := layout.Write(dir, mutate.IndexMediaType(empty.Index, types.OCIImageIndex))
	if err != nil {
		return err
	}
	for _, a := range d.packaged {
		image, err := newArtefact(a)
		if err != nil {
			return err
		}
		if err := path.AppendImage(image, layout.WithAnnotations(map[string]string{nameKey: tag(a.platform)})); err != nil {
			return err
		}
	}
	return nil
}

// push pushes the artefacts to REPOSITORY/flow, with the credentials that docker login or helm registry login has left.
func (d *dist) push(ctx context.Context, repository string) error {
	for _, a := range d.packaged {
		image, err := newArtefact(a)
		if err != nil {
			return err
		}
		to, err := name.NewTag(repository + "/flow:" + tag(a.platform))
		if err != nil {
			return err
		}
		if err := remote.Write(to, image, remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain)); err != nil {
			return fmt.Errorf("pushing %s: %w", to, err)
		}
		fmt.Fprintln(os.Stderr, "dist: pushed", to)
	}
	return nil
}

package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/helm-flow/helm-flow/ci/cluster/node"
)

// ownImage is the name of an image of the cluster itself.
func ownImage(program string) string { return "registry.test/cluster/" + program + ":1" }

// pushOwnImages gives a node the images of the cluster itself.
func pushOwnImages(ctx context.Context, spec node.Spec) error {
	for image, program := range map[string]string{
		"pause":   filepath.Join(spec.Programs["pause"], "pause"),
		"coredns": filepath.Join(spec.Programs["dns"], "dns"),
	} {
		made, err := programImage(program)
		if err != nil {
			return err
		}
		if err := pushImage(ctx, spec, made, ownImage(image)); err != nil {
			return err
		}
	}
	return nil
}

// programImage is an image of one static program and nothing else.
func programImage(program string) (v1.Image, error) {
	text, err := os.ReadFile(program)
	if err != nil {
		return nil, err
	}
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	entry := filepath.Base(program)
	if err := w.WriteHeader(&tar.Header{Name: entry, Mode: 0o755, Size: int64(len(text))}); err != nil {
		return nil, err
	}
	if _, err := w.Write(text); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	opener := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(layer.Bytes())), nil }
	l, err := tarball.LayerFromOpener(opener, tarball.WithCompressionLevel(1), tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, err
	}
	image, err := mutate.AppendLayers(mutate.MediaType(empty.Image, types.OCIManifestSchema1), l)
	if err != nil {
		return nil, err
	}
	file, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.OS, file.Architecture = "linux", runtime.GOARCH
	file.Config.Entrypoint = []string{"/" + entry}
	return mutate.ConfigFile(image, file)
}

// push gives the cluster an image from the folder of an OCI layout with one image or index in it, or from a tarball as
// `docker save` writes it.
func (c cluster) push(ctx context.Context, from string, names []string) error {
	if _, ok := c.running(); !ok {
		return c.notRunning()
	}
	spec, err := c.spec()
	if err != nil {
		return err
	}
	image, err := readImage(from)
	if err != nil {
		return err
	}
	for _, n := range names {
		if err := pushImage(ctx, spec, image, n); err != nil {
			return err
		}
	}
	return nil
}

func readImage(path string) (remote.Taggable, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		image, err := tarball.ImageFromPath(path, nil)
		if err != nil {
			return nil, fmt.Errorf("%s: expected a tarball with one image, as `docker save` writes it: %w", path, err)
		}
		return image, nil
	}
	index, err := layout.ImageIndexFromPath(path)
	if err != nil {
		return nil, fmt.Errorf("%s: expected the folder of an OCI layout: %w", path, err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var found []remote.Taggable
	for _, d := range manifest.Manifests {
		image, err := imageIn(index, d)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if image != nil {
			found = append(found, image)
		}
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("%s has %d images in it; expected one image or index", path, len(found))
	}
	return found[0], nil
}

// imageIn is the image or index that a descriptor is of, nil if it is of something attached to an image, such as an SBOM.
func imageIn(index v1.ImageIndex, d v1.Descriptor) (remote.Taggable, error) {
	if d.MediaType.IsIndex() {
		return index.ImageIndex(d.Digest)
	}
	image, err := index.Image(d.Digest)
	if err != nil {
		return nil, err
	}
	manifest, err := image.Manifest()
	if err != nil || !manifest.Config.MediaType.IsConfig() {
		return nil, err
	}
	return image, nil
}

// pushImage stores an image by its name without the host, as the node's registry stands for all hosts.
func pushImage(ctx context.Context, spec node.Spec, image remote.Taggable, as string) error {
	ref, err := name.ParseReference(as)
	if err != nil {
		return fmt.Errorf("image name: %w", err)
	}
	tag, ok := ref.(name.Tag)
	if !ok {
		return errors.New("image name " + as + ": expected a tag, not a digest")
	}
	to, err := name.NewTag(fmt.Sprintf("%s/%s:%s", registryAddress(spec), tag.RepositoryStr(), tag.TagStr()))
	if err != nil {
		return err
	}
	if err := remote.Push(to, image, remote.WithContext(ctx)); err != nil {
		return fmt.Errorf("pushing %s: %w", as, err)
	}
	return nil
}

func registryAddress(spec node.Spec) string { return fmt.Sprintf("127.0.0.1:%d", spec.RegistryPort) }

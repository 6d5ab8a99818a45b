package images

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// base is what a Python executor's layers lie on, for one platform.
type base struct {
	// name and digest are those of an image that was made elsewhere; they are empty for what was made here.
	name     string
	digest   v1.Hash
	image    v1.Image          // with OCI's media types
	packages []softwarePackage // of a base that was made here; others are not taken apart
	python   interpreter
	jina     bool // has the program on its PATH
}

// openBase finds the base that the options name, or makes it, and looks what there is in it.
func openBase(ctx context.Context, b *builder, platform v1.Platform) (*base, error) {
	step := "base for " + platform.String()
	b.Progress(step, b.Base, false)
	find := b.findBase
	if b.Base == debianBase {
		find = b.makeDebian
	}
	found, err := find(ctx, platform, step)
	if err == nil {
		err = found.inspect(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("base %s: %w", b.Base, err)
	}
	b.Progress(step, "Python "+found.python.version, true)
	return found, nil
}

// findBase opens a folder with an OCI layout, a file, or else what a registry has.
func (b *builder) findBase(ctx context.Context, platform v1.Platform, step string) (*base, error) {
	// Where it lies on this machine is nobody's business.
	found := &base{name: filepath.Base(b.Base)}
	info, err := os.Stat(b.Base)
	var image v1.Image
	switch {
	case err == nil && info.IsDir() && isLayout(b.Base):
		image, err = layoutImage(b.Base, platform)
	case err == nil && info.Mode().IsRegular():
		image, err = tarballImage(b.Base, platform)
	case strings.HasPrefix(b.Base, ".") || filepath.IsAbs(b.Base):
		err = errors.New("is neither the folder of an OCI layout nor a file")
	default:
		found.name, image, err = registryBase(ctx, b.Base, platform)
	}
	if err != nil {
		return nil, err
	}
	if found.digest, err = image.Digest(); err != nil {
		return nil, err
	}
	found.image, err = b.asOCI(ctx, image, step)
	return found, err
}

func layoutImage(dir string, platform v1.Platform) (v1.Image, error) {
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return nil, err
	}
	return choose(index, platform)
}

func tarballImage(file string, platform v1.Platform) (v1.Image, error) {
	image, err := tarball.ImageFromPath(file, nil)
	if err != nil {
		return nil, fmt.Errorf("not a tarball with one image, as `docker save` writes it: %w", err)
	}
	return image, checkPlatform(image, platform)
}

// registryBase is an image in a registry, and its full name.
func registryBase(ctx context.Context, where string, platform v1.Platform) (string, v1.Image, error) {
	ref, err := name.ParseReference(where)
	if err != nil {
		return "", nil, fmt.Errorf("no such folder or file, nor an image's reference: %w", err)
	}
	descriptor, err := remote.Get(ref, remoteOptions(ctx)...)
	if err != nil {
		return "", nil, registryError(err, ref)
	}
	var image v1.Image
	if descriptor.MediaType.IsIndex() {
		var index v1.ImageIndex
		if index, err = descriptor.ImageIndex(); err == nil {
			image, err = choose(index, platform)
		}
	} else if image, err = descriptor.Image(); err == nil {
		err = checkPlatform(image, platform)
	}
	return ref.Name(), image, err
}

// choose returns the only image of an index for the platform.
func choose(index v1.ImageIndex, platform v1.Platform) (v1.Image, error) {
	candidates, err := flatten(index)
	if err != nil {
		return nil, err
	}
	var has []string
	var chosen []v1.Image
	for _, candidate := range candidates {
		file, err := candidate.ConfigFile()
		if err != nil {
			return nil, err
		}
		its := file.Platform()
		if its == nil {
			continue
		}
		has = append(has, its.String())
		if its.Satisfies(platform) {
			chosen = append(chosen, candidate)
		}
	}
	switch len(chosen) {
	case 0:
		return nil, noPlatform(platform, has)
	case 1:
		return chosen[0], nil
	}
	return nil, fmt.Errorf("has %d images for %s; expected one", len(chosen), platform)
}

// flatten lists the images in an index and in the indexes in it, without artifacts such as SBOMs.
func flatten(index v1.ImageIndex) ([]v1.Image, error) {
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	var images []v1.Image
	for _, descriptor := range manifest.Manifests {
		if p := descriptor.Platform; p != nil && p.OS == "unknown" {
			continue // BuildKit's attestations
		}
		switch {
		case descriptor.MediaType.IsIndex():
			inner, err := index.ImageIndex(descriptor.Digest)
			if err != nil {
				return nil, err
			}
			more, err := flatten(inner)
			if err != nil {
				return nil, err
			}
			images = append(images, more...)
		case descriptor.MediaType.IsImage():
			image, err := index.Image(descriptor.Digest)
			if err != nil {
				return nil, err
			}
			manifest, err := image.Manifest()
			if err != nil {
				return nil, err
			}
			if manifest.Config.MediaType.IsConfig() {
				images = append(images, image)
			}
		}
	}
	return images, nil
}

func checkPlatform(image v1.Image, platform v1.Platform) error {
	file, err := image.ConfigFile()
	if err != nil {
		return err
	}
	if its := file.Platform(); its == nil || !its.Satisfies(platform) {
		return noPlatform(platform, []string{its.String()})
	}
	return nil
}

func noPlatform(wanted v1.Platform, has []string) error {
	return fmt.Errorf("has no image for %s, only for %s; choose another base or another platform", wanted, strings.Join(has, ", "))
}

// asOCI is the same image with OCI's media types, as our own layers have, and with its layers in files.
func (b *builder) asOCI(ctx context.Context, image v1.Image, step string) (v1.Image, error) {
	file, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	layers, err := image.Layers()
	if err != nil {
		return nil, err
	}
	if len(layers) != len(file.RootFS.DiffIDs) {
		return nil, fmt.Errorf("has %d layers, but %d in its configuration", len(layers), len(file.RootFS.DiffIDs))
	}
	oci, err := emptyImage(v1.Platform{})
	if err != nil {
		return nil, err
	}
	var additions []mutate.Addendum
	for n, layer := range layers {
		if layer, err = b.cached(ctx, layer, file.RootFS.DiffIDs[n], step); err != nil {
			return nil, err
		}
		additions = append(additions, mutate.Addendum{Layer: layer})
	}
	if oci, err = mutate.Append(oci, additions...); err != nil {
		return nil, err
	}
	return mutate.ConfigFile(oci, file.DeepCopy())
}

func ociLayer(mediaType types.MediaType) types.MediaType {
	switch mediaType {
	case types.DockerLayer:
		return types.OCILayer
	case types.DockerUncompressedLayer:
		return types.OCIUncompressedLayer
	}
	return mediaType
}

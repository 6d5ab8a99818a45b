// Package images makes container images of executors without a container engine: a Go main package on an empty base, or a
// Python executor on a base that has Python. The same folder gives the same digest, on any machine and at any time.
package images

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Options say what to build.
type Options struct {
	// Dir is the executor's folder: a Go main package, or a Python executor with its config.yml.
	Dir string
	// Platforms to build for, such as linux/amd64. More than one make an index.
	Platforms []string
	// Base of a Python executor: an image's reference, the folder of an OCI layout, a tarball as `docker save` writes it, or "debian" for one
	// that is made of Debian's packages.
	Base string
	// Labels of the image, which are its annotations too. RuntimeLabel, title and time are set unless they are among them.
	Labels map[string]string
	// Created is what image and files bear as their time, the zero time meaning 1970.
	Created time.Time
	// Cache is the folder where layers of bases are kept between builds.
	Cache string
	// Progress hears of each step, such as "compile for linux/amd64": first without done, at last with it.
	Progress func(step, detail string, done bool)
	// Warn hears what the user may not have meant.
	Warn func(text string)
}

// RuntimeLabel is the label of an image that says what the chart's value `runtime` has to be: go or jina.
const RuntimeLabel = "helm-flow.github.io/runtime"

// Labels that each image has, beside RuntimeLabel: opencontainers.org has their meaning.
const (
	titleLabel      = "org.opencontainers.image.title"
	createdLabel    = "org.opencontainers.image.created"
	baseNameLabel   = "org.opencontainers.image.base.name"
	baseDigestLabel = "org.opencontainers.image.base.digest"
)

// nonroot is who processes run as; the chart says the same.
const nonroot = "65532:65532"

// Image is an image for one or more platforms, whose layers are files until Close.
type Image struct {
	// Name is the folder's.
	Name string
	// Variants are the images of the platforms.
	Variants []Variant

	top     remote.Taggable // the only variant's image, or the index of all
	created time.Time
	work    string
}

// Variant is the image for one platform.
type Variant struct {
	Image    v1.Image
	Platform v1.Platform
	packages []softwarePackage
	base     *base // of a Python executor
}

// recipe makes the image of one kind of folder.
type recipe interface {
	runtime() string
	build(ctx context.Context, b *builder, platform v1.Platform) (Variant, error)
}

// builder is one call of Build.
type builder struct {
	Options
	name string // the folder's
	work string // for files that live as long as the Image
}

// Build makes the image. It leaves nothing behind but what is in the cache; the Image must be closed.
func Build(ctx context.Context, o Options) (_ *Image, err error) {
	platforms, err := parsePlatforms(o.Platforms)
	if err != nil {
		return nil, err
	}
	b := &builder{Options: o}
	if b.Dir, err = filepath.Abs(o.Dir); err != nil {
		return nil, err
	}
	if b.Cache, err = filepath.Abs(o.Cache); err != nil {
		return nil, err
	}
	b.name = filepath.Base(b.Dir)
	b.Warn = once(o.Warn)
	if b.Created.IsZero() {
		b.Created = time.Unix(0, 0)
	}
	b.Created = b.Created.UTC()
	recipe, err := b.recipe()
	if err != nil {
		return nil, err
	}
	if b.work, err = os.MkdirTemp("", "helm-flow-build-"); err != nil {
		return nil, err
	}
	image := &Image{Name: b.name, created: b.Created, work: b.work}
	defer func() {
		if err != nil {
			err = errors.Join(err, image.Close())
		}
	}()
	labels := map[string]string{titleLabel: b.name, createdLabel: b.Created.Format(time.RFC3339), RuntimeLabel: recipe.runtime()}
	maps.Copy(labels, o.Labels)
	for _, platform := range platforms {
		v, err := recipe.build(ctx, b, platform)
		if err != nil {
			return nil, err
		}
		if v.Image, err = describe(v, labels, b.Created); err != nil {
			return nil, err
		}
		image.Variants = append(image.Variants, v)
	}
	image.top, err = indexOf(image.Variants, labels)
	return image, err
}

// SourceDate is the time that $SOURCE_DATE_EPOCH says, or the zero time if it is empty: reproducible-builds.org/docs/source-date-epoch.
func SourceDate(epoch string) (time.Time, error) {
	if epoch == "" {
		return time.Time{}, nil
	}
	seconds, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil || seconds < 0 {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH is %q; expected seconds since 1970", epoch)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// once passes on each text once, as all platforms have the same to say.
func once(warn func(string)) func(string) {
	said := map[string]bool{}
	return func(text string) {
		if !said[text] {
			said[text] = true
			warn(text)
		}
	}
}

// Close removes the layers.
func (i *Image) Close() error { return os.RemoveAll(i.work) }

// Digest of the image, or of the index if there are several platforms.
func (i *Image) Digest() (v1.Hash, error) {
	return i.top.(interface{ Digest() (v1.Hash, error) }).Digest()
}

// recipe finds out what is in the folder.
func (b *builder) recipe() (recipe, error) {
	info, err := os.Stat(b.Dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no folder %s", b.Dir)
	case err != nil:
		return nil, err
	case !info.IsDir():
		return nil, fmt.Errorf("%s is no folder; expected that of an executor", b.Dir)
	}
	has := func(pattern string) bool {
		found, err := filepath.Glob(filepath.Join(b.Dir, pattern))
		return err == nil && len(found) > 0
	}
	switch {
	case has(configFile):
		return newPythonExecutor(b)
	case has("*.go"):
		return newGoProgram(b)
	case has("config.yaml"):
		return nil, fmt.Errorf("%s has a config.yaml; it must be called %s, the name that the chart starts executors with", b.Dir, configFile)
	}
	return nil, fmt.Errorf("%s has no executor in it; expected a Go main package, or a Python executor with its %s", b.Dir, configFile)
}

func parsePlatforms(names []string) ([]v1.Platform, error) {
	var platforms []v1.Platform
	seen := map[string]bool{}
	for _, name := range names {
		platform, err := v1.ParsePlatform(name)
		if err != nil || platform.OS != "linux" || platform.Architecture == "" || platform.OSVersion != "" {
			return nil, fmt.Errorf("platform %q: expected linux/ARCHITECTURE, such as linux/amd64 or linux/arm64", name)
		}
		if seen[platform.String()] {
			return nil, fmt.Errorf("platform %s is named twice", platform)
		}
		seen[platform.String()] = true
		platforms = append(platforms, *platform)
	}
	if len(platforms) == 0 {
		return nil, errors.New("no platform to build for; expected one such as linux/amd64")
	}
	return platforms, nil
}

// describe gives an image its labels and its time.
func describe(v Variant, labels map[string]string, created time.Time) (v1.Image, error) {
	file, err := v.Image.ConfigFile()
	if err != nil {
		return nil, err
	}
	annotations := maps.Clone(labels)
	if v.base != nil && v.base.name != "" {
		annotations[baseNameLabel] = v.base.name
		annotations[baseDigestLabel] = v.base.digest.String()
	}
	file.Created = v1.Time{Time: created}
	if file.Config.Labels == nil {
		file.Config.Labels = map[string]string{}
	}
	maps.Copy(file.Config.Labels, annotations)
	image, err := mutate.ConfigFile(v.Image, file)
	if err != nil {
		return nil, err
	}
	return mutate.Annotations(image, annotations).(v1.Image), nil
}

// indexOf is the image itself, if there is one platform only.
func indexOf(variants []Variant, annotations map[string]string) (remote.Taggable, error) {
	if len(variants) == 1 {
		return variants[0].Image, nil
	}
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, v := range variants {
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: v.Image, Descriptor: v1.Descriptor{Platform: &v.Platform}})
	}
	return mutate.Annotations(index, annotations).(v1.ImageIndex), nil
}

// fileName is a name for files of the platform, such as linux-arm64.
func fileName(platform v1.Platform) string { return strings.ReplaceAll(platform.String(), "/", "-") }

package images

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// Outputs say where an image goes; those that are empty are left out.
type Outputs struct {
	// Push is the reference in a registry: REGISTRY/REPOSITORY:TAG.
	Push string
	// Tarball is a file for `docker load`. With several platforms there is one for each, which has the platform in its name.
	Tarball string
	// Layout is the folder of an OCI image layout, with this image alone in it; one that is there is replaced.
	Layout string
	// Tag is the image's name in tarballs and the layout.
	Tag string
	// SBOM is a file for the list of what is in the image. With it the list is in the registry and the layout, too, as an
	// artifact that refers to the image.
	SBOM string
}

// Check finds out, before an image is built, whether it could go there.
func (o Outputs) Check(ctx context.Context) error {
	if o == (Outputs{Tag: o.Tag, SBOM: o.SBOM}) {
		return errors.New("where to? Expected at least one of --push REFERENCE, --tarball FILE and --layout DIR")
	}
	if _, err := name.NewTag(o.Tag); err != nil {
		return fmt.Errorf("--tag %w", err)
	}
	for _, output := range []struct {
		flag, path string
		check      func(path string) error
	}{{"--tarball", o.Tarball, checkFile}, {"--layout", o.Layout, checkLayoutDir}, {"--sbom", o.SBOM, checkFile}} {
		if output.path == "" {
			continue
		}
		parent := filepath.Dir(output.path)
		info, err := os.Stat(parent)
		if err == nil && info.IsDir() {
			err = output.check(output.path)
		} else {
			err = fmt.Errorf("there is no folder %s", parent)
		}
		if err != nil {
			return fmt.Errorf("%s %s: %w", output.flag, output.path, err)
		}
	}
	if o.Push == "" {
		return nil
	}
	return checkPush(ctx, o.Push)
}

// Write writes the image to all outputs. Each is written as a whole or not at all.
func (i *Image) Write(ctx context.Context, o Outputs, progress func(step, detail string, done bool)) error {
	if o.SBOM != "" {
		if err := i.saveSBOM(o.SBOM); err != nil {
			return err
		}
		progress("SBOM", o.SBOM, true)
	}
	if o.Tarball != "" {
		for _, v := range i.Variants {
			if err := i.saveTarball(ctx, v, o, progress); err != nil {
				return err
			}
		}
	}
	if o.Layout != "" {
		if err := i.saveLayout(ctx, o); err != nil {
			return err
		}
		progress("layout", o.Layout, true)
	}
	if o.Push != "" {
		return i.push(ctx, o, progress)
	}
	return nil
}

func (i *Image) saveTarball(ctx context.Context, v Variant, o Outputs, progress func(step, detail string, done bool)) error {
	tag, err := name.NewTag(o.Tag)
	if err != nil {
		return err
	}
	path := o.Tarball
	if len(i.Variants) > 1 {
		extension := filepath.Ext(path)
		path = strings.TrimSuffix(path, extension) + "-" + fileName(v.Platform) + extension
	}
	step := "tarball for " + v.Platform.String()
	progress(step, path, false)
	err = saveFile(path, func(w io.Writer) error { return tarball.Write(tag, v.Image, untilDoneWriter{ctx, w}) })
	if err != nil {
		return err
	}
	progress(step, path+fileSize(path), true)
	return nil
}

func fileSize(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	return ", " + megabytes(info.Size())
}

func (i *Image) saveSBOM(path string) error {
	text, err := i.SBOM()
	if err != nil {
		return err
	}
	return saveFile(path, func(w io.Writer) error { _, err := w.Write(text); return err })
}

// saveFile writes a file as a whole or not at all.
func saveFile(path string, write func(io.Writer) error) error {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	if err := errors.Join(write(file), file.Chmod(0o644), file.Close()); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.Rename(file.Name(), path)
}

// saveLayout writes the layout beside the folder, and puts it in its place when it is whole.
func (i *Image) saveLayout(ctx context.Context, o Outputs) error {
	parent, base := filepath.Split(filepath.Clean(o.Layout))
	scratch, err := os.MkdirTemp(filepath.Clean(parent), "."+base+"-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	fresh := filepath.Join(scratch, "new")
	if err := errors.Join(i.writeLayout(fresh, o), ctx.Err()); err != nil {
		return fmt.Errorf("%s: %w", o.Layout, err)
	}
	if err := os.Rename(o.Layout, filepath.Join(scratch, "old")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Rename(fresh, o.Layout)
}

func checkFile(path string) error {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return errors.New("is no file")
	}
	return nil
}

// checkLayoutDir refuses a folder that a layout must not replace.
func checkLayoutDir(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case len(entries) > 0 && !isLayout(dir):
		return errors.New("is neither empty nor an OCI image layout, so that it is not replaced")
	}
	return nil
}

func isLayout(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "oci-layout"))
	return err == nil
}

func (i *Image) writeLayout(dir string, o Outputs) error {
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		return err
	}
	named := layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": o.Tag})
	switch top := i.top.(type) {
	case v1.Image:
		err = path.AppendImage(top, named, layout.WithPlatform(i.Variants[0].Platform))
	case v1.ImageIndex:
		err = path.AppendIndex(top, named)
	}
	if err != nil || o.SBOM == "" {
		return err
	}
	referrer, err := i.sbomReferrer()
	if err != nil {
		return err
	}
	return path.AppendImage(referrer)
}

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

func TestReadImage(t *testing.T) {
	image, err := random.Image(100, 1)
	if err != nil {
		t.Fatal(err)
	}
	index, err := random.Index(100, 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	attached := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), "application/spdx+json")
	write := func(to func(l layout.Path) error) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			l, err := layout.Write(path, empty.Index)
			if err == nil {
				err = to(l)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, tt := range []struct {
		name  string
		write func(t *testing.T, path string)
		want  interface{ Digest() (v1.Hash, error) }
		err   string
	}{
		{name: "layout of an image", want: image, write: write(func(l layout.Path) error { return l.AppendImage(image) })},
		{name: "layout of an index", want: index, write: write(func(l layout.Path) error { return l.AppendIndex(index) })},
		{
			name: "layout of an image with something attached", want: image,
			write: write(func(l layout.Path) error {
				if err := l.AppendImage(image); err != nil {
					return err
				}
				return l.AppendImage(attached)
			}),
		},
		{name: "empty layout", err: "has 0 images", write: write(func(layout.Path) error { return nil })},
		{
			name: "tarball", want: image,
			write: func(t *testing.T, path string) {
				tag, err := name.NewTag("a/b:c")
				if err == nil {
					err = tarball.WriteToFile(path, tag, image)
				}
				if err != nil {
					t.Fatal(err)
				}
			},
		},
		{
			name: "another file", err: "expected a tarball with one image",
			write: func(t *testing.T, path string) {
				if err := os.WriteFile(path, []byte("text"), 0o600); err != nil {
					t.Fatal(err)
				}
			},
		},
		{name: "another folder", err: "expected the folder of an OCI layout", write: func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "nothing", err: "no such file", write: func(*testing.T, string) {}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "it")
			tt.write(t, path)
			got, err := readImage(path)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("got %v, expected %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want, err := tt.want.Digest()
			if err != nil {
				t.Fatal(err)
			}
			if digest, err := got.(interface{ Digest() (v1.Hash, error) }).Digest(); err != nil || digest != want {
				t.Errorf("got %v, %v, expected %v", digest, err, want)
			}
		})
	}
}

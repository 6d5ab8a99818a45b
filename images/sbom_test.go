package images

import (
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

var update = flag.Bool("update", false, "write testdata/sbom.json anew")

// The SBOM lists what each platform's image has, each package once.
func TestSBOM(t *testing.T) {
	created := time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC)
	var variants []Variant
	for _, platform := range []v1.Platform{{OS: "linux", Architecture: "amd64"}, {OS: "linux", Architecture: "arm64"}} {
		image, err := emptyImage(platform)
		if err != nil {
			t.Fatal(err)
		}
		v := Variant{Image: image, Platform: platform, packages: []softwarePackage{
			{"pypi", "torch", "2.6.0+cpu", ""},
			{"pypi", "jina", "3.34.0", "Apache-2.0"},
			{"golang", "github.com/Azure/go-ansiterm", "v0.0.0-20250102033503-faa5f7b0171c", ""},
		}}
		if platform.Architecture == "arm64" {
			v.base = &base{name: "registry.example/python:3.11", digest: v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("0", 64)}}
		}
		variants = append(variants, v)
	}
	top, err := indexOf(variants, nil)
	if err != nil {
		t.Fatal(err)
	}
	image := &Image{Name: "encoder", Variants: variants, top: top, created: created}
	got, err := image.SBOM()
	if err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/sbom.json"
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Error(diff)
	}
}

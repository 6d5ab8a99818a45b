package images

import (
	"cmp"
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

// ourModule has the package that executors are made with.
const ourModule = "github.com/helm-flow/helm-flow"

// defaultPath is what container engines take where an image does not say PATH.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

var goTool = tool{"go", "install Go from go.dev/dl"}

// goProgram is a main package, which becomes a static program on an empty base.
type goProgram struct {
	// program is the name by which the chart starts it.
	program string
}

func newGoProgram(b *builder) (recipe, error) {
	if b.Base != "" {
		return nil, fmt.Errorf("%s is a Go program, which needs no base; leave %q out", b.Dir, b.Base)
	}
	if b.name == "flow-gateway" {
		return goProgram{"flow-gateway"}, nil
	}
	return goProgram{"flow-executor"}, nil
}

func (goProgram) runtime() string { return "go" }

func (g goProgram) build(ctx context.Context, b *builder, platform v1.Platform) (Variant, error) {
	step := "compile for " + platform.String()
	program := filepath.Join(b.work, fileName(platform), g.program)
	if err := g.compile(ctx, b, platform, step, program); err != nil {
		return Variant{}, err
	}
	info, err := os.Stat(program)
	if err != nil {
		return Variant{}, err
	}
	b.Progress(step, megabytes(info.Size()), true)
	packages, err := goModules(program, b.Warn)
	if err != nil {
		return Variant{}, err
	}
	image, err := g.assemble(ctx, b, platform, diskFile("usr/local/bin/"+g.program, program, 0o755, info.Size()))
	return Variant{Image: image, Platform: platform, packages: packages}, err
}

// buildCommand is go's. Time zones are in the program, as they are not on an empty base.
var buildCommand = []string{"build", "-trimpath", "-buildvcs=false", "-tags=timetzdata", "-ldflags=-s -w -buildid="}

// compile makes a program that depends on nothing but its source and Go's version: no C, no paths, no version control.
func (g goProgram) compile(ctx context.Context, b *builder, platform v1.Platform, step, program string) error {
	b.Progress(step, "", false)
	// Processors as the platform has them, whatever this machine's programs are usually compiled for.
	env := []string{"CGO_ENABLED=0", "GOOS=" + platform.OS, "GOARCH=" + platform.Architecture, "GOARM64=v8.0", "GOAMD64=" + cmp.Or(platform.Variant, "v1")}
	if platform.Architecture == "arm" {
		env = append(env, "GOARM="+cmp.Or(strings.TrimPrefix(platform.Variant, "v"), "7"))
	}
	var name string
	if err := goTool.run(ctx, b.Dir, env, func(line string) { name = line }, "list", "-f", "{{.Name}}"); err != nil {
		return fmt.Errorf("%s: %w", b.Dir, err)
	}
	if name != "main" {
		return fmt.Errorf("%s is Go package %s; expected a main package, whose main function calls executor.Main", b.Dir, name)
	}
	heard := func(line string) { b.Progress(step, line, false) }
	return goTool.run(ctx, b.Dir, env, heard, append(slices.Clone(buildCommand), "-o", program)...)
}

// assemble lays the program on an empty base.
func (g goProgram) assemble(ctx context.Context, b *builder, platform v1.Platform, program entry) (v1.Image, error) {
	files, err := emptyBase()
	if err != nil {
		return nil, err
	}
	folders := []entry{folder("usr", 0o755), folder("usr/local", 0o755), folder("usr/local/bin", 0o755)}
	image, err := emptyImage(platform)
	if err != nil {
		return nil, err
	}
	for i, entries := range [][]entry{files, append(folders, program)} {
		layer, err := writeLayer(ctx, filepath.Join(b.work, fmt.Sprintf("%s-%d.tar.gz", fileName(platform), i)), entries, b.Created)
		if err != nil {
			return nil, err
		}
		comment := []string{"what programs look for on an empty base", "go build"}[i]
		if image, err = mutate.Append(image, mutate.Addendum{Layer: layer, History: b.history(comment)}); err != nil {
			return nil, err
		}
	}
	file, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	file.Config = v1.Config{
		User:         nonroot,
		Entrypoint:   []string{"/usr/local/bin/" + g.program},
		Env:          []string{"PATH=" + defaultPath},
		WorkingDir:   "/",
		ExposedPorts: map[string]struct{}{"8080/tcp": {}, "9090/tcp": {}},
	}
	return mutate.ConfigFile(image, file)
}

// history says how a layer came to be.
func (b *builder) history(what string) v1.History {
	return v1.History{Created: v1.Time{Time: b.Created}, CreatedBy: "helm flow build: " + what}
}

// goModules lists what a program is made of, as Go wrote it into the program.
func goModules(program string, warn func(string)) ([]softwarePackage, error) {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return nil, err
	}
	packages := []softwarePackage{{Ecosystem: "golang", Name: "stdlib", Version: strings.TrimPrefix(info.GoVersion, "go")}}
	ours := info.Main.Path == ourModule
	for _, module := range info.Deps {
		ours = ours || module.Path == ourModule
		if module.Replace != nil {
			module = module.Replace
		}
		packages = append(packages, softwarePackage{Ecosystem: "golang", Name: module.Path, Version: module.Version})
	}
	if !ours {
		warn("the program does not use " + ourModule + "/executor; the chart starts it as flow-executor --config=FILE --grpc=:8080 --admin=:9090")
	}
	return packages, nil
}

func megabytes(size int64) string { return fmt.Sprintf("%.1f MB", float64(size)/1e6) }

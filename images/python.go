package images

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"go.yaml.in/yaml/v3"
)

// Names in a Python executor's folder.
const (
	configFile       = "config.yml"
	requirementsFile = "requirements.txt"
)

// Places in the image, without the slash at their head. The chart runs `jina executor --uses config.yml` where the image starts.
const (
	workPrefix = "workdir"
	sitePrefix = "opt/site-packages"
	jinaName   = "jina"
)

// maxConfigBytes of a config.yml.
const maxConfigBytes = 1 << 20

// pythonExecutor is a folder with a config.yml, which becomes layers on a base that has Python.
type pythonExecutor struct {
	source          []entry
	hasRequirements bool
}

func newPythonExecutor(b *builder) (recipe, error) {
	if b.Base == "" {
		return nil, fmt.Errorf("%s is a Python executor, which needs a base with Python: an image, the folder of an OCI layout or a tarball, such as --base python:3.11-slim; --base debian makes one", b.Dir)
	}
	source, err := sourceEntries(b.Dir, workPrefix, b.Warn)
	if err != nil {
		return nil, err
	}
	e := pythonExecutor{source: source}
	if err := e.checkConfig(filepath.Join(b.Dir, configFile)); err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(b.Dir, requirementsFile)); err == nil {
		e.hasRequirements = true
		if _, err := uv.find(); err != nil { // said before anything is downloaded
			return nil, fmt.Errorf("%s: %w", filepath.Join(b.Dir, requirementsFile), err)
		}
	}
	return e, nil
}

func (pythonExecutor) runtime() string { return "jina" }

// checkConfig checks that the files which config.yml names are in the image.
func (e pythonExecutor) checkConfig(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Size() > maxConfigBytes {
		return fmt.Errorf("%s: has %d bytes; expected at most %d", path, info.Size(), maxConfigBytes)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if len(document.Content) == 0 || document.Content[0].Kind != yaml.MappingNode {
		return fmt.Errorf("%s: is no executor; expected `jtype: CLASS` and `py_modules: [FILE.py]`", path)
	}
	if !e.has(configFile) {
		return fmt.Errorf("%s: %s keeps it out of the image; let it in", path, ignoreFile)
	}
	var faults []error
	for _, module := range pyModules(document.Content[0]) {
		if err := e.checkModule(module.Value); err != nil {
			faults = append(faults, fmt.Errorf("%s:%d: py_modules: %w", path, module.Line, err))
		}
	}
	return errors.Join(faults...)
}

// pyModules are the texts of every py_modules, at any depth, as Jina looks for them.
func pyModules(mapping *yaml.Node) []*yaml.Node {
	var found []*yaml.Node
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		key, value := mapping.Content[i], mapping.Content[i+1]
		switch {
		case key.Value != "py_modules":
			if value.Kind == yaml.MappingNode {
				found = append(found, pyModules(value)...)
			}
		case value.Kind == yaml.ScalarNode:
			found = append(found, value)
		case value.Kind == yaml.SequenceNode:
			found = append(found, value.Content...)
		}
	}
	return found
}

// checkModule checks that a file is in the image. What is no file may be a module that the requirements bring, and what has a variable in it is
// known in the cluster only.
func (e pythonExecutor) checkModule(module string) error {
	switch name := filepath.ToSlash(filepath.Clean(module)); {
	case strings.Contains(module, "$") || !strings.HasSuffix(module, ".py"):
		return nil
	case !filepath.IsLocal(module):
		return fmt.Errorf("%s is outside the folder, and will not be in the image; copy it into the folder", module)
	case !e.has(name):
		return fmt.Errorf("%s is not in the image: no such file in the folder, or %s keeps it out", module, ignoreFile)
	}
	return nil
}

// has tells whether a file of the folder is in the image.
func (e pythonExecutor) has(name string) bool {
	name = workPrefix + "/" + name
	return slices.ContainsFunc(e.source, func(s entry) bool { return s.name == name })
}

func (e pythonExecutor) build(ctx context.Context, b *builder, platform v1.Platform) (Variant, error) {
	base, err := openBase(ctx, b, platform)
	if err != nil {
		return Variant{}, err
	}
	v := Variant{Image: base.image, Platform: platform, base: base, packages: base.packages}
	hasJina := base.jina
	if e.hasRequirements {
		requirements, err := newRequirements(b, platform, base.python)
		if err != nil {
			return Variant{}, err
		}
		m, err := requirements.layer(ctx)
		if err != nil {
			return Variant{}, err
		}
		v.packages = slices.Concat(v.packages, m.Packages)
		hasJina = hasJina || slices.ContainsFunc(m.Packages, func(p softwarePackage) bool { return p.Name == jinaName })
		if err := b.append(&v, m.layer, "uv pip install -r "+requirementsFile); err != nil {
			return Variant{}, err
		}
	}
	if !hasJina {
		return Variant{}, fmt.Errorf("neither %s nor base %s has the program `jina`, which the chart starts; add jina to %s", requirementsFile, b.Base, requirementsFile)
	}
	source, err := writeLayer(ctx, filepath.Join(b.work, fileName(platform)+".tar.gz"), e.source, b.Created)
	if err != nil {
		return Variant{}, err
	}
	if err := b.append(&v, source, "the folder "+b.name); err != nil {
		return Variant{}, err
	}
	v.Image, err = configurePython(v.Image)
	return v, err
}

// append adds a layer to a variant.
func (b *builder) append(v *Variant, layer v1.Layer, what string) error {
	var err error
	v.Image, err = mutate.Append(v.Image, mutate.Addendum{Layer: layer, History: b.history(what)})
	return err
}

// configurePython adds to the base's configuration how to run the executor.
func configurePython(image v1.Image) (v1.Image, error) {
	file, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	c := &file.Config
	env := environment(c.Env)
	c.Env = env.with(map[string]string{
		"PATH":       "/" + sitePrefix + "/bin:" + env.get("PATH", defaultPath),
		"PYTHONPATH": strings.TrimSuffix("/"+sitePrefix+":"+env.get("PYTHONPATH", ""), ":"),
		// The user has no entry in the base's /etc/passwd, and libraries ask for its name and home.
		"HOME": "/tmp", "USER": "nonroot",
	})
	c.User, c.WorkingDir = nonroot, "/"+workPrefix
	c.Entrypoint, c.Cmd = []string{jinaName, "executor", "--uses", configFile}, nil
	c.Healthcheck = nil
	return mutate.ConfigFile(image, file)
}

// environment is that of an image's configuration: NAME=VALUE each.
type environment []string

func (e environment) get(name, otherwise string) string {
	for _, variable := range e {
		if value, ok := strings.CutPrefix(variable, name+"="); ok {
			return value
		}
	}
	return otherwise
}

// with is the environment with other or more variables.
func (e environment) with(values map[string]string) environment {
	env := slices.DeleteFunc(slices.Clone(e), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		_, replaced := values[name]
		return replaced
	})
	for _, name := range slices.Sorted(maps.Keys(values)) {
		env = append(env, name+"="+values[name])
	}
	return env
}

package flow

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Kind is the kind of thing that `uses` names.
type Kind int

const (
	// Builtin is an executor that flow-executor brings along, or this project's gateway.
	Builtin Kind = iota
	// Image is a container image that holds an executor.
	Image
	// Python is Python source on this machine: a YAML file, or a class of one of the PyModules.
	Python
)

// Uses is what `uses` resolved to.
type Uses struct {
	Pos  Pos
	Kind Kind
	// Name of the built-in; image reference; absolute path of a YAML file, or name of a Python class.
	Name string
}

// Echo is the built-in that answers with the documents it got, as Jina's BaseExecutor does, which stands where `uses`
// is missing.
const Echo = "echo"

// demo is the executor that the Hub's namesake was written for; the Hub is gone, the built-in stayed.
const demo = "HeavyExecutorLinkerdDemo"

var (
	builtins = map[string]string{Echo: Echo, demo: demo, "BaseExecutor": Echo}
	class    = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*$`)
	image    = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9.-]*(?::[0-9]+)?(?:[._/-]+[a-z0-9]+)*` +
		`(?::\w[\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$`)
)

// usesOf is a `uses` with what belongs to it.
type usesOf struct {
	node *yaml.Node
	// key is the field's name, and owner who says it.
	key, owner string
	// process takes what a nested class says of itself.
	process *Process
	// executor: the built-in ones may stand here.
	executor bool
}

// uses finds out what a `uses` names. Its result is without a name if that is a fault.
func (r *reader) uses(u usesOf) Uses {
	key := &yaml.Node{Value: u.key}
	found := Uses{Pos: pos(u.node)}
	if u.node.Kind == yaml.MappingNode {
		return r.nestedUses(u)
	}
	text, ok := r.scalar(key, u.node, "a text", "docker://IMAGE")
	if !ok {
		return found
	}
	if strings.HasPrefix(strings.TrimSpace(text), "{") {
		if nested, err := r.parseJSON(u.node); err == nil && nested.Kind == yaml.MappingNode {
			u.node = nested
			return r.nestedUses(u)
		}
	}
	shown := r.show(u.node, text)
	reference, isImage := strings.CutPrefix(text, "docker://")
	switch {
	case isImage && image.MatchString(reference):
		found.Kind, found.Name = Image, reference
	case isImage:
		r.fault(found.Pos, r.show(u.node, reference)+" is no image", "docker://IMAGE[:TAG], in lower case", "name an image as `docker pull` takes it")
	case isHub(text):
		found.Kind, found.Name = r.hub(u, text)
	case strings.Contains(text, "://"):
		r.fault(found.Pos, u.key+" names a thing of an unknown kind", "docker://IMAGE[:TAG], a class, or a YAML file", "write one of them")
	case slices.Contains([]string{".yml", ".yaml", ".jaml"}, filepath.Ext(text)):
		found.Kind, found.Name = Python, r.sourceFile(u.node, text)
	default:
		found.Kind, found.Name = r.class(u, text, shown)
	}
	if found.Kind == Python && found.Name != "" {
		r.modules(u.process)
	}
	return found
}

// class is the kind of a name without more, and the name.
func (r *reader) class(u usesOf, text, shown string) (Kind, string) {
	switch {
	case u.process.PyModules.Set() && class.MatchString(text):
		return Python, text
	case u.executor && builtins[text] != "":
		return Builtin, builtins[text]
	case !u.executor:
		r.fault(pos(u.node), "unknown gateway "+shown, "docker://IMAGE, a YAML file, or nothing for this project's gateway",
			"name the file that defines a Python class: `py_modules: FILE.py`")
		return Python, ""
	}
	known := []string{Echo, demo, "BaseExecutor"}
	fault := r.fault(pos(u.node), "unknown executor "+shown, "one of "+strings.Join(known, ", ")+", docker://IMAGE, or a YAML file",
		"name the file that defines a Python class: `py_modules: FILE.py`")
	if name := r.nearest(text, known); name != "" {
		fault.Cure, fault.Fix = fmt.Sprintf("did you mean %q?", name), r.replace(u.node, name)
	}
	return Python, ""
}

// nestedUses is a class with its arguments: jtype, with, metas, requests, dynamic_batching and py_modules. What stands beside `uses` wins
// over them.
func (r *reader) nestedUses(u usesOf) Uses {
	found := Uses{Pos: pos(u.node)}
	if u.node.Tag != "!!map" { // that is a fault already
		return found
	}
	if u.executor && u.key != "uses" {
		r.fault(found.Pos, u.key+" is a map", "a text", "write an image after it, as parameters have no place there")
		return found
	}
	var jtype raw
	var nested Process
	wholeMap := func(name string) target { return argument{&nested, name, mapArgument} }
	fields := map[string]target{
		"jtype": &jtype, "with": &nested.UsesWith, "py_modules": &nested.PyModules,
		"metas": wholeMap("uses_metas"), "requests": wholeMap("uses_requests"), "dynamic_batching": wholeMap("uses_dynamic_batching"),
	}
	for key, value := range pairs(u.node) {
		field := fields[key.Value]
		if field == nil {
			r.unknown(u.key, u.node, key, nil, slices.Collect(maps.Keys(fields)))
		} else if !isEmpty(value) {
			field.read(r, key, value)
		}
	}
	if jtype.node == nil || jtype.node.Kind != yaml.ScalarNode {
		r.fault(found.Pos, u.key+" is a map that names no class", "{jtype: CLASS, with: …}", "write `jtype:` and the class into it")
		return found
	}
	p := u.process
	if !p.PyModules.Set() {
		p.PyModules = nested.PyModules
	}
	if nested.UsesWith.Set() {
		p.UsesWith = Field[map[string]any]{over(p.UsesWith.Value, nested.UsesWith.Value), firstSet(p.UsesWith.Pos, nested.UsesWith.Pos)}
	}
	for name, beneath := range nested.Args {
		if p.Args == nil {
			p.Args = map[string]Field[any]{}
		}
		above, _ := p.Args[name].Value.(map[string]any)
		p.Args[name] = Field[any]{over(above, beneath.Value.(map[string]any)), firstSet(p.Args[name].Pos, beneath.Pos)}
	}
	u.node = jtype.node
	found.Kind, found.Name = r.class(u, jtype.node.Value, r.show(jtype.node, jtype.node.Value))
	if found.Kind == Python && found.Name != "" {
		r.modules(p)
	}
	return found
}

// over is a map with all of beneath that above does not say.
func over(above, beneath map[string]any) map[string]any {
	all := maps.Clone(beneath)
	maps.Copy(all, above)
	return all
}

func firstSet(a, b Pos) Pos {
	if a.Line > 0 {
		return a
	}
	return b
}

func (r *reader) modules(p *Process) {
	files := make([]string, len(p.PyModules.Value))
	for i, path := range p.PyModules.Value {
		files[i] = r.sourceFile(&yaml.Node{Line: p.PyModules.Pos.Line, Column: p.PyModules.Pos.Column}, path)
	}
	if len(files) > 0 {
		p.PyModules.Value = files
	}
}

// sourceFile is the absolute path of a file that the flow names relative to its own folder.
func (r *reader) sourceFile(at *yaml.Node, path string) string {
	full := path
	if !filepath.IsAbs(full) {
		full = filepath.Join(r.dir, path)
	}
	full, err := filepath.Abs(full)
	if err == nil {
		_, err = os.Stat(full)
	}
	if err != nil {
		r.fault(pos(at), r.show(at, path)+": "+reason(err), "a file, relative to "+r.path, "check the path")
	}
	return full
}

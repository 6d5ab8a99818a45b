package flow

import (
	"fmt"
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
	// Builtin is an executor that flow-executor brings along.
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
	// jinahub://NAME[:SECRET][/TAG] or jinaai://USER/NAME[:TAG]
	hubURI = regexp.MustCompile(`^(?:jinahub(?:\+[a-z]+)?://|jinaai(?:\+[a-z]+)?://[^/:]+/)([^/:]+)`)
	class  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*$`)
	image  = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9.-]*(?::[0-9]+)?(?:[._/-]+[a-z0-9]+)*` +
		`(?::\w[\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$`)
)

// resolveUses finds out what the executor is.
func (r *reader) resolveUses(e *entry) {
	if e.uses.node == nil {
		e.Uses = Uses{Kind: Builtin, Name: Echo}
		r.withoutModules(e)
		return
	}
	n := e.uses.node
	if n.Kind == yaml.MappingNode {
		r.fault(pos(n), "uses is a map, which is not supported yet", "a text", "write the class after `uses:` and its arguments in `uses_with`")
		return
	}
	text, ok := r.scalar(&yaml.Node{Value: "uses"}, n, "a text", "echo")
	if !ok {
		return
	}
	e.Uses.Pos = pos(n)
	reference, isImage := strings.CutPrefix(text, "docker://")
	isYAML := slices.Contains([]string{".yml", ".yaml"}, filepath.Ext(text))
	switch hub := hubURI.FindStringSubmatch(text); {
	case isImage && image.MatchString(reference):
		e.Uses.Kind, e.Uses.Name = Image, reference
	case isImage:
		r.fault(pos(n), fmt.Sprintf("%q is no image", clip(reference)), "docker://IMAGE[:TAG], in lower case", "name an image as `docker pull` takes it")
	case hub != nil && hub[1] == demo:
		e.Uses.Kind, e.Uses.Name = Builtin, demo
		r.withoutModules(e)
	case hub != nil:
		// Only the name is shown: a Hub URI may hold a secret.
		r.fault(pos(n), fmt.Sprintf("%s is an executor of Jina's Hub, which is gone", clip(hub[1])), "docker://IMAGE[:TAG]",
			"name an image that you built of it")
	case strings.Contains(text, "://"):
		r.fault(pos(n), "uses names a thing of an unknown kind", "docker://IMAGE[:TAG], a class, or a YAML file",
			"write one of them")
	case isYAML:
		e.Uses.Kind = Python
		e.Uses.Name = r.sourceFile(n, text)
		r.modules(e)
	case e.PyModules.Set() && class.MatchString(text):
		e.Uses.Kind, e.Uses.Name = Python, text
		r.modules(e)
	case builtins[text] != "":
		e.Uses.Kind, e.Uses.Name = Builtin, builtins[text]
	default:
		known := []string{Echo, demo, "BaseExecutor"}
		r.fault(pos(n), fmt.Sprintf("unknown executor %q", clip(text)), "one of "+strings.Join(known, ", ")+", docker://IMAGE, or a YAML file",
			r.didYouMean(text, known, "name the file that defines a Python class: `py_modules: FILE.py`"))
	}
}

// withoutModules warns of Python files that nobody loads.
func (r *reader) withoutModules(e *entry) {
	if e.PyModules.Set() {
		r.warn(e.PyModules.Pos, "py_modules has no effect: "+e.Uses.Name+" is built in", "")
		e.PyModules = Field[[]string]{}
	}
}

func (r *reader) modules(e *entry) {
	for i, path := range e.PyModules.Value {
		at := &yaml.Node{Line: e.PyModules.Pos.Line, Column: e.PyModules.Pos.Column}
		e.PyModules.Value[i] = r.sourceFile(at, path)
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
		r.fault(pos(at), fmt.Sprintf("%q: %s", clip(path), reason(err)), "a file, relative to "+r.path, "check the path")
	}
	return full
}

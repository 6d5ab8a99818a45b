package flow

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxBytes bounds a flow.yml. What it becomes must fit into a release, which Kubernetes bounds at 1 MiB too.
const maxBytes = 1 << 20

// ReadFile reads the flow.yml at path. The error is of type Faults, also for a file that cannot be read.
func ReadFile(path string, opts Options) (*Flow, error) {
	src, err := readAtMost(path, maxBytes+1)
	if err != nil {
		fault := Fault{File: path, What: "cannot be read: " + reason(err), Expected: "a flow.yml"}
		if errors.Is(err, fs.ErrNotExist) {
			fault.What, fault.Cure = "no such file", "check the path"
		}
		return nil, Faults{fault}
	}
	return Read(path, src, opts)
}

func readAtMost(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit))
}

// reason is err without the path, which a fault begins with anyway.
func reason(err error) string {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		return pathErr.Err.Error()
	}
	return err.Error()
}

// Read reads a flow.yml from src. path is what faults begin with, and its folder is what relative paths in the file
// start from. The error is of type Faults.
func Read(path string, src []byte, opts Options) (*Flow, error) {
	r := newReader(path, opts)
	f := r.flow(src)
	if len(r.faults) > 0 {
		r.sort(r.faults)
		return nil, r.faults
	}
	r.sort(r.warnings)
	f.Warnings = r.warnings
	return f, nil
}

// sort puts faults in the order of lines, those of other files last.
func (r *reader) sort(faults Faults) {
	other := func(f Fault) int {
		if f.File == r.path {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(faults, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(other(a), other(b)), cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// reader collects what is wrong while it reads.
type reader struct {
	path     string
	dir      string
	opts     Options
	src      *source
	faults   Faults
	warnings Faults
	// known are the faults and warned the warnings so far, so that what several sections inherit is said once.
	known  map[Fault]int
	warned map[Fault]bool
	// edits are what Fix does beyond the faults.
	edits []Edit
	// ignored are the places of fields without effect, by their names, which ignoredNames has in the order of the first.
	ignored      map[string][]ignoredField
	ignoredNames []string
	// used counts who takes what stands at a place of the flow's `with`.
	used map[Pos]int
	// written is how a scalar stands in the file whose text is not in it: it came out of variables.
	written map[*yaml.Node]written
	// unresolved are scalars with variables that stand for nothing. They are faults already.
	unresolved map[*yaml.Node]bool
	// rendered are the actions that wrote a part of a scalar, where the file is a template.
	rendered map[*yaml.Node]string
	// made are the scalars that stand in no file by themselves, but in the text of another.
	made map[*yaml.Node]madeOf
	// freed are the trees of free.
	freed map[*yaml.Node]freeValue
	// deploymentBytes is the size of the files read beside this one.
	deploymentBytes int
}

func newReader(path string, opts Options) *reader {
	return &reader{
		path: path, dir: filepath.Dir(path), opts: opts,
		known: map[Fault]int{}, warned: map[Fault]bool{}, ignored: map[string][]ignoredField{}, used: map[Pos]int{},
		written: map[*yaml.Node]written{}, unresolved: map[*yaml.Node]bool{}, rendered: map[*yaml.Node]string{}, made: map[*yaml.Node]madeOf{}, freed: map[*yaml.Node]freeValue{},
	}
}

// fault notes what is wrong. Its result is there to be completed, at once.
func (r *reader) fault(at Pos, what, expected, cure string) *Fault {
	same := Fault{Line: at.Line, Column: at.Column, What: what, Expected: expected}
	if i, known := r.known[same]; known {
		return &r.faults[i]
	}
	r.known[same] = len(r.faults)
	r.faults = append(r.faults, Fault{File: r.path, Line: at.Line, Column: at.Column, What: what, Expected: expected, Cure: cure})
	return &r.faults[len(r.faults)-1]
}

func (r *reader) warn(at Pos, what, cure string) {
	w := Fault{File: r.path, Line: at.Line, Column: at.Column, What: what, Cure: cure}
	if !r.warned[w] {
		r.warned[w] = true
		r.warnings = append(r.warnings, w)
	}
}

// load takes a text through the steps before its fields: template, YAML tree, variables. It returns nil if there is no tree worth reading.
func (r *reader) load(src []byte) *yaml.Node {
	if len(src) > maxBytes {
		r.fault(Pos{}, "the file is larger than 1 MiB", "a flow.yml", "check the path, or split the flow")
		return nil
	}
	var places *templatePlaces
	if isTemplate(r.path) {
		var ok bool
		if src, places, ok = r.render(src); !ok {
			return nil
		}
	}
	root := r.parse(src, places)
	if root == nil {
		return nil
	}
	if root.Kind == yaml.MappingNode {
		r.dropExtensions(root)
	}
	r.substitute(root)
	return root
}

// top is what stands at a flow's beginning of lines.
type top struct {
	with, gateway, executors, deployments raw
	own                                   Own
}

var topTable = newTable("a flow", []field[top]{
	{name: "jtype", whole: true, typ: "Flow or Deployment", meaning: "What the file is; the tag !Flow says it too.", reads: func(*top) target { return harmless{} }},
	{name: "version", whole: true, typ: "1", missing: "1", meaning: "Version of the language.", reads: func(*top) target { return version{} }},
	{name: "with", whole: true, typ: "map", meaning: "Fields of the flow, and those that gateway and executors inherit.", reads: func(t *top) target { return &t.with }},
	{name: "gateway", whole: true, typ: "map", meaning: "The gateway.", reads: func(t *top) target { return &t.gateway }},
	{name: "executors", whole: true, typ: "list", meaning: "The executors: maps of their fields, `jtype: Deployment` with them under `with`, or paths of files with such.",
		reads: func(t *top) target { return &t.executors }},
	{name: "deployments", whole: true, typ: "list", meaning: "Another name of executors.", reads: func(t *top) target { return &t.deployments }},
	{name: "x_flow", whole: true, typ: "map", meaning: "What Jina has no word for; its fields are the chart's values.", reads: func(t *top) target { return ownKeys{&t.own} }},
	{name: "jcloud", whole: true, noEffect: noJCloud},
})

// flow reads the whole file. Its result counts only if no fault was found.
func (r *reader) flow(src []byte) *Flow {
	root := r.load(src)
	if root == nil {
		return nil
	}
	if root.Kind != yaml.MappingNode {
		r.fault(pos(root), "the file is "+r.describe(root), "a map", "begin with `jtype: Flow`")
		return nil
	}
	f := &Flow{Path: r.path}
	switch says := jtype(root); says {
	case "Flow":
		r.wholeFlow(f, root)
	case "Deployment":
		r.loneDeployment(f, root)
	case "":
		fault := r.fault(pos(root), "the file does not say what it is", "jtype: Flow", "write `jtype: Flow` as its first line")
		if root.Style&yaml.FlowStyle == 0 && r.src != nil {
			fault.Fix = &Edit{Start: Pos{root.Line, 1}, End: Pos{root.Line, 1}, Text: "jtype: Flow\n"}
		}
	default:
		r.wrongType(root, says)
	}
	r.warnOfIgnored()
	return f
}

// wrongType faults a file that says it is something else.
func (r *reader) wrongType(root *yaml.Node, says string) {
	at, node := pos(root), (*yaml.Node)(nil)
	for key, value := range pairs(root) {
		if key.Value == "jtype" {
			at, node = pos(value), value
		}
	}
	shown := fmt.Sprintf("%q", clip(says))
	if node != nil {
		shown = r.describe(node)
	}
	fault := r.fault(at, "jtype is "+shown, "Flow or Deployment", "write `jtype: Flow`")
	if node != nil && strings.EqualFold(says, "flow") {
		fault.Fix = r.replace(node, "Flow")
	}
}

func (r *reader) wholeFlow(f *Flow, root *yaml.Node) {
	var t top
	r.legacyPods(root)
	topTable.read(r, &t, root, nil, nil, sectionNames{"under `with`", func(key string) bool {
		return has(gatewayTable.byName, snake(key)) || has(withTable.byName, snake(key))
	}})
	if t.executors.node != nil && t.deployments.node != nil {
		r.fault(t.deployments.pos(), fmt.Sprintf("both executors and deployments are given, the former on line %d", t.executors.pos().Line), "one of them",
			"move all entries under executors")
	}
	with := r.with(t.with.node)
	f.Name, f.Own = with.name, t.own
	r.gateway(&f.Gateway, t.gateway.node, with, gatewayInherits)
	r.executors(f, cmp.Or(t.executors.node, t.deployments.node), with)
	r.warnOfUnused(with.node)
}

// legacyPods refuses what Jina 3 drops without a word.
func (r *reader) legacyPods(root *yaml.Node) {
	for key := range pairs(root) {
		if key.Value == "pods" {
			fault := r.fault(pos(key), "pods is Jina 1's word, which Jina 3 passes over in silence", "executors", "write `executors:`")
			fault.Fix = r.rename(root, key, "executors")
		}
	}
	root.Content = without(root, func(key string) bool { return key == "pods" })
}

// dropExtensions takes away top-level fields that begin with x- or a dot: people keep there what they refer to by anchors. Jina ignores them.
func (r *reader) dropExtensions(root *yaml.Node) {
	root.Content = without(root, func(key string) bool {
		return (strings.HasPrefix(key, "x-") || strings.HasPrefix(key, ".")) && key != "x-flow" && distance(key, "x-flow", 2) > 2
	})
}

// without are the keys and values of a map but for some.
func without(n *yaml.Node, drop func(key string) bool) []*yaml.Node {
	kept := make([]*yaml.Node, 0, len(n.Content))
	for key, value := range pairs(n) {
		if !drop(key.Value) {
			kept = append(kept, key, value)
		}
	}
	return kept
}

func (r *reader) executors(f *Flow, list *yaml.Node, with *with) {
	if list == nil || list.Kind == yaml.SequenceNode && len(list.Content) == 0 {
		r.warn(Pos{1, 1}, "the flow has no executors: it answers with what it is sent", "")
		return
	}
	if list.Kind != yaml.SequenceNode {
		r.fault(pos(list), "executors is "+r.describe(list), "a list", "begin each executor with `- name:`")
		return
	}
	if len(list.Content) > maxExecutors {
		r.fault(pos(list), fmt.Sprintf("%d executors", len(list.Content)), fmt.Sprintf("at most %d", maxExecutors), "use replicas or shards")
		return
	}
	if inherited := countValues(with.node); inherited*len(list.Content) > maxInherited {
		r.fault(pos(with.node), fmt.Sprintf("%d executors would inherit %d values each", len(list.Content), inherited), "a flow", "write less under `with`")
		return
	}
	entries := make([]*entry, len(list.Content))
	for i, n := range list.Content {
		entries[i] = r.entry(n, i, with)
	}
	r.finish(f, entries)
}

// finish makes a graph of the executors.
func (r *reader) finish(f *Flow, entries []*entry) {
	r.graph(entries)
	for _, e := range entries {
		if !e.TimeoutSend.Set() {
			e.TimeoutSend = f.Gateway.TimeoutSend
		}
		if !e.Retries.Set() {
			e.Retries = f.Gateway.Retries
		}
		if !e.Compression.Set() {
			e.Compression = f.Gateway.Compression
		}
		f.Executors = append(f.Executors, e.Executor)
	}
}

// version of the language; Jina has one.
type version struct{}

func (version) read(r *reader, key, value *yaml.Node) {
	if text, ok := r.text(key, value); ok && text != "1" && text != "1.0" {
		r.wrong(key, value, "1, Jina's only version", "1")
	}
}

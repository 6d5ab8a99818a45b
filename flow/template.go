package flow

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"text/template"
	"text/template/parse"

	"go.yaml.in/yaml/v3"
)

// Bounds of what a template may do: nodes executed, and definitions within each other.
const (
	maxSteps      = 200_000
	maxTemplating = 100
)

// isTemplate reports whether a file is a Go template that makes a flow.
func isTemplate(path string) bool {
	return strings.HasSuffix(path, ".tmpl") || strings.HasSuffix(path, ".gotmpl")
}

// rendering is a template while it is executed. Nodes are put into its tree which tell what is being written: so faults of what it made have the
// template's lines, and so it cannot run without end.
type rendering struct {
	nodes   []templateNode
	current int // index in nodes of the one being executed
	steps   int
	depth   int
	work    int // of functions; see templatefuncs.go
	out     bytes.Buffer
	marks   []mark
}

// templateNode is a text, or an action that writes something.
type templateNode struct {
	pos    int // in the template
	action string
}

// mark says that what is written from offset on comes from a node.
type mark struct{ offset, node int }

// limitError stops a template that goes too far.
type limitError string

func (e limitError) Error() string { return string(e) }

// missingError is for an action without a value.
type missingError struct{}

func (missingError) Error() string { return "no value" }

// The functions that the added nodes call. No template can name them, as they are not known when it is parsed.
const (
	stepFunc  = "_step"
	valueFunc = "_value"
	enterFunc = "_enter"
	leaveFunc = "_leave"
)

// render is the first step for templates.
func (r *reader) render(src []byte) ([]byte, *templatePlaces, bool) {
	run := &rendering{}
	t := template.New("flow").Option("missingkey=zero").Funcs(run.functions(r.opts))
	t, err := t.Parse(string(src))
	if err != nil {
		r.templateFault(src, run, err)
		return nil, nil, false
	}
	t.Funcs(template.FuncMap{stepFunc: run.step, valueFunc: run.value, enterFunc: run.enter, leaveFunc: run.leave})
	for _, each := range t.Templates() {
		if each.Tree != nil && each.Root != nil {
			run.watch(each.Root)
			if each.Name() != t.Name() {
				root := each.Root
				root.Nodes = append(append([]parse.Node{call(root.Pos, enterFunc)}, root.Nodes...), call(root.Pos, leaveFunc))
			}
		}
	}
	values := r.opts.Values
	if values == nil {
		values = map[string]any{}
	}
	if err := t.Execute(run, map[string]any{"Values": values}); err != nil {
		r.templateFault(src, run, err)
		return nil, nil, false
	}
	return run.out.Bytes(), &templatePlaces{r: r, run: run, template: newSource(src), rendered: newSource(run.out.Bytes())}, true
}

// watch puts nodes into a list that tell of those already there.
func (run *rendering) watch(list *parse.ListNode) {
	if list == nil {
		return
	}
	nodes := []parse.Node{run.stepBefore(list.Pos, -1)}
	for _, n := range list.Nodes {
		switch n := n.(type) {
		case *parse.TextNode:
			nodes = append(nodes, run.stepBefore(n.Pos, run.add(int(n.Pos), "")))
		case *parse.ActionNode:
			nodes = append(nodes, run.stepBefore(n.Pos, run.add(int(n.Pos), n.String())))
			if len(n.Pipe.Decl) == 0 {
				n.Pipe.Cmds = append(n.Pipe.Cmds, command(n.Pos, valueFunc))
			}
		case *parse.IfNode:
			run.watch(n.List)
			run.watch(n.ElseList)
		case *parse.RangeNode:
			run.watch(n.List)
			run.watch(n.ElseList)
		case *parse.WithNode:
			run.watch(n.List)
			run.watch(n.ElseList)
		}
		nodes = append(nodes, n)
	}
	list.Nodes = nodes
}

func (run *rendering) add(pos int, action string) int {
	run.nodes = append(run.nodes, templateNode{pos, action})
	return len(run.nodes) - 1
}

func (run *rendering) stepBefore(pos parse.Pos, node int) parse.Node {
	number := &parse.NumberNode{NodeType: parse.NodeNumber, Pos: pos, IsInt: true, Int64: int64(node), Text: strconv.Itoa(node)}
	return call(pos, stepFunc, number)
}

// call is an action that calls a function.
func call(pos parse.Pos, name string, args ...parse.Node) parse.Node {
	return &parse.ActionNode{NodeType: parse.NodeAction, Pos: pos, Pipe: &parse.PipeNode{
		NodeType: parse.NodePipe, Pos: pos, Cmds: []*parse.CommandNode{command(pos, name, args...)},
	}}
}

func command(pos parse.Pos, name string, args ...parse.Node) *parse.CommandNode {
	return &parse.CommandNode{NodeType: parse.NodeCommand, Pos: pos, Args: append([]parse.Node{parse.NewIdentifier(name).SetPos(pos)}, args...)}
}

func (run *rendering) step(node int) (string, error) {
	if run.steps++; run.steps > maxSteps {
		return "", limitError("the template does not come to an end")
	}
	if node >= 0 {
		run.current = node
		run.marks = append(run.marks, mark{run.out.Len(), node})
	}
	return "", nil
}

// value is what an action writes: it must have a value. Numbers of JSON are whole where they can be, and not 1e+06.
func (run *rendering) value(v any) (any, error) {
	switch v := v.(type) {
	case nil:
		return nil, missingError{}
	case float64:
		if v == float64(int64(v)) && v > -1e15 && v < 1e15 {
			return int64(v), nil
		}
	}
	return v, nil
}

func (run *rendering) enter() (string, error) {
	if run.depth++; run.depth > maxTemplating {
		return "", limitError(fmt.Sprintf("definitions are used within each other more than %d deep", maxTemplating))
	}
	return "", nil
}

func (run *rendering) leave() string {
	run.depth--
	return ""
}

// Write takes what the template writes.
func (run *rendering) Write(p []byte) (int, error) {
	if run.out.Len()+len(p) > maxBytes {
		return 0, limitError("the template renders more than 1 MiB")
	}
	return run.out.Write(p)
}

var (
	templateError = regexp.MustCompile(`^template: flow:(\d+)(?::(\d+))?: (?s:(.*))$`)
	executing     = regexp.MustCompile(`^executing ".*?" at <(?s:(.*))>: (?s:(.*?))$`)
	notDefined    = regexp.MustCompile(`^function "(\w+)" not defined$`)
	calling       = regexp.MustCompile(`^error calling (\w+): `)
	looksInto     = regexp.MustCompile(`^nil pointer evaluating `)
)

// templateFault says what is wrong with a template. What functions say is not shown, as it may hold values.
func (r *reader) templateFault(src []byte, run *rendering, err error) {
	at, what, expected, cure := Pos{}, err.Error(), "a Go template", ""
	if m := templateError.FindStringSubmatch(what); m != nil {
		at.Line, _ = strconv.Atoi(m[1])
		if column, err := strconv.Atoi(m[2]); err == nil {
			at.Column = column + 1
		}
		what = m[3]
	}
	place := ""
	if m := executing.FindStringSubmatch(what); m != nil {
		place, what = m[1], m[2]
	}
	var (
		limit    limitError
		missing  missingError
		told     toldError
		undef    = notDefined.FindStringSubmatch(what)
		function = calling.FindStringSubmatch(what)
	)
	here := func() {
		if run.current < len(run.nodes) {
			at = newSource(src).pos(run.nodes[run.current].pos)
		}
	}
	switch {
	case errors.As(err, &limit):
		what, expected = string(limit), "a flow"
	case errors.As(err, &missing):
		here()
		what, expected, cure = clip(run.nodes[run.current].action)+" has no value", "a value", "give it by --set or -f, or write `| default VALUE`"
	case errors.As(err, &told):
		what, expected = string(told), ""
	case undef != nil:
		what, expected, cure = r.undefined(undef[1])
	case looksInto.MatchString(what):
		what, expected, cure = clip(place)+" looks into a value that is not there", "a value", "give it by --set or -f"
	case function != nil:
		what, expected, cure = "calling "+function[1]+" failed", "arguments that it takes", "change what stands at "+clip(place)
	default:
		what = "not a template: " + clip(what)
	}
	r.fault(at, what, expected, cure)
}

func (r *reader) undefined(name string) (what, expected, cure string) {
	if name == "env" || name == "expandenv" {
		return name + " is not allowed", "values from --set and -f", "allow it by --allow-env, or write ${{ ENV.X }}"
	}
	expected = "a function of Sprig that gives the same every time, toYaml or required"
	if near := r.nearest(name, functionNames()); near != "" {
		cure = fmt.Sprintf("did you mean %q?", near)
	}
	return "unknown function " + name, expected, cure
}

// templatePlaces finds where in the template something comes from.
type templatePlaces struct {
	r                  *reader
	run                *rendering
	template, rendered *source
}

// of is the place in the template of a place in what it rendered: of the text itself, or of the action that wrote it.
func (p *templatePlaces) of(at Pos) Pos {
	offset, ok := p.rendered.offset(Pos{at.Line, max(at.Column, 1)})
	i := p.markAt(offset)
	if !ok || i < 0 {
		return at
	}
	m := p.run.marks[i]
	node := p.run.nodes[m.node]
	from := node.pos
	if node.action == "" {
		from += offset - m.offset
	}
	found := p.template.pos(from)
	if at.Column == 0 {
		found.Column = 0
	}
	return found
}

// markAt is the index of the mark that an offset in the rendered text belongs to; -1 if there is none.
func (p *templatePlaces) markAt(offset int) int {
	return sort.Search(len(p.run.marks), func(i int) bool { return p.run.marks[i].offset > offset }) - 1
}

// move gives all nodes their places in the template. Scalars that an action has a part in are shown as that action, as values may be secret.
func (p *templatePlaces) move(n *yaml.Node) {
	here := pos(n)
	if n.Kind == yaml.ScalarNode {
		if offset, ok := p.rendered.offset(here); ok {
			if action := p.actionIn(offset, offset+max(len(n.Value), 1)); action != "" {
				p.r.rendered[n] = action
			}
		}
	}
	there := p.of(here)
	n.Line, n.Column = there.Line, there.Column
	for _, child := range n.Content {
		p.move(child)
	}
}

// actionIn is an action that wrote a part of what lies between two offsets of the rendered text.
func (p *templatePlaces) actionIn(from, to int) string {
	for i := max(p.markAt(from), 0); i < len(p.run.marks) && p.run.marks[i].offset < to; i++ {
		node := p.run.nodes[p.run.marks[i].node]
		ends := p.run.out.Len()
		if i+1 < len(p.run.marks) {
			ends = p.run.marks[i+1].offset
		}
		if node.action != "" && ends > from {
			return node.action
		}
	}
	return ""
}

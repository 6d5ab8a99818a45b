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
	r := &reader{path: path, dir: filepath.Dir(path), opts: opts}
	f := r.flow(src)
	byPlace := func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	}
	if len(r.faults) > 0 {
		slices.SortStableFunc(r.faults, byPlace)
		return nil, r.faults
	}
	slices.SortStableFunc(r.warnings, byPlace)
	f.Warnings = r.warnings
	return f, nil
}

// reader collects what is wrong while it reads.
type reader struct {
	path     string
	dir      string
	opts     Options
	src      *source
	faults   Faults
	warnings Faults
	// edits are what Fix does beyond the faults.
	edits []Edit
}

// fault notes what is wrong. Its result is there to set Fix, at once.
func (r *reader) fault(at Pos, what, expected, cure string) *Fault {
	r.faults = append(r.faults, Fault{File: r.path, Line: at.Line, Column: at.Column, What: what, Expected: expected, Cure: cure})
	return &r.faults[len(r.faults)-1]
}

func (r *reader) warn(at Pos, what, cure string) {
	r.warnings = append(r.warnings, Fault{File: r.path, Line: at.Line, Column: at.Column, What: what, Cure: cure})
}

// flow reads the whole file. Its result counts only if no fault was found.
func (r *reader) flow(src []byte) *Flow {
	root := r.parse(src)
	if root == nil {
		return nil
	}
	if root.Kind != yaml.MappingNode {
		r.fault(pos(root), "the file is "+describe(root), "a map", "begin with `jtype: Flow`")
		return nil
	}
	if !r.isFlow(root) {
		return nil
	}

	var inherited with
	var withNode, gatewayNode, executorsNode, deploymentsNode raw
	r.section("a flow", root, section{
		"jtype":       checked{},
		"version":     version{},
		"with":        &withNode,
		"gateway":     &gatewayNode,
		"executors":   &executorsNode,
		"deployments": &deploymentsNode,
		"pods":        legacyPods{},
		"x_flow":      ownKeys{},
		"jcloud":      ignored{"JCloud is gone"},
	})
	if executorsNode.node != nil && deploymentsNode.node != nil {
		r.fault(pos(deploymentsNode.node), "both executors and deployments are given, the former on line "+
			fmt.Sprint(executorsNode.node.Line), "one of them", "move all entries under executors")
	}

	r.section("with", withNode.node, inherited.fields(), common)
	f := &Flow{Path: r.path, Name: inherited.name}
	r.gateway(&f.Gateway, gatewayNode.node, &inherited)
	r.executors(f, cmp.Or(executorsNode.node, deploymentsNode.node), &inherited)
	return f
}

// isFlow reports whether the file says that it is a Flow, by `jtype` or by its tag.
func (r *reader) isFlow(root *yaml.Node) bool {
	says, at := strings.TrimPrefix(root.Tag, "!"), pos(root)
	for key, value := range pairs(root) {
		if key.Value == "jtype" {
			says, at = value.Value, pos(value)
		}
	}
	switch says {
	case "Flow":
		return true
	case "!map":
		r.fault(at, "the file does not say what it is", "jtype: Flow", "write `jtype: Flow` as its first line")
	case "Deployment":
		r.fault(at, "jtype: Deployment is not supported yet", "jtype: Flow",
			"write `jtype: Flow` and the deployment's arguments as the one entry of executors")
	default:
		r.fault(at, fmt.Sprintf("jtype is %q", clip(says)), "Flow", "write `jtype: Flow`")
	}
	return false
}

func (r *reader) gateway(into *Gateway, n *yaml.Node, with *with) {
	g := &door{}
	if n != nil {
		g.Pos = pos(n)
	}
	r.section("gateway", n, g.fields(), common)
	inherit(&g.port, with.port, 8080)
	g.Doors = Field[[]Door]{[]Door{{GRPC, g.port.Value}}, g.port.Pos}
	inherit(&g.Prefetch, with.prefetch, 1000)
	inherit(&g.Replicas, with.replicas, 1)
	inherit(&g.Retries, with.retries, -1)
	inherit(&g.TimeoutSend, with.timeoutSend, 0)
	inherit(&g.TimeoutReady, with.timeoutReady, defaultTimeoutReady)
	inheritEnv(&g.Env, with.env)
	*into = g.Gateway
}

func (r *reader) executors(f *Flow, list *yaml.Node, with *with) {
	if list == nil || list.Kind == yaml.SequenceNode && len(list.Content) == 0 {
		r.warn(Pos{1, 1}, "the flow has no executors: it answers with what it is sent", "")
		return
	}
	if list.Kind != yaml.SequenceNode {
		r.fault(pos(list), "executors is "+describe(list), "a list", "begin each executor with `- name:`")
		return
	}
	entries := make([]*entry, len(list.Content))
	for i, n := range list.Content {
		entries[i] = r.entry(n, i, with)
	}
	r.graph(entries)
	for _, e := range entries {
		f.Executors = append(f.Executors, e.Executor)
	}
}

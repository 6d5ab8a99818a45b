package flow

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxDeploymentBytes bounds all files of Deployments that a flow names together.
const maxDeploymentBytes = 16 << 20

// isDeployment reports whether an entry is a Deployment, by `jtype` or by its tag.
func isDeployment(n *yaml.Node) bool {
	return n.Kind == yaml.MappingNode && jtype(n) == "Deployment"
}

// jtype is what a map says it is: "" if nothing.
func jtype(n *yaml.Node) string {
	if n.Tag != "!!map" {
		return strings.TrimPrefix(n.Tag, "!")
	}
	for key, value := range pairs(n) {
		if key.Value == "jtype" {
			return value.Value
		}
	}
	return ""
}

// deploymentTable is a Deployment within a flow or in a file of its own.
type deploymentParts struct {
	with, needs raw
	own         Own
}

var deploymentTable = newTable("a deployment", []field[deploymentParts]{
	{name: "jtype", whole: true, reads: func(*deploymentParts) target { return harmless{} }},
	{name: "version", whole: true, reads: func(*deploymentParts) target { return version{} }},
	{name: "with", whole: true, reads: func(d *deploymentParts) target { return &d.with }},
	{name: "needs", whole: true, reads: func(d *deploymentParts) target { return &d.needs }},
	{name: "x_flow", whole: true, reads: func(d *deploymentParts) target { return ownKeys{&d.own} }},
	{name: "jcloud", whole: true, noEffect: noJCloud},
})

// deployment reads a Deployment into an entry. It inherits nothing but variables, as in Jina.
func (r *reader) deployment(e *entry, n *yaml.Node) {
	var d deploymentParts
	deploymentTable.read(r, &d, n, nil, nil, executorTable.sectionNames("under `with`"))
	r.deploymentWith(e, d, d.with.node)
}

func (r *reader) deploymentWith(e *entry, d deploymentParts, with *yaml.Node) {
	if !r.isMap("with", with) {
		with = nil
	}
	says := executorTable.read(r, e, with, nil, nil, gatewayTable.sectionNames("under `gateway`, in a flow"))
	e.Name.Value = strings.ReplaceAll(e.Name.Value, "-", "_") // Jina lets it be any text; Kubernetes sees a hyphen anyway
	if d.needs.node != nil {
		e.needs = d.needs
	}
	if d.own.Set() {
		if e.Own.Set() {
			r.fault(d.own.Pos, fmt.Sprintf("a deployment has two x-flow, the other on line %d", e.Own.Pos.Line), "one of them", "move all of it into one")
		}
		e.Own = d.own
	}
	r.resolve(e, says)
}

// deploymentFile reads the Deployment in the file that an entry names. What it says has the place of that entry, but for faults, which name the
// file.
func (r *reader) deploymentFile(e *entry, n *yaml.Node) {
	name := n.Value
	full := name
	if !filepath.IsAbs(full) {
		full = filepath.Join(r.dir, name)
	}
	src, err := r.readRegular(full)
	if err != nil {
		r.fault(pos(n), "the executor is "+r.show(n, name)+": "+reason(err), "the file of a Deployment, relative to "+r.path,
			"check the path, or begin the executor with `- name:`")
		return
	}
	sub := newReader(full, r.opts)
	if !filepath.IsAbs(name) {
		sub.path = filepath.Join(filepath.Dir(r.path), name)
	}
	if root := sub.load(src); root != nil && root.Kind == yaml.MappingNode {
		if says := jtype(root); says == "Deployment" {
			sub.deployment(e, root)
		} else {
			sub.fault(pos(root), fmt.Sprintf("jtype is %q", clip(says)), "Deployment", "write `jtype: Deployment`, and the arguments under `with:`")
		}
	} else if root != nil {
		sub.fault(pos(root), "the file is "+sub.describe(root), "a map", "begin with `jtype: Deployment`")
	}
	sub.warnOfIgnored()
	r.faults = append(r.faults, sub.faults...)
	r.warnings = append(r.warnings, sub.warnings...)
	relocate(reflect.ValueOf(&e.Executor).Elem(), pos(n))
	if e.needs.node != nil { // the graph is a matter of the flow
		e.needs.node = r.moved(e.needs.node, n)
	}
}

// readRegular reads a file that is a file.
func (r *reader) readRegular(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a file")
	}
	src, err := readAtMost(path, maxBytes+1)
	if r.deploymentBytes += len(src); r.deploymentBytes > maxDeploymentBytes {
		return nil, fmt.Errorf("the files of this flow's deployments are larger than %d MiB in all", maxDeploymentBytes>>20)
	}
	return src, err
}

// relocate gives all that was read from another file one place.
func relocate(v reflect.Value, at Pos) {
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[Pos]() {
			if !v.IsZero() {
				v.Set(reflect.ValueOf(at))
			}
			return
		}
		if v.Type() == reflect.TypeFor[Own]() {
			own := v.Addr().Interface().(*Own)
			relocate(reflect.ValueOf(&own.Field).Elem(), at)
			own.places = nil
			return
		}
		for i := range v.NumField() {
			relocate(v.Field(i), at)
		}
	case reflect.Pointer:
		if !v.IsNil() {
			relocate(v.Elem(), at)
		}
	case reflect.Map:
		if v.Type() == reflect.TypeFor[map[string]Field[any]]() {
			args := v.Interface().(map[string]Field[any])
			for name, arg := range args {
				args[name] = Field[any]{arg.Value, at}
			}
		}
	}
}

// moved is a copy of a tree of texts that stands where n stands.
func (r *reader) moved(tree, n *yaml.Node) *yaml.Node {
	copied := *tree
	copied.Line, copied.Column, copied.Content = n.Line, n.Column, nil
	for _, item := range tree.Content {
		copied.Content = append(copied.Content, r.moved(item, n))
	}
	return &copied
}

// loneDeployment reads a file of one Deployment as a flow of one executor: the gateway in front of it speaks its protocols on its ports.
func (r *reader) loneDeployment(f *Flow, root *yaml.Node) {
	var d deploymentParts
	deploymentTable.read(r, &d, root, nil, nil, executorTable.sectionNames("under `with`"), gatewayTable.sectionNames("under `with`"))
	if !r.isMap("with", d.with.node) {
		d.with.node = nil
	}
	r.gateway(&f.Gateway, nil, &with{node: d.with.node}, func(name string) bool { return slices.Contains(fromDeploymentForDoor, name) })

	e := &entry{Executor: Executor{Pos: pos(root)}}
	e.Name.Value = "executor"
	var arguments *yaml.Node
	if d.with.node != nil {
		e.Pos = pos(d.with.node)
		copied := *d.with.node
		copied.Content = nil
		for key, value := range pairs(d.with.node) {
			if key.Value == "needs" {
				r.ignore(key, "needs", alone)
			} else if !atDoorAlone(key.Value) {
				copied.Content = append(copied.Content, key, value)
			}
		}
		arguments = &copied
	}
	if d.needs.node != nil {
		r.ignore(d.needs.key, "needs", alone)
		d.needs = raw{}
	}
	f.Own, d.own = d.own, Own{}
	r.deploymentWith(e, d, arguments)
	orElse(&e.Replicas, 1)
	orElse(&e.Shards, 1)
	orElse(&e.TimeoutReady, defaultTimeoutReady)
	r.finish(f, []*entry{e})
}

const alone = "a deployment alone needs nobody"

// atDoorAlone reports whether a key of a lone Deployment is the gateway's and not the executor's.
func atDoorAlone(key string) bool {
	g, _ := gatewayTable.find(key)
	if g < 0 || !slices.Contains(fromDeploymentForDoor, gatewayTable.fields[g].name) {
		return false
	}
	switch gatewayTable.fields[g].name {
	case "port", "protocol":
		return true
	}
	e, _ := executorTable.find(key)
	return e < 0 || executorTable.fields[e].noEffect != ""
}

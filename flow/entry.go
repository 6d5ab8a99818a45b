package flow

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// entry reads the executor that stands at index in the list: its arguments, a Deployment with them, or the path of a file with one.
func (r *reader) entry(n *yaml.Node, index int, with *with) *entry {
	e := &entry{Executor: Executor{Pos: pos(n)}}
	e.Name.Value = fmt.Sprintf("executor%d", index)
	switch {
	case isDeployment(n):
		r.deployment(e, n)
	case n.Kind == yaml.ScalarNode && !isEmpty(n):
		if !r.unresolved[n] {
			r.deploymentFile(e, n)
		}
	case n.Kind != yaml.MappingNode:
		r.fault(e.Pos, "an executor is "+r.describe(n), "a map", "begin it with `- name:`")
	case jtype(n) != "" && n.Tag == "!!map":
		r.fault(e.Pos, fmt.Sprintf("an executor is of the type %q", clip(jtype(n))), "Deployment, or the executor's fields alone",
			"write the fields without `jtype` and `with`; a class stands in `uses`")
	default:
		says := executorTable.read(r, e, n, with.node, executorInherits, gatewayTable.sectionNames("under `with` or `gateway`"))
		r.resolve(e, says)
	}
	inheritEnv(&e.Env, with.env)
	orElse(&e.Replicas, 1)
	orElse(&e.Shards, 1)
	orElse(&e.TimeoutReady, defaultTimeoutReady)
	return e
}

// resolve understands the fields of an entry that hang together.
func (r *reader) resolve(e *entry, says said) {
	r.joiner(e)
	r.gRPCOnly(e)
	if e.External.Value {
		r.external(e, says)
		return
	}
	r.runs(e, says)
	const why = "it is for external executors"
	if e.host.node != nil {
		r.decline(says, "host", e.host.pos(), why)
	}
	if e.tls.Set() {
		r.decline(says, "tls", e.tls.Pos, why)
	}
	if e.port.node != nil {
		r.decline(says, "port", e.port.pos(), "executors of a flow are called on ports that nobody needs to know")
	}
}

// runs understands the fields of an executor that runs in this flow.
func (r *reader) runs(e *entry, says said) {
	owner := e.Name.Value
	e.Uses = Uses{Kind: Builtin, Name: Echo}
	if e.uses.node != nil {
		e.Uses = r.uses(usesOf{node: e.uses.node, key: "uses", owner: owner, process: &e.Process, executor: true})
	}
	if e.Uses.Kind == Builtin {
		const why = "the executor is built in, not Python"
		r.dropArgs(&e.Process, says, why)
		if e.PyModules.Set() {
			r.decline(says, "py_modules", e.PyModules.Pos, why)
			e.PyModules = Field[[]string]{}
		}
		if e.Workspace.Set() {
			r.decline(says, "workspace", e.Workspace.Pos, "built-in executors keep no state")
			e.Workspace = Field[string]{}
		}
	}
	if e.Workspace.Set() {
		r.workspace(e)
	}
	if _, stateful := e.Args["stateful"]; stateful {
		r.warn(e.Args["stateful"].Pos, "the replicas of a stateful executor do not find each other in a cluster", "keep replicas at 1, or state elsewhere")
	}
	r.stages(e, says)
}

// stages are polling, and what stands before and after shards.
func (r *reader) stages(e *entry, says said) {
	if e.Shards.Value < 2 {
		const why = "it is for executors with shards"
		for _, field := range []struct {
			name string
			raw
		}{{"polling", e.polling}, {"uses_before", e.usesBefore}, {"uses_after", e.usesAfter}} {
			if field.node != nil && (field.name != "polling" || !strings.EqualFold(field.node.Value, "any")) {
				r.decline(says, field.name, field.pos(), why)
			}
		}
		return
	}
	if e.polling.node != nil {
		r.polling(e)
	}
	for _, stage := range []struct {
		from raw
		into **Uses
	}{{e.usesBefore, &e.UsesBefore}, {e.usesAfter, &e.UsesAfter}} {
		if stage.from.node != nil {
			uses := r.uses(usesOf{node: stage.from.node, key: stage.from.key.Value, owner: e.Name.Value, process: &e.Process, executor: true})
			*stage.into = &uses
		}
	}
}

// workspace is a folder in the container; for Python source, on this machine.
func (r *reader) workspace(e *entry) {
	folder := e.Workspace.Value
	switch {
	case path.IsAbs(folder):
		e.Workspace.Value = path.Clean(folder)
	case e.Uses.Kind == Python:
		full, err := filepath.Abs(filepath.Join(r.dir, folder))
		if err != nil {
			r.fault(e.Workspace.Pos, "workspace cannot be made absolute: "+reason(err), "a folder", "write an absolute path")
			return
		}
		e.Workspace.Value = full
	default:
		e.Workspace.Value = path.Join("/", folder)
		r.warn(e.Workspace.Pos, "the workspace becomes "+clip(e.Workspace.Value)+" in the container: a path there begins with /", "write it so")
	}
	if e.Workspace.Value == "/" {
		r.fault(e.Workspace.Pos, "the workspace is the root of the container", "a folder of its own", "write for example `workspace: /workspace`")
	}
}

// joiner is `method`.
func (r *reader) joiner(e *entry) {
	if e.method.node == nil {
		return
	}
	switch method, ok := r.text(e.method.key, e.method.node); {
	case !ok || method == "add":
	case method == "needs":
		if !e.Name.Set() {
			e.Name.Value = "joiner"
		}
		if needs := e.needs.node; needs == nil || needs.Kind == yaml.SequenceNode && len(needs.Content) < 2 || needs.Kind == yaml.ScalarNode {
			r.fault(e.method.pos(), "a joiner does not join", "needs of at least two executors", "write `needs: [a, b]`, or remove `method`")
		}
	case method == "inspect":
		r.fault(e.method.pos(), "method: inspect is not known here", "add or needs",
			"write `floating: true` and `needs:` with the executor to look at, and the name of that one in the `needs` of the next")
	default:
		r.fault(e.method.pos(), "method is "+r.describe(e.method.node), "add or needs", "write `needs:` with the executors to join, and no method")
	}
}

// gRPCOnly refuses executors that a gateway cannot call.
func (r *reader) gRPCOnly(e *entry) {
	if e.protocol.node == nil {
		return
	}
	list, ok := r.protocols(e.protocol)
	switch {
	case !ok:
	case !slices.Contains(list, GRPC):
		r.fault(pos(e.protocol.node), e.Name.Value+" speaks "+strings.Join(list, ", "), "grpc, by which gateways call executors", "write `protocol: grpc`, or leave it out")
	case len(list) > 1:
		r.warn(pos(e.protocol.node), "of the protocols only grpc has an effect: clients speak the others with the gateway", "")
	}
}

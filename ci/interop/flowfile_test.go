package interop

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	language "github.com/helm-flow/helm-flow/flow"
)

// The folders of flows that Jina and package flow read side by side.
var flowFolders = []string{"internal/chart/testdata/flows", "flow/testdata/good"}

// refusedByJina are flows that Jina's Flow.load_config does not take, with a part of what it says and the reason.
var refusedByJina = map[string]struct{ says, why string }{
	"retyping-dates.yml":     {"date is not JSON serializable", "dates stay texts here; Jina reads them as dates, which it cannot pass on"},
	"executor-protocols.yml": {"'list' object has no attribute 'lower'", "the protocols beside gRPC have no effect here; Jina does not know what to make of a list"},
	"external-replicas.yml":  {"list index out of range", "replicas of an external executor have no effect here; Jina looks for ports of theirs"},
}

// Jina and package flow make the same of a flow.yml, but for what is meant to differ.
func TestFlowFiles(t *testing.T) {
	jina, files := loadByJina(t)
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			facts := jina[file]
			if refused, ok := refusedByJina[name]; ok {
				if says, _ := facts["error"].(string); !strings.Contains(says, refused.says) {
					t.Errorf("Jina: %q; expected %q, and that we read it, because %s", says, refused.says, refused.why)
				}
				readFlowFile(t, file)
				return
			}
			if says, failed := facts["error"]; failed {
				t.Fatalf("Jina: %v", says)
			}
			var ours map[string]any
			text := mustJSON(t, flowFacts(readFlowFile(t, file), facts))
			// We make paths of files absolute.
			text = strings.ReplaceAll(text, filepath.Dir(absolute(t, file))+"/", "")
			if err := json.Unmarshal([]byte(text), &ours); err != nil {
				t.Fatal(err)
			}
			meant := slices.DeleteFunc(slices.Clone(flowDifferences), func(d deliberate) bool { return d.flow != name })
			compare(t, meant, any(facts), any(ours))
		})
	}
}

// loadByJina gives what one process of Jina says of all flows, by their paths from here.
func loadByJina(t *testing.T) (facts map[string]map[string]any, files []string) {
	t.Helper()
	var args []string
	for _, folder := range flowFolders {
		found, err := filepath.Glob(filepath.Join(repository, folder, "*.yml"))
		if err != nil || len(found) == 0 {
			t.Fatalf("no flows in %s: %v", folder, err)
		}
		files = append(files, found...)
	}
	for _, file := range files {
		args = append(args, absolute(t, file))
	}
	var byPath map[string]map[string]any
	if err := json.Unmarshal(runPython(t, "v1", "load_flows.py", args...), &byPath); err != nil {
		t.Fatal(err)
	}
	facts = make(map[string]map[string]any, len(files))
	for i, file := range files {
		facts[file] = byPath[args[i]]
	}
	return facts, files
}

func absolute(t *testing.T, file string) string {
	t.Helper()
	full, err := filepath.Abs(file)
	if err != nil {
		t.Fatal(err)
	}
	return full
}

// readFlowFile reads a flow with what its comments say: `# env: NAME=VALUE` and its like.
func readFlowFile(t *testing.T, file string) *language.Flow {
	t.Helper()
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{}
	opts := language.Options{
		LookupEnv: func(name string) (string, bool) { value, ok := env[name]; return value, ok },
		Context:   map[string]string{}, Hub: language.HubMap{Images: map[string]string{}},
	}
	for line := range strings.Lines(string(src)) {
		word, rest, _ := strings.Cut(strings.TrimRight(line, "\r\n"), ": ")
		key, value, _ := strings.Cut(rest, "=")
		switch word {
		case "# env":
			env[key] = value
		case "# context":
			opts.Context[key] = value
		case "# hub":
			opts.Hub.Images[key] = value
		case "# hub-template":
			opts.Hub.Template = rest
		case "# lenient":
			opts.Lenient = true
		}
	}
	f, err := language.ReadFile(file, opts)
	if faults, ok := errors.AsType[language.Faults](err); ok {
		t.Fatalf("we refuse it:\n%v", faults)
	}
	return f
}

// flowFacts are the facts that load_flows.py gives. What Jina says of a Deployment alone is less.
func flowFacts(f *language.Flow, jina map[string]any) map[string]any {
	executors := []any{}
	for i := range f.Executors {
		executors = append(executors, executorFacts(&f.Executors[i]))
	}
	facts := map[string]any{"name": said(f.Name), "executors": executors}
	ports, protocols := []int{}, []string{}
	for _, door := range f.Gateway.Doors.Value {
		ports, protocols = append(ports, door.Port), append(protocols, door.Protocol)
	}
	if _, alone := jina["deployment_ports"]; alone {
		facts["deployment_ports"], facts["deployment_protocols"] = ports, protocols
		return facts
	}
	g := &f.Gateway
	facts["expose_endpoints"] = said(g.ExposeEndpoints)
	gateway := processFacts(&g.Process, g.Uses)
	facts["gateway"] = gateway
	merge(gateway, map[string]any{
		"protocols": protocols, "ports": ports, "prefetch": g.Prefetch.Value, "title": said(g.Title), "description": said(g.Description), "cors": g.CORS.Value,
		"no_debug_endpoints": g.NoDebugEndpoints.Value, "no_crud_endpoints": g.NoCRUDEndpoints.Value,
		"ssl_certfile": said(g.CertFile), "ssl_keyfile": said(g.KeyFile), "uvicorn_kwargs": argument(&g.Process, "uvicorn_kwargs"),
	})
	if jinas, _ := jina["gateway"].(map[string]any); jinas["ports"] == nil {
		gateway["ports"] = nil // which are then Jina's at random, and ours 8080 and on
	}
	return facts
}

func executorFacts(e *language.Executor) map[string]any {
	facts := processFacts(&e.Process, e.Uses)
	needs := slices.Sorted(slices.Values(e.Needs.Value))
	volumes := []string{}
	for _, v := range e.Volumes.Value {
		volumes = append(volumes, strings.TrimPrefix(v.Source+":"+v.MountPath, ":"))
	}
	merge(facts, map[string]any{
		"name": e.Name.Value, "needs": needs, "floating": e.Floating.Value, "when": said(e.When), "no_reduce": e.NoReduce.Value,
		"grpc_metadata": orEmpty(e.Metadata.Value), "shards": e.Shards.Value, "polling": orEmpty(e.Polling.Value), "external": e.External.Value,
		"uses_before": stage(e.UsesBefore), "uses_after": stage(e.UsesAfter), "volumes": nilIfEmpty(volumes), "gpus": gpus(e.GPUs),
	})
	for _, name := range []string{"uses_metas", "uses_requests", "uses_dynamic_batching", "output_array_type", "exit_on_exceptions", "raft_configuration"} {
		facts[name] = argument(&e.Process, name)
	}
	for _, name := range []string{"allow_concurrent", "stateful"} {
		facts[name] = argument(&e.Process, name) == true
	}
	if e.External.Value {
		facts["replicas"] = nil // they are the addresses
		facts["addresses"] = e.Addresses
	}
	return facts
}

// processFacts are in Jina's words.
func processFacts(p *language.Process, uses language.Uses) map[string]any {
	secrets := map[string]any{}
	for name, key := range p.EnvFromSecret.Value {
		secrets[name] = map[string]any{"name": key.Name, "key": key.Key}
	}
	words := map[string]any{"none": nil, "gzip": "Gzip", "deflate": "Deflate"}
	return map[string]any{
		"replicas": p.Replicas.Value, "timeout_ready": p.TimeoutReady.Value, "timeout_send": said(p.TimeoutSend), "retries": p.Retries.Value,
		"compression": words[p.Compression.Value], "monitoring": p.Monitoring.Value, "tracing": exporter(p.Traces), "metrics": exporter(p.Metrics),
		"env": orEmpty(p.Env.Value), "env_from_secret": nilIfEmpty(secrets), "image_pull_secrets": said(p.ImagePullSecrets), "uses_with": said(p.UsesWith),
		"py_modules": said(p.PyModules), "grpc_server_options": argument(p, "grpc_server_options"), "grpc_channel_options": argument(p, "grpc_channel_options"),
		"uses": stage(&uses),
	}
}

func said[T any](f language.Field[T]) any {
	if !f.Set() {
		return nil
	}
	return f.Value
}

func argument(p *language.Process, name string) any { return p.Args[name].Value }

func exporter(e language.Exporter) []any { return []any{e.Enabled.Value, said(e.Host), said(e.Port)} }

// stage is what a uses was written as.
func stage(u *language.Uses) any {
	switch {
	case u == nil:
		return nil
	case u.Kind == language.Image:
		return "docker://" + u.Name
	case u.Name == language.Echo:
		return "BaseExecutor"
	case u.Name == "":
		return nil
	}
	return u.Name
}

func gpus(g language.Field[language.GPUs]) any {
	switch {
	case !g.Set():
		return nil
	case g.Value.All:
		return "all"
	case g.Value.Resources != nil:
		return g.Value.Resources
	}
	return g.Value.Count
}

func orEmpty[V any](m map[string]V) map[string]V {
	if m == nil {
		return map[string]V{}
	}
	return m
}

func nilIfEmpty(v any) any {
	if reflect.ValueOf(v).Len() == 0 {
		return nil
	}
	return v
}

func merge(into, from map[string]any) {
	for name, value := range from {
		into[name] = value
	}
}

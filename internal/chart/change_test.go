package chart

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	helmvalues "helm.sh/helm/v3/pkg/cli/values"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	helmchart "helm.sh/helm/v3/pkg/chart"
)

// A change rolls the pods that it is about, and no others.
func TestWhatRolls(t *testing.T) {
	const before = "executors.a.uses=echo,executors.b.uses=echo,executors.b.needs={a}," +
		"executors.c.runtime=jina,executors.c.image.repository=me/c,executors.c.needs={b}"
	for _, test := range []struct {
		name, set string
		chart     func(*helmchart.Chart)
		want      string
	}{
		{name: "nothing", want: ""},
		{name: "new version of the chart", chart: func(c *helmchart.Chart) { c.Metadata.Version = "9.9.9" }, want: ""},
		// What the gateway reads itself, while it runs.
		{name: "prefetch", set: "gateway.prefetch=5", want: ""},
		{name: "retries", set: "gateway.retries=5", want: ""},
		{name: "timeout", set: "gateway.timeoutSend=45000", want: ""},
		{name: "timeout of one executor", set: "executors.a.timeoutSend=100", want: ""},
		{name: "compression", set: "gateway.compression=gzip", want: ""},
		{name: "graph", set: "executors.c.needs={a,b}", want: ""},
		{name: "condition", set: "executors.c.when.tags__a.$eq=1", want: ""},
		{name: "metadata", set: "executors.c.metadata.k=v", want: ""},
		{name: "executor that comes", set: "executors.d.needs={c}", want: "d"},
		{name: "executor that goes", set: "executors.c=null", want: ""},
		{name: "canary that comes", set: "executors.b.canary.weight=10", want: "b/canary"},
		{name: "what HTTP offers", set: "gateway.http.title=T", want: ""},
		// What Kubernetes changes without new pods.
		{name: "port of the gateway's Service", set: "gateway.ports.grpc=80", want: ""},
		{name: "replicas", set: "gateway.replicas=2,executors.a.replicas=2", want: ""},
		{name: "autoscaling", set: "executors.a.autoscaling.provider=hpa,executors.a.autoscaling.maxReplicas=3", want: ""},
		{name: "network policy", set: "networkPolicy.enabled=true", want: ""},
		{name: "policy of the mesh", set: "mesh.policy=audit", want: ""},
		{name: "breaker of the mesh", set: "mesh.linkerd.breaker.mode=consecutive", want: ""},
		{name: "label of objects", set: "executors.a.serviceAnnotations.k=v", want: ""},
		// What takes new pods, takes no others.
		{name: "timeout beyond the time to stop", set: "gateway.timeoutSend=60000", want: "a b c gateway"},
		{name: "timeout of one executor beyond the time to stop", set: "executors.a.timeoutSend=60000", want: "a"},
		{name: "door that comes", set: "gateway.ports.http=80", want: "gateway"},
		{name: "parameters of a Go executor", set: "executors.a.usesWith.k=1", want: "a"},
		{name: "parameters of a Python executor", set: "executors.c.usesWith.k=1", want: "c"},
		{name: "environment", set: "executors.b.env.A=b", want: "b"},
		{name: "image of one", set: "executors.b.image.tag=v2", want: "b"},
		{name: "image of Go executors", set: "executorDefaults.image.tag=v2", want: "a b"},
		{name: "monitoring of a Python executor", set: "monitoring.enabled=true", want: "c"},
		{name: "label of all", set: "commonLabels.team=search", want: "a b c gateway"},
		{name: "mesh", set: "mesh.provider=none", want: "a b c gateway"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := Embedded()
			if err != nil {
				t.Fatal(err)
			}
			old := pods(t, c, before)
			if test.chart != nil {
				test.chart(c)
			}
			var rolled []string
			for node, pod := range pods(t, c, before, test.set) {
				if !reflect.DeepEqual(pod, old[node]) {
					rolled = append(rolled, node)
				}
			}
			slices.Sort(rolled)
			if got := strings.Join(rolled, " "); got != test.want {
				t.Errorf("rolls %q, want %q", got, test.want)
			}
		})
	}
}

// pods are the pod templates by the flow's names; those of a node's parts by node/part.
func pods(t *testing.T, c *helmchart.Chart, set ...string) map[string]corev1.PodTemplateSpec {
	t.Helper()
	values, err := Merge(nil, helmvalues.Options{Values: set})
	if err != nil {
		t.Fatal(err)
	}
	manifests, err := Render(Options{Chart: c, Release: "demo", Values: values})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]corev1.PodTemplateSpec{}
	for _, m := range manifests {
		if d, ok := typed(t, m).(*appsv1.Deployment); ok {
			name := d.Spec.Template.Annotations["helm-flow.github.io/node"]
			if _, part, _ := strings.Cut(d.Name, "demo-"+name+"-"); part != "" {
				name += "/" + part
			}
			all[name] = d.Spec.Template
		}
	}
	return all
}

// What a release says never changes what another says: the chart's own values hold nothing.
func TestNoActiveDefaults(t *testing.T) {
	c, err := Embedded()
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Values) > 0 {
		t.Errorf("values.yaml sets %v; defaults belong into the templates", c.Values)
	}
}

func TestKubeVersions(t *testing.T) {
	for version, want := range map[string]string{"1.25": "", "1.29.3": "", "1.30.0-eks-1": "sleep", "1.37": "sleep"} {
		manifests, err := Render(Options{Release: "demo", KubeVersion: version})
		if err != nil {
			t.Errorf("%s: %v", version, err)
			continue
		}
		for _, m := range manifests {
			d, ok := typed(t, m).(*appsv1.Deployment)
			if sleeps := ok && d.Spec.Template.Spec.Containers[0].Lifecycle != nil; ok && sleeps != (want == "sleep") {
				t.Errorf("%s: %s has a preStop sleep: %v", version, d.Name, sleeps)
			}
		}
	}
	for version, want := range map[string]string{"1.24.9": "needs Kubernetes >=1.25.0-0", "new": `version "new" of Kubernetes`} {
		if _, err := Render(Options{Release: "demo", KubeVersion: version}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", version, err, want)
		}
	}
}

func TestReleaseNames(t *testing.T) {
	for release, want := range map[string]string{
		"demo":           "demo-gateway",
		"team.search":    "team-search-gateway",
		"2nd":            "flow-2nd-gateway",
		"on":             "on-gateway",
		"Demo":           "",
		"":               "",
		"with_underline": "",
	} {
		manifests, err := Render(Options{Release: release})
		if want == "" {
			if err == nil || !strings.Contains(err.Error(), "release name") {
				t.Errorf("release %q: error %v, want one about the name", release, err)
			}
			continue
		}
		found := slices.ContainsFunc(manifests, func(m Manifest) bool {
			s, ok := typed(t, m).(*corev1.Service)
			return ok && s.Name == want && s.Spec.Selector["app.kubernetes.io/instance"] == release
		})
		if err != nil || !found {
			t.Errorf("release %q: no Service %s, error %v", release, want, err)
		}
	}
}

// The user wins over the flow, as if the flow had been the first -f.
func TestMerge(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for file, text := range map[string]string{
		"one.yaml": "gateway: {prefetch: 2}\nexecutors: {a: {env: {A: one}}}\n",
		"two.yaml": "gateway: {prefetch: 3}\n",
		"text.txt": "from a file",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	fromFlow := func() map[string]any {
		return map[string]any{
			"gateway":   map[string]any{"prefetch": 1, "ports": map[string]any{"grpc": 80.0}},
			"executors": map[string]any{"a": map[string]any{"needs": []any{"gateway", "b"}}, "b": map[string]any{}},
		}
	}
	for _, test := range []struct {
		name string
		user helmvalues.Options
		path string
		want any
	}{
		{"the flow's", helmvalues.Options{}, "gateway.prefetch", 1.0},
		{"-f", helmvalues.Options{ValueFiles: []string{"one.yaml"}}, "gateway.prefetch", 2.0},
		{"the last -f", helmvalues.Options{ValueFiles: []string{"one.yaml", "two.yaml"}}, "gateway.prefetch", 3.0},
		{"--set over -f", helmvalues.Options{ValueFiles: []string{"one.yaml"}, Values: []string{"gateway.prefetch=4"}}, "gateway.prefetch", int64(4)},
		{"maps are merged", helmvalues.Options{ValueFiles: []string{"one.yaml"}}, "gateway.ports.grpc", 80.0},
		{"--set of one item", helmvalues.Options{Values: []string{"executors.a.needs[1]=c"}}, "executors.a.needs", []any{"gateway", "c"}},
		{"--set null", helmvalues.Options{Values: []string{"executors.b=null"}}, "executors.b", nil},
		{"--set-string", helmvalues.Options{StringValues: []string{"gateway.env.A=1"}}, "gateway.env.A", "1"},
		{"--set-file", helmvalues.Options{FileValues: []string{"gateway.env.A=text.txt"}}, "gateway.env.A", "from a file"},
		{"--set-json", helmvalues.Options{JSONValues: []string{`gateway.env={"A":"j"}`}}, "gateway.env.A", "j"},
		{"--set-literal", helmvalues.Options{LiteralValues: []string{"gateway.env.A=a,b"}}, "gateway.env.A", "a,b"},
	} {
		t.Run(test.name, func(t *testing.T) {
			merged, err := Merge(fromFlow(), test.user)
			if err != nil {
				t.Fatal(err)
			}
			var got any = merged
			for key := range strings.SplitSeq(test.path, ".") {
				got = got.(map[string]any)[key]
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("%s is %#v, want %#v", test.path, got, test.want)
			}
		})
	}
	for _, user := range []helmvalues.Options{
		{ValueFiles: []string{"nowhere.yaml"}}, {ValueFiles: []string{"text.txt"}}, {Values: []string{"a=b,c"}},
	} {
		if merged, err := Merge(fromFlow(), user); err == nil {
			t.Errorf("%+v gives %v, want an error", user, merged)
		}
	}
}

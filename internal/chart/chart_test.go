package chart

import (
	"bytes"
	"errors"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	helmvalues "helm.sh/helm/v3/pkg/cli/values"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/helm-flow/helm-flow/flow"
	"github.com/helm-flow/helm-flow/internal/config"
	"github.com/helm-flow/helm-flow/internal/values"
)

var update = flag.Bool("update", false, "write the golden files anew")

// testCase is a folder with what goes in, flow.yml or values.yaml, and what must come out: values.golden.yaml of a flow,
// and manifests.golden.yaml.
type testCase struct {
	name, input, golden string
}

// flows are those of testdata/flows, in the shapes that people write, each with a folder for its golden files.
func flows(t *testing.T) []testCase {
	t.Helper()
	inputs, err := filepath.Glob("testdata/flows/*.yml")
	if err != nil || len(inputs) == 0 {
		t.Fatalf("no flows: %v", err)
	}
	var all []testCase
	for _, input := range inputs {
		all = append(all, testCase{"flow " + strings.TrimSuffix(filepath.Base(input), ".yml"), input, strings.TrimSuffix(input, ".yml")})
	}
	return all
}

// cases are the folders of testdata/cases, and the flows of examples.
func cases(t *testing.T) []testCase {
	t.Helper()
	var all []testCase
	for _, pattern := range []string{"testdata/cases/*/flow.yml", "testdata/cases/*/values.yaml", "../../examples/*/flow.yml"} {
		inputs, err := filepath.Glob(pattern)
		if err != nil || len(inputs) == 0 {
			t.Fatalf("%s: no cases: %v", pattern, err)
		}
		for _, input := range inputs {
			name := filepath.Base(filepath.Dir(input))
			golden := filepath.Dir(input)
			if strings.HasPrefix(input, "../../examples") {
				golden = filepath.Join("testdata/examples", name)
				name = "example " + name
			}
			all = append(all, testCase{name, input, golden})
		}
	}
	return all
}

// values are what goes into the chart.
func (c testCase) values(t *testing.T) map[string]any {
	t.Helper()
	if filepath.Base(c.input) == "values.yaml" {
		return readValues(t, c.input)
	}
	t.Setenv("HOME", "/home/me")
	f, err := flow.ReadFile(c.input, flowOptions)
	if err != nil {
		t.Fatal(err)
	}
	v, err := values.FromFlow(f, values.Options{PythonSources: true})
	if err != nil {
		t.Fatal(err)
	}
	m, err := v.Map()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// flowOptions are what the flows of testdata/flows refer to.
var flowOptions = flow.Options{
	LookupEnv: func(name string) (string, bool) { return "of " + name, true },
	Context:   map[string]string{},
	Hub:       flow.HubMap{Template: "registry.example/{user}/{name}:{tag}"},
}

func readValues(t *testing.T, file string) map[string]any {
	t.Helper()
	m, err := Merge(nil, helmvalues.Options{ValueFiles: []string{file}})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func render(t *testing.T, values map[string]any) []Manifest {
	t.Helper()
	manifests, err := Render(Options{Release: "demo", Namespace: "flows", Values: values})
	if err != nil {
		t.Fatal(err)
	}
	return manifests
}

// typed is the object of a manifest.
func typed(t interface {
	Helper()
	Fatal(...any)
}, m Manifest) runtime.Object {
	t.Helper()
	object, err := m.Object()
	if err != nil {
		t.Fatal(err)
	}
	return object
}

// golden compares got with a file, in which the folder of the examples is written ${EXAMPLES}.
func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	examples, err := filepath.Abs("../../examples")
	if err != nil {
		t.Fatal(err)
	}
	got = bytes.ReplaceAll(got, []byte(examples), []byte("${EXAMPLES}"))
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (go test ./internal/chart -update writes it)", err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: got\n%s", file, got)
	}
}

func TestRender(t *testing.T) {
	for _, c := range append(cases(t), flows(t)...) {
		t.Run(c.name, func(t *testing.T) {
			v := c.values(t)
			if filepath.Ext(c.input) == ".yml" {
				text, err := yaml.Marshal(v)
				if err != nil {
					t.Fatal(err)
				}
				golden(t, filepath.Join(c.golden, "values.golden.yaml"), text)
			}
			var text bytes.Buffer
			for _, m := range render(t, v) {
				text.WriteString("---\n# Source: " + m.Source + "\n" + strings.TrimSpace(string(m.YAML)) + "\n")
			}
			golden(t, filepath.Join(c.golden, "manifests.golden.yaml"), text.Bytes())
		})
	}
}

// Whatever goes in, the gateway takes the configuration, objects hang together, and their names fit.
func TestRenderedObjects(t *testing.T) {
	for _, c := range append(cases(t), flows(t)...) {
		t.Run(c.name, func(t *testing.T) {
			seen := map[string]bool{}
			services := map[string]*corev1.Service{}
			var pods []metav1.ObjectMeta // of the pod templates
			for _, m := range render(t, c.values(t)) {
				var head metav1.PartialObjectMetadata
				if err := yaml.Unmarshal(m.YAML, &head); err != nil {
					t.Fatal(err)
				}
				switch object := typed(t, m).(type) {
				case *corev1.Service:
					services[object.Name+"."+object.Namespace+".svc:8080"] = object
				case *appsv1.Deployment:
					pods = append(pods, checkWorkload(t, object.ObjectMeta, object.Spec.Selector, object.Spec.Template))
				case *appsv1.StatefulSet:
					pods = append(pods, checkWorkload(t, object.ObjectMeta, object.Spec.Selector, object.Spec.Template))
				case *corev1.ConfigMap:
					if text, is := object.Data["gateway.yaml"]; is {
						checkGateway(t, []byte(text), services)
					}
				}
				if key := head.Kind + "/" + head.Name; seen[key] {
					t.Errorf("%s is rendered twice", key)
				} else {
					seen[key] = true
				}
				if len(head.Name) > 63 || head.Namespace != "flows" || head.Labels["app.kubernetes.io/instance"] != "demo" {
					t.Errorf("%s %s: name too long, or wrong namespace or labels", head.Kind, head.Name)
				}
			}
			for _, pod := range pods {
				selected := slices.ContainsFunc(slices.Collect(maps.Values(services)), func(s *corev1.Service) bool {
					return labels.SelectorFromSet(s.Spec.Selector).Matches(labels.Set(pod.Labels))
				})
				if !selected {
					t.Errorf("no Service selects %s", pod.Name)
				}
			}
		})
	}
}

// checkWorkload gives the metadata of the pods, with the workload's name.
func checkWorkload(t *testing.T, meta metav1.ObjectMeta, selector *metav1.LabelSelector, template corev1.PodTemplateSpec) metav1.ObjectMeta {
	t.Helper()
	if len(meta.Name) > 52 {
		t.Errorf("the name %s has %d characters", meta.Name, len(meta.Name))
	}
	s, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil || !s.Matches(labels.Set(template.Labels)) {
		t.Errorf("the selector of %s does not select its pods: %v", meta.Name, err)
	}
	for name := range template.Labels {
		if name == "helm.sh/chart" || name == "app.kubernetes.io/version" {
			t.Errorf("pods of %s have the label %s: a new version of the chart would roll them", meta.Name, name)
		}
	}
	if template.Spec.Containers[0].Name != "executor" || template.Annotations["kubectl.kubernetes.io/default-container"] != "executor" {
		t.Errorf("`kubectl logs` of a pod of %s would ask for a container", meta.Name)
	}
	template.Name = meta.Name
	return template.ObjectMeta
}

// checkGateway holds gateway.yaml against its reader, and its addresses against the Services, which come before it in
// no order of Helm's, so that all are known only at the end.
func checkGateway(t *testing.T, text []byte, services map[string]*corev1.Service) {
	t.Helper()
	gateway, err := config.Parse(text)
	if err != nil {
		t.Errorf("gateway.yaml: %v\n%s", err, text)
		return
	}
	t.Cleanup(func() {
		for _, e := range gateway.Executors {
			for _, address := range e.Addresses {
				service := strings.TrimPrefix(address, "grpc://")
				if strings.Contains(service, ".svc:") && services[service] == nil {
					t.Errorf("%s: no Service answers at %s", e.Name, address)
				}
			}
		}
	})
}

// Each testdata/bad/NAME.yaml is refused with the message in NAME.txt.
func TestInvalidValues(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			_, err := Render(Options{Release: "demo", Values: readValues(t, file)})
			invalid, ok := errors.AsType[*InvalidValues](err)
			if !ok {
				t.Fatalf("error %v, want *InvalidValues", err)
			}
			golden(t, strings.TrimSuffix(file, ".yaml")+".txt", []byte(strings.Join(invalid.Faults, "\n")+"\n"))
		})
	}
}

package objects_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/helm-flow/helm-flow/ci/e2e/testcluster"
)

// flowValues are a small flow, and changed ones of it.
const flowValues = `
executors:
  encoder: {uses: echo, replicas: 2}
  ranker: {uses: echo, needs: [encoder]}
`

func chartPath() string { return cluster.Path("charts/flow") }

// A release of one Helm is upgraded, rolled back and uninstalled by the same or the other; nothing is left.
func TestMatrix(t *testing.T) {
	helm3, helm4 := cluster.Helms(t)
	for _, test := range []struct{ installs, upgrades *testcluster.Helm }{{helm3, helm3}, {helm4, helm4}, {helm3, helm4}, {helm4, helm3}} {
		t.Run(test.installs.Name+" to "+test.upgrades.Name, func(t *testing.T) {
			namespace := cluster.Namespace(t)
			before := objects(t, namespace)
			test.installs.Must(t, flowValues, "install", "demo", chartPath(), "--namespace", namespace, "--values=-", "--wait")
			installed := objects(t, namespace)
			test.upgrades.Must(t, "", "upgrade", "demo", chartPath(), "--namespace", namespace, "--reset-then-reuse-values", "--wait",
				"--set", "gateway.prefetch=5,executors.ranker=null,executors.joiner.needs={encoder}")
			if got := objects(t, namespace); slices.Contains(got, "deployment.apps/demo-ranker") || !slices.Contains(got, "deployment.apps/demo-joiner") {
				t.Errorf("after the upgrade there are %s", got)
			}
			if config := gatewayConfig(t, namespace); !strings.Contains(config, "prefetch: 5\n") || !strings.Contains(config, "demo-joiner") {
				t.Errorf("gateway.yaml:\n%s", config)
			}
			test.upgrades.Must(t, "", "rollback", "demo", "1", "--namespace", namespace, "--wait")
			if got := objects(t, namespace); !slices.Equal(got, installed) {
				t.Errorf("after the rollback there are %s, were %s", got, installed)
			}
			if config := gatewayConfig(t, namespace); !strings.Contains(config, "prefetch: 1000\n") {
				t.Errorf("gateway.yaml:\n%s", config)
			}
			test.upgrades.Must(t, "", "uninstall", "demo", "--namespace", namespace, "--wait", "--cascade=foreground")
			if got := objects(t, namespace); !slices.Equal(got, before) {
				t.Errorf("after the end there are %s, were %s", got, before)
			}
		})
	}
}

// objects are those of the kinds that the chart writes by default, without pods and their like, whose names change.
func objects(t *testing.T, namespace string) []string {
	t.Helper()
	all := lines(cluster.MustKubectl(t, "get", "--namespace", namespace, "-o", "name",
		"deployments,statefulsets,services,serviceaccounts,configmaps,roles,rolebindings,poddisruptionbudgets,horizontalpodautoscalers,networkpolicies,ingresses,persistentvolumeclaims,secrets"))
	slices.Sort(all)
	return slices.DeleteFunc(all, func(name string) bool { return strings.HasPrefix(name, "secret/sh.helm.release") })
}

func gatewayConfig(t *testing.T, namespace string) string {
	t.Helper()
	return cluster.MustKubectl(t, "get", "configmap", "demo-gateway", "--namespace", namespace, "-o", "jsonpath={.data.gateway\\.yaml}")
}

// pods are the names of the pods of each component.
func pods(t *testing.T, namespace string) map[string]string {
	t.Helper()
	all := map[string]string{}
	out := cluster.MustKubectl(t, "get", "pods", "--namespace", namespace, "--field-selector=status.phase!=Failed", "-o",
		`jsonpath={range .items[*]}{.metadata.labels.app\.kubernetes\.io/component}={.metadata.name}{"\n"}{end}`)
	for _, line := range lines(out) {
		component, name, _ := strings.Cut(line, "=")
		all[component] += " " + name
	}
	return all
}

// What the gateway reads itself rolls no pod, on a cluster as in the rendered templates; an executor's image rolls that executor's alone.
func TestWhatRollsOnACluster(t *testing.T) {
	helm3, helm4 := cluster.Helms(t)
	for _, helm := range []*testcluster.Helm{helm3, helm4} {
		t.Run(helm.Name, func(t *testing.T) {
			namespace := cluster.Namespace(t)
			helm.Must(t, flowValues, "install", "demo", chartPath(), "--namespace", namespace, "--values=-", "--wait")
			before := pods(t, namespace)
			for _, set := range []string{"gateway.prefetch=5", "gateway.timeoutSend=1000", "executors.ranker.needs={gateway},executors.encoder.floating=true", "gateway.retries=0"} {
				helm.Must(t, "", "upgrade", "demo", chartPath(), "--namespace", namespace, "--reset-then-reuse-values", "--wait", "--set", set)
				if after := pods(t, namespace); !maps.Equal(after, before) {
					t.Errorf("%s: pods %v, were %v", set, after, before)
				}
			}
			helm.Must(t, "", "upgrade", "demo", chartPath(), "--namespace", namespace, "--reset-then-reuse-values", "--wait", "--set", "executors.ranker.image.tag=v2")
			after := pods(t, namespace)
			if after["ranker"] == before["ranker"] || after["encoder"] != before["encoder"] || after["gateway"] != before["gateway"] {
				t.Errorf("another image of ranker: pods %v, were %v", after, before)
			}
		})
	}
}

// Plain Helm and the plugin do the same.
func TestPlainUpgradeIsThePlugins(t *testing.T) {
	helm3, helm4 := cluster.Helms(t)
	for _, helm := range []*testcluster.Helm{helm3, helm4} {
		t.Run(helm.Name, func(t *testing.T) {
			namespace := cluster.Namespace(t)
			plugin := build(t)
			for _, step := range [][]string{
				{"install", "by-plugin", cluster.Path("examples/linkerd-demo/flow.yml"), "--wait"},
				{"upgrade", "by-plugin", "--set", "gateway.prefetch=5"},
			} {
				if r := helm.Program(t, plugin, append(step, "--namespace", namespace)...); r.Err != nil {
					t.Fatalf("%s: %v\n%s", step, r.Err, r.Stderr)
				}
			}
			values := helm.Program(t, plugin, "values", cluster.Path("examples/linkerd-demo/flow.yml"))
			if values.Err != nil {
				t.Fatal(values.Stderr)
			}
			helm.Must(t, values.Stdout, "install", "plain", chartPath(), "--namespace", namespace, "--values=-", "--wait")
			helm.Must(t, "", "upgrade", "plain", chartPath(), "--namespace", namespace, "--reset-then-reuse-values", "--set", "gateway.prefetch=5")
			for _, what := range []string{"manifest", "values"} {
				byPlugin, byHelm := helm.Must(t, "", "get", what, "by-plugin", "--namespace", namespace), helm.Must(t, "", "get", what, "plain", "--namespace", namespace)
				if strings.ReplaceAll(byPlugin, "by-plugin", "plain") != byHelm {
					t.Errorf("%s: the plugin's\n%s\nHelm's\n%s", what, byPlugin, byHelm)
				}
			}
		})
	}
}

// build builds the plugin.
func build(t *testing.T) string {
	t.Helper()
	program := t.TempDir() + "/helm-flow"
	if r := cluster.Run(t.Context(), "", nil, "go", "build", "-o", program, cluster.Path("cmd/helm-flow")); r.Err != nil {
		t.Fatalf("%v\n%s", r.Err, r.Stderr)
	}
	return program
}

// What an autoscaler has set stays over upgrades, with no conflict of owners.
func TestAutoscalerKeepsItsReplicas(t *testing.T) {
	helm3, helm4 := cluster.Helms(t)
	for _, helm := range []*testcluster.Helm{helm3, helm4} {
		t.Run(helm.Name, func(t *testing.T) {
			namespace := cluster.Namespace(t)
			set := "executors.encoder.autoscaling.provider=hpa,executors.encoder.autoscaling.maxReplicas=5"
			helm.Must(t, flowValues, "install", "demo", chartPath(), "--namespace", namespace, "--values=-", "--set", set, "--wait")
			cluster.MustKubectl(t, "scale", "deployment/demo-encoder", "--namespace", namespace, "--replicas=4")
			helm.Must(t, "", "upgrade", "demo", chartPath(), "--namespace", namespace, "--reset-then-reuse-values", "--set", "executors.encoder.env.A=b", "--wait")
			if got := cluster.MustKubectl(t, "get", "deployment/demo-encoder", "--namespace", namespace, "-o", "jsonpath={.spec.replicas}"); got != "4" {
				t.Errorf("%s replicas, want 4", got)
			}
		})
	}
}

// An upgrade that fails is taken back by itself, and the old pods have never gone.
func TestFailingUpgradeIsTakenBack(t *testing.T) {
	helm3, helm4 := cluster.Helms(t)
	for helm, flag := range map[*testcluster.Helm]string{helm3: "--atomic", helm4: "--rollback-on-failure"} {
		t.Run(helm.Name, func(t *testing.T) {
			namespace := cluster.Namespace(t)
			helm.Must(t, flowValues, "install", "demo", chartPath(), "--namespace", namespace, "--values=-", "--wait")
			before := pods(t, namespace)
			r := helm.Try(t, "", "upgrade", "demo", chartPath(), "--namespace", namespace, "--reset-then-reuse-values", flag, "--timeout=10s", "--wait",
				"--set", "executors.ranker.image.registry=nowhere.invalid,gateway.prefetch=5")
			if r.Err == nil {
				t.Fatal("the upgrade to an image that is nowhere succeeded")
			}
			cluster.MustKubectl(t, "rollout", "status", "deployment/demo-ranker", "--namespace", namespace, "--timeout=60s")
			cluster.MustKubectl(t, "wait", "pods", "--all", "--for=condition=Ready", "--namespace", namespace, "--timeout=60s")
			if after := pods(t, namespace); !maps.Equal(after, before) {
				t.Errorf("pods %v, were %v", after, before)
			}
			if config := gatewayConfig(t, namespace); !strings.Contains(config, "prefetch: 1000\n") {
				t.Errorf("gateway.yaml:\n%s", config)
			}
		})
	}
}

// helm test runs its pod.
func TestHelmTest(t *testing.T) {
	helm3, helm4 := cluster.Helms(t)
	for _, helm := range []*testcluster.Helm{helm3, helm4} {
		t.Run(helm.Name, func(t *testing.T) {
			namespace := cluster.Namespace(t, "pod-security.kubernetes.io/enforce=restricted")
			helm.Must(t, "", "install", "demo", chartPath(), "--namespace", namespace, "--wait")
			if out := helm.Must(t, "", "test", "demo", "--namespace", namespace); !strings.Contains(out, "Succeeded") {
				t.Errorf("helm test:\n%s", out)
			}
		})
	}
}

// Every case can be installed for real, also where its objects are those of operators.
func TestEveryCaseInstalls(t *testing.T) {
	foreignKinds(t)
	_, helm4 := cluster.Helms(t)
	namespace := cluster.Namespace(t)
	for _, name := range []string{"serviceaccount/existing", "serviceaccount/door"} {
		kind, name, _ := strings.Cut(name, "/")
		cluster.MustKubectl(t, "create", kind, name, "--namespace", namespace)
	}
	for _, class := range []string{"low", "high"} {
		cluster.TryKubectl(t, "", "create", "priorityclass", class, "--value=1")
	}
	for name, values := range cases(t) {
		t.Run(name, func(t *testing.T) {
			text, err := json.Marshal(values)
			if err != nil {
				t.Fatal(err)
			}
			release := "r-" + name
			helm4.Must(t, string(text), "install", release, chartPath(), "--namespace", namespace, "--values=-")
			helm4.Must(t, "", "uninstall", release, "--namespace", namespace)
		})
	}
}

// The token that the gateway gets lets it read its own ConfigMap, and nothing else.
func TestGatewaysRights(t *testing.T) {
	_, helm4 := cluster.Helms(t)
	namespace := cluster.Namespace(t)
	helm4.Must(t, flowValues, "install", "demo", chartPath(), "--namespace", namespace, "--values=-")
	account := fmt.Sprintf("--as=system:serviceaccount:%s:demo-gateway", namespace)
	for what, want := range map[string]string{
		"watch configmaps/demo-gateway": "yes", "get configmaps/demo-gateway": "yes", "list configmaps/demo-gateway": "yes",
		"update configmaps/demo-gateway": "no", "get configmaps/demo-encoder": "no", "list configmaps": "no", "get secrets": "no", "list pods": "no",
	} {
		verb, object, _ := strings.Cut(what, " ")
		r := cluster.TryKubectl(t, "", "auth", "can-i", verb, object, account, "--namespace", namespace)
		if got := strings.TrimSpace(r.Stdout); got != want {
			t.Errorf("may %s: %s, want %s", what, got, want)
		}
	}
}

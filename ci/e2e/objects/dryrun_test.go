package objects_test

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/helm-flow/helm-flow/internal/chart"
)

// The API server takes every object of every case as it stands, with no field that it does not know and no warning.
func TestServerTakesEveryCase(t *testing.T) {
	foreignKinds(t)
	namespace := cluster.Namespace(t)
	for name, values := range cases(t) {
		t.Run(name, func(t *testing.T) {
			manifests, err := chart.Render(chart.Options{Release: "demo", Namespace: namespace, Values: values})
			if err != nil {
				t.Fatal(err)
			}
			var all strings.Builder
			for _, m := range manifests {
				all.WriteString("---\n" + string(m.YAML) + "\n")
			}
			r := cluster.TryKubectl(t, all.String(), "apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-")
			if r.Err != nil || strings.Contains(r.Stderr, "Warning") {
				t.Errorf("%v\n%s", r.Err, r.Stderr)
			}
			if got := strings.Count(r.Stdout, "serverside-applied"); got != len(manifests) {
				t.Errorf("%d objects taken, of %d", got, len(manifests))
			}
		})
	}
}

// A namespace of the restricted pod security standard takes every pod, but for one case whose values lift the restrictions.
func TestPodsAreRestricted(t *testing.T) {
	namespace := cluster.Namespace(t, "pod-security.kubernetes.io/enforce=restricted")
	for name, values := range cases(t) {
		t.Run(name, func(t *testing.T) {
			manifests, err := chart.Render(chart.Options{Release: "demo", Namespace: namespace, Values: values})
			if err != nil {
				t.Fatal(err)
			}
			var all strings.Builder
			for _, m := range manifests {
				var template corev1.PodTemplateSpec
				object, err := m.Object()
				if err != nil {
					t.Fatal(err)
				}
				switch object := object.(type) {
				case *appsv1.Deployment:
					template = object.Spec.Template
				case *appsv1.StatefulSet:
					template = object.Spec.Template
					for _, claim := range object.Spec.VolumeClaimTemplates {
						template.Spec.Volumes = append(template.Spec.Volumes, corev1.Volume{
							Name: claim.Name, VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim.Name}},
						})
					}
				default:
					continue
				}
				pod := corev1.Pod{ObjectMeta: template.ObjectMeta, Spec: template.Spec}
				pod.APIVersion, pod.Kind, pod.GenerateName = "v1", "Pod", "pod-"
				pod.Spec.ServiceAccountName, pod.Spec.PriorityClassName = "default", "" // those of a case are not there
				pod.Spec.RuntimeClassName = nil
				text, err := yaml.Marshal(pod)
				if err != nil {
					t.Fatal(err)
				}
				all.WriteString("---\n" + string(text))
			}
			r := cluster.TryKubectl(t, all.String(), "create", "--namespace", namespace, "--dry-run=server", "-f", "-")
			lifts := name == "gpus" || name == "pods" // whose values say so: runAsUser 0, containers of the user's own
			if refused := strings.Contains(r.Stderr, "violates PodSecurity"); refused != lifts || r.Err != nil && !lifts {
				t.Errorf("refused: %t; %v\n%s", refused, r.Err, r.Stderr)
			}
		})
	}
}

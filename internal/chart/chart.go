// Package chart renders the chart charts/flow with Helm's own engine, in process.
package chart

import (
	"errors"

	helmchart "helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/cli/values"
	"k8s.io/apimachinery/pkg/runtime"
)

// Options say what is rendered, and as which release.
type Options struct {
	// Chart to render; nil is the embedded one.
	Chart *helmchart.Chart
	// Release and Namespace, as in `helm install RELEASE --namespace NAMESPACE`. Default namespace: default.
	Release, Namespace string
	// Values over the chart's defaults; see Merge.
	Values map[string]any
	// KubeVersion of the cluster, such as 1.34. Default: the newest this package knows.
	KubeVersion string
	// APIVersions of the cluster beyond Kubernetes' own.
	APIVersions []string
}

// Manifest is one rendered object.
type Manifest struct {
	// Source is the template's path, such as flow/templates/gateway/deployment.yaml.
	Source string
	YAML   []byte
	// Object is the typed object for the kinds of core/v1 and apps/v1, such as *appsv1.Deployment; nil for others.
	Object runtime.Object
}

// Embedded is the chart that the program was built with.
func Embedded() (*helmchart.Chart, error) {
	return nil, errors.New("not written yet")
}

// Render gives the chart's objects in the order in which Helm installs them.
func Render(opts Options) ([]Manifest, error) {
	return nil, errors.New("not written yet")
}

// Merge gives flowValues overlaid by what the user says with -f, --set, --set-string, --set-file, --set-json and
// --set-literal, exactly as if flowValues had been the first -f.
func Merge(flowValues map[string]any, user values.Options) (map[string]any, error) {
	return nil, errors.New("not written yet")
}

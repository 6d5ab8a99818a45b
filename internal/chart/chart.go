// Package chart renders the chart charts/flow with Helm's own engine, in process.
package chart

import (
	"fmt"
	"io/fs"
	"path"
	"strings"

	helmchart "helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/releaseutil"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"

	"github.com/helm-flow/helm-flow/charts"
)

// newestKube is what Options.KubeVersion defaults to: the version of the k8s.io modules that the program is built with.
const newestKube = "1.37.0"

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
	// Source is the template's path, such as flow/templates/gateway.yaml.
	Source string
	YAML   []byte
	// Object is the typed object, such as *appsv1.Deployment; nil for kinds that are not Kubernetes' own.
	Object runtime.Object
}

// Embedded is the chart that the program was built with.
func Embedded() (*helmchart.Chart, error) {
	const root = "flow"
	var files []*loader.BufferedFile
	err := fs.WalkDir(charts.Flow, root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := charts.Flow.ReadFile(name)
		files = append(files, &loader.BufferedFile{Name: strings.TrimPrefix(name, root+"/"), Data: data})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the embedded chart: %w", err)
	}
	c, err := loader.LoadFiles(files)
	if err != nil {
		return nil, fmt.Errorf("loading the embedded chart: %w", err)
	}
	return c, nil
}

// Render gives the chart's objects in the order in which Helm installs them. Values that the chart refuses are an
// *InvalidValues; hooks and notes are left out.
func Render(opts Options) ([]Manifest, error) {
	c := opts.Chart
	if c == nil {
		var err error
		if c, err = Embedded(); err != nil {
			return nil, err
		}
	}
	caps, err := capabilities(opts, c)
	if err != nil {
		return nil, err
	}
	release := chartutil.ReleaseOptions{Name: opts.Release, Namespace: opts.Namespace, Revision: 1, IsInstall: true}
	if release.Namespace == "" {
		release.Namespace = "default"
	}
	if err := chartutil.ValidateReleaseName(release.Name); err != nil {
		return nil, fmt.Errorf("release name %q: %w", release.Name, err)
	}
	if err := chartutil.ProcessDependenciesWithMerge(c, opts.Values); err != nil {
		return nil, fmt.Errorf("dependencies of chart %s: %w", c.Name(), err)
	}
	values, err := chartutil.ToRenderValuesWithSchemaValidation(c, opts.Values, release, caps, true)
	if err != nil {
		return nil, fmt.Errorf("values of chart %s: %w", c.Name(), err)
	}
	if err := check(c, values["Values"]); err != nil {
		return nil, err
	}
	files, err := engine.Render(c, values)
	if err != nil {
		return nil, templateError(c, err)
	}
	return manifests(files, caps.APIVersions)
}

func capabilities(opts Options, c *helmchart.Chart) (*chartutil.Capabilities, error) {
	version := opts.KubeVersion
	if version == "" {
		version = newestKube
	}
	kube, err := chartutil.ParseKubeVersion(version)
	if err != nil {
		return nil, fmt.Errorf("version %q of Kubernetes: %w", version, err)
	}
	if wants := c.Metadata.KubeVersion; wants != "" && !chartutil.IsCompatibleRange(wants, kube.Version) {
		return nil, fmt.Errorf("chart %s needs Kubernetes %s, and this is %s", c.Name(), wants, kube.Version)
	}
	caps := chartutil.DefaultCapabilities.Copy()
	caps.KubeVersion = *kube
	caps.APIVersions = append(append(chartutil.VersionSet{}, caps.APIVersions...), opts.APIVersions...)
	return caps, nil
}

func manifests(files map[string]string, apis chartutil.VersionSet) ([]Manifest, error) {
	for name := range files {
		if path.Base(name) == "NOTES.txt" {
			delete(files, name)
		}
	}
	_, sorted, err := releaseutil.SortManifests(files, apis, releaseutil.InstallOrder)
	if err != nil {
		return nil, fmt.Errorf("the chart rendered something that is no Kubernetes object: %w", err)
	}
	decoder, err := newDecoder()
	if err != nil {
		return nil, err
	}
	all := make([]Manifest, len(sorted))
	for i, m := range sorted {
		all[i] = Manifest{Source: m.Name, YAML: []byte(m.Content)}
		object, _, err := decoder.Decode(all[i].YAML, nil, nil)
		if err != nil && !runtime.IsNotRegisteredError(err) {
			return nil, fmt.Errorf("%s: %s: %w", m.Name, m.Head.Kind, err)
		}
		all[i].Object = object
	}
	return all, nil
}

// newDecoder decodes the typed kinds, and refuses fields that they do not have.
func newDecoder() (runtime.Decoder, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		appsv1.AddToScheme, autoscalingv2.AddToScheme, corev1.AddToScheme, networkingv1.AddToScheme, policyv1.AddToScheme, rbacv1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			return nil, fmt.Errorf("types of Kubernetes: %w", err)
		}
	}
	return serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer(), nil
}

// Package chart renders the chart charts/flow with Helm's own engine, in process.
package chart

import (
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"path"
	goruntime "runtime"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
	"golang.org/x/sync/errgroup"

	helmchart "helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/release"
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
	// Source is the template's path, such as flow/templates/workloads.yaml.
	Source string
	Kind   string
	YAML   []byte
}

// Object is the typed object, such as *appsv1.Deployment; nil for kinds that are not Kubernetes' own. A field that the kind does not have is an error.
func (m Manifest) Object() (runtime.Object, error) {
	object, _, err := decoder().Decode(m.YAML, nil, nil)
	if err != nil && !runtime.IsNotRegisteredError(err) {
		return nil, fmt.Errorf("%s: %s: %w", m.Source, m.Kind, err)
	}
	return object, nil
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
	options := chartutil.ReleaseOptions{Name: opts.Release, Namespace: opts.Namespace, Revision: 1, IsInstall: true}
	if options.Namespace == "" {
		options.Namespace = "default"
	}
	if err := chartutil.ValidateReleaseName(options.Name); err != nil {
		return nil, fmt.Errorf("release name %q: %w", options.Name, err)
	}
	if err := chartutil.ProcessDependenciesWithMerge(c, opts.Values); err != nil {
		return nil, fmt.Errorf("dependencies of chart %s: %w", c.Name(), err)
	}
	values, err := chartutil.ToRenderValuesWithSchemaValidation(c, opts.Values, options, caps, true)
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
	return manifests(files)
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

// manifests takes rendered files apart and orders their objects as Helm does.
func manifests(files map[string]string) ([]Manifest, error) {
	var all []Manifest
	for _, name := range slices.Sorted(maps.Keys(files)) {
		base := path.Base(name)
		if base == "NOTES.txt" || strings.HasPrefix(base, "_") {
			continue
		}
		// As releaseutil.SplitManifests does, in a tenth of the time.
		for document := range strings.SplitSeq("\n"+strings.TrimSpace(files[name]), "\n---") {
			if document = strings.TrimSpace(document); document != "" {
				all = append(all, Manifest{Source: name, YAML: []byte(document)})
			}
		}
	}
	var hook = make([]bool, len(all))
	var parsing errgroup.Group // most of the time of rendering a large flow
	parsing.SetLimit(goruntime.GOMAXPROCS(0))
	for i := range all {
		parsing.Go(func() error {
			var head struct {
				Kind     string
				Metadata struct{ Annotations map[string]any }
			}
			if err := yaml.Unmarshal(all[i].YAML, &head); err != nil {
				return fmt.Errorf("%s: the chart rendered something that is no Kubernetes object: %w", all[i].Source, err)
			}
			all[i].Kind = head.Kind
			_, hook[i] = head.Metadata.Annotations[release.HookAnnotation]
			return nil
		})
	}
	if err := parsing.Wait(); err != nil {
		return nil, err
	}
	var objects []Manifest
	for i, m := range all {
		if !hook[i] {
			objects = append(objects, m)
		}
	}
	slices.SortStableFunc(objects, func(a, b Manifest) int {
		byOrder := cmp.Compare(installOrder(a.Kind), installOrder(b.Kind))
		if byOrder == 0 && installOrder(a.Kind) == len(releaseutil.InstallOrder) {
			return cmp.Compare(a.Kind, b.Kind)
		}
		return byOrder
	})
	return objects, nil
}

// installOrder is the place of a kind in the order in which Helm installs; kinds that it does not know come last.
func installOrder(kind string) int {
	if at := slices.Index(releaseutil.InstallOrder, kind); at >= 0 {
		return at
	}
	return len(releaseutil.InstallOrder)
}

// decoder decodes the typed kinds, and refuses fields that they do not have.
var decoder = sync.OnceValue(func() runtime.Decoder {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		appsv1.AddToScheme, autoscalingv2.AddToScheme, corev1.AddToScheme, networkingv1.AddToScheme, policyv1.AddToScheme, rbacv1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			panic(err) // two kinds of one name, in packages that are compiled in
		}
	}
	return serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
})

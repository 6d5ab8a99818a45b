package plugin

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/helm-flow/helm-flow/internal/chart"
	"github.com/helm-flow/helm-flow/internal/values"
)

const (
	// exportMark is the first line of every file of an export, by which the next export knows them.
	exportMark = "# Made by helm flow export. The next export to this folder writes it anew, or removes it."
	// namespaceFile comes first in kubectl's order.
	namespaceFile = "0-namespace.yml"
	// sharedFile holds what belongs to no single workload.
	sharedFile = "shared.yml"

	componentLabel = "app.kubernetes.io/component"
	nodeAnnotation = "helm-flow.github.io/node"
)

type exportCommand struct {
	env             *Env
	input           flowInput
	opts            chart.Options
	createNamespace bool
}

func newExportCommand(env *Env) *cobra.Command {
	c := &exportCommand{env: env, input: flowInput{env: env}}
	cmd := &cobra.Command{
		Use:   "export [NAME] FLOW DIR",
		Short: "Write the Kubernetes objects of a flow to a folder, for kubectl",
		Long: `Write the Kubernetes objects of a flow to a folder, as jina export kubernetes does: for kubectl apply -R -f DIR.

NAME is what the objects' names begin with, by default the flow's own name, or flow. DIR gets a folder for each node of the flow with a file for each
of its workloads, ` + sharedFile + ` for what belongs to none, and ` + namespaceFile + ` for the namespace, unless that is default.

Files of an earlier export to DIR that are not written anew are removed. Files of others stay, and where one is in the way nothing is written.`,
		Example: `  helm flow export flow.yml k8s && kubectl apply -R -f k8s
  helm flow export search flow.yml k8s --namespace ml --create-namespace=false`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 || len(args) > 3 {
				return fmt.Errorf("%s needs a flow and a folder, and before them a name if you like; got %d arguments", cmd.CommandPath(), len(args))
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 3 {
				c.opts.Release, args = args[0], args[1:]
			}
			return c.run(args[0], args[1])
		},
	}
	flags := cmd.Flags()
	c.input.addFlags(flags)
	flags.BoolVar(&c.createNamespace, "create-namespace", true, "write the namespace too; kubectl then needs the right to make one")
	flags.StringVar(&c.opts.KubeVersion, "kube-version", "", "Kubernetes version used for Capabilities.KubeVersion")
	flags.StringSliceVarP(&c.opts.APIVersions, "api-versions", "a", nil, "Kubernetes api versions used for Capabilities.APIVersions (multiple can be specified)")
	return cmd
}

func (c *exportCommand) run(path, dir string) error {
	f, err := c.input.load(path)
	if err != nil {
		return err
	}
	name := strings.Trim(strings.NewReplacer("_", "-", "/", "-", " ", "-").Replace(strings.ToLower(f.Name.Value)), "-")
	c.opts.Release = cmp.Or(c.opts.Release, name, "flow")
	c.opts.Namespace = c.env.helm.Namespace()
	manifests, err := c.input.render(f, values.Options{}, c.opts)
	if err != nil {
		return err
	}
	files, err := exported(manifests)
	if err != nil {
		return err
	}
	if c.createNamespace && c.opts.Namespace != metav1.NamespaceDefault {
		files[namespaceFile] = fmt.Appendf(nil, "%s\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: %q\n", exportMark, c.opts.Namespace)
	}
	old, err := c.earlier(dir, files)
	if err != nil {
		return err
	}
	return c.write(dir, files, old)
}

// exported gives the files of an export by their paths.
func exported(manifests []chart.Manifest) (map[string][]byte, error) {
	nodes := make(map[string]string) // by component
	metas := make([]metav1.PartialObjectMetadata, len(manifests))
	for i, m := range manifests {
		if err := yaml.Unmarshal(m.YAML, &metas[i]); err != nil {
			return nil, fmt.Errorf("%s: %w", m.Source, err)
		}
		object, err := m.Object()
		if err != nil {
			return nil, err
		}
		switch workload := object.(type) {
		case *appsv1.Deployment:
			nodes[workload.Labels[componentLabel]] = workload.Spec.Template.Annotations[nodeAnnotation]
		case *appsv1.StatefulSet:
			nodes[workload.Labels[componentLabel]] = workload.Spec.Template.Annotations[nodeAnnotation]
		}
	}
	files := make(map[string][]byte)
	for i, m := range manifests {
		file := sharedFile
		if component := metas[i].Labels[componentLabel]; nodes[component] != "" {
			file = filepath.Join(nodes[component], component+".yml")
		}
		if !filepath.IsLocal(file) {
			return nil, fmt.Errorf("%s: an object of the node %q, which is no name of a folder", m.Source, nodes[metas[i].Labels[componentLabel]])
		}
		if files[file] == nil {
			files[file] = []byte(exportMark + "\n")
		}
		files[file] = append(files[file], document(m)...)
	}
	return files, nil
}

// earlier gives the files of an export to dir before, and refuses dir if another file is in the way of one of ours.
func (c *exportCommand) earlier(dir string, files map[string][]byte) ([]string, error) {
	var old []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && path == dir {
			return nil
		}
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if _, isOurs := files[name]; !isOurs && filepath.Ext(name) != ".yml" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if bytes.HasPrefix(text, []byte(exportMark)) {
			old = append(old, name)
		} else if _, isOurs := files[name]; isOurs {
			return fmt.Errorf("%s is there already, and no file of an export; name another folder", path)
		}
		return nil
	})
	return old, err
}

func (c *exportCommand) write(dir string, files map[string][]byte, old []string) error {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, files[name], 0o644); err != nil {
			return err
		}
		fmt.Fprintf(c.env.Stdout, "wrote %s\n", path)
	}
	for _, name := range old {
		if _, again := files[name]; again {
			continue
		}
		path := filepath.Join(dir, name)
		if err := os.Remove(path); err != nil {
			return err
		}
		fmt.Fprintf(c.env.Stdout, "removed %s\n", path)
		_ = os.Remove(filepath.Dir(path)) // fails if there is more in it
	}
	return nil
}

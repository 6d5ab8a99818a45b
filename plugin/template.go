package plugin

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/helm-flow/helm-flow/internal/chart"
	"github.com/helm-flow/helm-flow/internal/values"
)

type templateCommand struct {
	throughHelm
	opts      chart.Options
	showOnly  []string
	outputDir string
}

func newTemplateCommand(env *Env) *cobra.Command {
	c := &templateCommand{throughHelm: throughHelm{env: env, verb: "template", input: flowInput{env: env}}}
	cmd := &cobra.Command{
		Use:   "template [NAME] FLOW",
		Short: "Print the Kubernetes objects of a flow",
		Long: `Print the Kubernetes objects of a flow, as helm template prints those of a chart. NAME is the release, FLOW the path of a flow.yml,
or - for standard input. What --set and -f say wins over the flow.

No Helm is needed, and nothing asks a cluster, unless there is --chart or a flag of Helm's that is not listed here (helm template --help),
such as --validate or --post-renderer: then it is Helm that renders.`,
		Example: `  helm flow template demo flow.yml
  helm flow template demo flow.yml --set gateway.replicas=2 --namespace ml | kubectl apply -f -
  helm flow template demo flow.yml --show-only templates/gateway.yaml
  helm flow template demo flow.yml --validate`,
		ValidArgsFunction: completeNewNameAndFlow,
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		line, done, err := c.parse(cmd, args)
		if done || err != nil {
			return err
		}
		name := ""
		switch len(line.words) {
		case 1:
		case 2:
			name = line.words[0]
		default:
			return flowArg(cmd, line.words)
		}
		path := line.words[len(line.words)-1]
		if c.chart != "" || line.onlyHelms {
			return c.throughHelm.run(cmd.Context(), line, name, path)
		}
		return c.run(name, path)
	}
	flags := cmd.Flags()
	flags.StringVar(&c.opts.KubeVersion, "kube-version", "", "Kubernetes version used for Capabilities.KubeVersion")
	flags.StringSliceVarP(&c.opts.APIVersions, "api-versions", "a", nil, "Kubernetes api versions used for Capabilities.APIVersions (multiple can be specified)")
	flags.StringArrayVarP(&c.showOnly, "show-only", "s", nil, "only show manifests rendered from the given templates")
	flags.StringVar(&c.outputDir, "output-dir", "", "writes the executed templates to files in output-dir instead of stdout")
	flags.Bool("include-crds", false, "include CRDs in the templated output; the chart inside has none")
	markAsHelms(flags, "kube-version", "api-versions", "show-only", "output-dir", "include-crds")
	c.addFlags(cmd)
	return cmd
}

func (c *templateCommand) run(name, path string) error {
	c.opts.Release, c.opts.Namespace = "release-name", c.env.helm.Namespace()
	if name != "" {
		c.opts.Release = name
	}
	f, err := c.input.load(path)
	if err != nil {
		return err
	}
	manifests, err := c.input.render(f, values.Options{}, c.opts)
	if err != nil {
		return err
	}
	if manifests, err = only(manifests, c.showOnly); err != nil {
		return err
	}
	if c.outputDir != "" {
		return c.writeFiles(manifests)
	}
	var out bytes.Buffer
	for _, m := range manifests {
		out.Write(document(m))
	}
	_, err = c.env.Stdout.Write(out.Bytes())
	return err
}

// document is a manifest as helm template prints it.
func document(m chart.Manifest) []byte {
	return fmt.Appendf(nil, "---\n# Source: %s\n%s\n", m.Source, bytes.TrimSpace(m.YAML))
}

// only gives the manifests of some templates, named by patterns such as templates/*.yaml; of all without any.
func only(manifests []chart.Manifest, patterns []string) ([]chart.Manifest, error) {
	if len(patterns) == 0 {
		return manifests, nil
	}
	var some []chart.Manifest
	for _, pattern := range patterns {
		found := false
		for _, m := range manifests {
			_, path, _ := strings.Cut(m.Source, "/") // after the chart's name
			matches, err := filepath.Match(filepath.ToSlash(pattern), path)
			if err != nil {
				return nil, fmt.Errorf("--show-only %s: %w", pattern, err)
			}
			if matches {
				some, found = append(some, m), true
			}
		}
		if !found {
			return nil, fmt.Errorf("could not find template %s in chart", pattern)
		}
	}
	return some, nil
}

// writeFiles writes a file for each template, and says so on stdout, as Helm does.
func (c *templateCommand) writeFiles(manifests []chart.Manifest) error {
	texts := make(map[string][]byte)
	var order []string
	for _, m := range manifests {
		if texts[m.Source] == nil {
			order = append(order, m.Source)
		}
		texts[m.Source] = append(texts[m.Source], document(m)...)
	}
	for _, source := range order {
		file := filepath.Join(c.outputDir, filepath.FromSlash(source))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, texts[source], 0o644); err != nil {
			return err
		}
		fmt.Fprintf(c.env.Stdout, "wrote %s\n", file)
	}
	return nil
}

package plugin

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/helm-flow/helm-flow/flow"
	"github.com/helm-flow/helm-flow/plugin/graph"
)

func newGraphCommand(env *Env) *cobra.Command {
	input := flowInput{env: env}
	output := choice{value: "text", of: []string{"text", "svg", "mermaid", "dot"}}
	cmd := &cobra.Command{
		Use:   "graph FLOW",
		Short: "Draw the graph of a flow",
		Long: `Draw the graph of a flow: for the terminal, as a picture in SVG, or as text that Mermaid or Graphviz draw.

FLOW is the path of a flow.yml, or - for standard input. The answer to the client does not wait for nodes drawn as ○ or dashed.`,
		Example: `  helm flow graph flow.yml
  helm flow graph flow.yml -o svg > flow.svg
  helm flow graph flow.yml -o mermaid >> README.md`,
		Args:              flowArg,
		ValidArgsFunction: completeFlow,
		RunE: func(_ *cobra.Command, args []string) error {
			f, err := input.load(args[0])
			if err != nil {
				return err
			}
			draw := map[string]func(*flow.Flow) string{
				"text":    func(f *flow.Flow) string { return graph.Text(f, env.Color(env.Stdout)) },
				"svg":     graph.SVG,
				"mermaid": graph.Mermaid,
				"dot":     graph.DOT,
			}[output.value]
			_, err = fmt.Fprint(env.Stdout, draw(f))
			return err
		},
	}
	input.addFlags(cmd.Flags())
	output.addTo(cmd, "format of the graph")
	return cmd
}

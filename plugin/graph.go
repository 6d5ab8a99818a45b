package plugin

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/helm-flow/helm-flow/flow"
)

func newGraphCommand(env *Env) *cobra.Command {
	input := flowInput{env: env}
	output := choice{value: "text", of: []string{"text", "mermaid", "dot"}}
	cmd := &cobra.Command{
		Use:   "graph FLOW",
		Short: "Draw the graph of a flow",
		Long: `Draw the graph of a flow: for the terminal, or as text that Mermaid or Graphviz draw.

FLOW is the path of a flow.yml, or - for standard input. The answer to the client does not wait for nodes drawn as ○.`,
		Example: `  helm flow graph flow.yml
  helm flow graph flow.yml -o dot | dot -Tsvg > flow.svg`,
		Args: flowArg,
		RunE: func(_ *cobra.Command, args []string) error {
			f, err := input.load(args[0])
			if err != nil {
				return err
			}
			draw := map[string]func(*flow.Flow) string{
				"text":    func(f *flow.Flow) string { return drawText(f, env.Color(env.Stdout)) },
				"mermaid": drawMermaid,
				"dot":     drawDOT,
			}[output.value]
			_, err = fmt.Fprint(env.Stdout, draw(f))
			return err
		},
	}
	input.addFlags(cmd.Flags())
	cmd.Flags().VarP(&output, "output", "o", "format of the graph")
	return cmd
}

// gatewayName is how `needs` names the gateway.
const gatewayName = "gateway"

// answering is the executor whose answer the client gets: the only one that does not float and that no other such one
// needs; nil in a flow without executors.
func answering(f *flow.Flow) *flow.Executor {
	needed := make(map[string]bool)
	for _, e := range f.Executors {
		if !e.Floating.Value {
			for _, need := range e.Needs.Value {
				needed[need] = true
			}
		}
	}
	for i, e := range f.Executors {
		if !e.Floating.Value && !needed[e.Name.Value] {
			return &f.Executors[i]
		}
	}
	return nil
}

// describeUses says in a few words what answers at e.
func describeUses(e flow.Executor) string {
	var what string
	switch {
	case e.External.Value:
		what = "external " + strings.Join(e.Addresses, ", ")
	case e.Uses.Kind == flow.Image:
		what = "image " + e.Uses.Name
	case e.Uses.Kind == flow.Python && filepath.IsAbs(e.Uses.Name):
		what = "Python " + filepath.Base(e.Uses.Name)
	case e.Uses.Kind == flow.Python:
		what = "Python " + e.Uses.Name
	default:
		what = e.Uses.Name
	}
	if e.Replicas.Value > 1 {
		what += fmt.Sprintf(" ×%d", e.Replicas.Value)
	}
	return what
}

func drawMermaid(f *flow.Flow) string {
	var b strings.Builder
	b.WriteString("flowchart LR\n  gateway([gateway])\n")
	// Names are no good as identifiers: `end` is a word of Mermaid's.
	ids := map[string]string{gatewayName: "gateway"}
	for i, e := range f.Executors {
		ids[e.Name.Value] = fmt.Sprintf("n%d", i)
		fmt.Fprintf(&b, "  n%d[\"%s<br/><small>%s</small>\"]\n", i, e.Name.Value, mermaidText(describeUses(e)))
	}
	for _, e := range f.Executors {
		arrow := "-->"
		if e.Floating.Value {
			arrow = "-.->"
		}
		for _, need := range e.Needs.Value {
			fmt.Fprintf(&b, "  %s %s %s\n", ids[need], arrow, ids[e.Name.Value])
		}
	}
	if last := answering(f); last != nil {
		fmt.Fprintf(&b, "  %s --> answer([gateway])\n", ids[last.Name.Value])
	}
	return b.String()
}

// mermaidText writes a quote as Mermaid's entity.
func mermaidText(text string) string { return strings.ReplaceAll(text, `"`, "#quot;") }

func drawDOT(f *flow.Flow) string {
	var b strings.Builder
	b.WriteString("digraph flow {\n  rankdir=LR\n  node [shape=box]\n")
	b.WriteString("  gateway [shape=oval]\n  answer [shape=oval, label=gateway]\n")
	for _, e := range f.Executors {
		fmt.Fprintf(&b, "  %s [label=%s]\n", dotID(e.Name.Value), dotText(e.Name.Value+"\n"+describeUses(e)))
	}
	for _, e := range f.Executors {
		style := ""
		if e.Floating.Value {
			style = " [style=dashed]"
		}
		for _, need := range e.Needs.Value {
			fmt.Fprintf(&b, "  %s -> %s%s\n", dotID(need), dotID(e.Name.Value), style)
		}
	}
	if last := answering(f); last != nil {
		fmt.Fprintf(&b, "  %s -> answer\n", dotID(last.Name.Value))
	}
	b.WriteString("}\n")
	return b.String()
}

// dotID names a node: executors are quoted and prefixed, so that none is taken for the gateway or a word of DOT's.
func dotID(name string) string {
	if name == gatewayName {
		return name
	}
	return dotText("executor " + name)
}

func dotText(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(text) + `"`
}

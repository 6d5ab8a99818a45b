package plugin

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/helm-flow/helm-flow/flow"
	"github.com/helm-flow/helm-flow/internal/chart"
	"github.com/helm-flow/helm-flow/internal/values"
	"github.com/helm-flow/helm-flow/plugin/explain"
)

// shownFields is how many fields of objects the text shows of each value; JSON has all of them.
const shownFields = 6

type explainCommand struct {
	env    *Env
	input  flowInput
	output choice
	line   int

	mu        sync.Mutex        // guards what follows
	variables map[string]string // that the flow has asked for
}

func newExplainCommand(env *Env) *cobra.Command {
	c := &explainCommand{env: env, output: choice{value: "text", of: []string{"text", "json"}}, variables: make(map[string]string)}
	recording := *env
	recording.LookupEnv = c.lookupEnv
	c.input.env = &recording
	cmd := &cobra.Command{
		Use:   "explain FLOW",
		Short: "Show what each line of a flow becomes",
		Long: `Show what each line of a flow becomes: the chart's values, and the fields of objects that are as they are because of it, and whose pods are
replaced when it changes.

FLOW is the path of a flow.yml, or - for standard input. The chart is rendered again without each value, or with another one, and what differs
is what the value does; so --set and -f count too. Environment variables of the flow, metadata, what comes from variables, and what is called a
secret, is not shown.`,
		Example: `  helm flow explain flow.yml
  helm flow explain flow.yml --line 12
  helm flow explain flow.yml -o json`,
		Args:              flowArg,
		ValidArgsFunction: completeFlow,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.run(cmd.Context(), args[0])
		},
	}
	c.input.addFlags(cmd.Flags())
	cmd.Flags().IntVar(&c.line, "line", 0, "explain this line alone")
	c.output.addTo(cmd, "format of the result")
	return cmd
}

// lookupEnv remembers what the flow asks for.
func (c *explainCommand) lookupEnv(name string) (string, bool) {
	value, ok := c.env.LookupEnv(name)
	if ok {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.variables[name] = value
	}
	return value, ok
}

func (c *explainCommand) run(ctx context.Context, path string) error {
	source, err := c.source(path)
	if err != nil {
		return err
	}
	f, err := c.input.load(path)
	if err != nil {
		return err
	}
	v, err := c.input.values(f, values.Options{PythonSources: true})
	if err != nil {
		return err
	}
	origins := values.Trace(f)
	if c.line > 0 {
		origins = slices.DeleteFunc(origins, func(o values.Origin) bool { return o.Pos.Line != c.line })
	}
	progress := c.env.progress()
	defer progress.stop()
	secrets := explain.FindSecrets(source, isTemplate(path), c.variables)
	lines, err := explain.Explain(ctx, origins, explain.Options{
		Values: v,
		Render: func(values map[string]any) ([]chart.Manifest, error) {
			return chart.Render(chart.Options{Release: "demo", Namespace: c.env.helm.Namespace(), Values: values})
		},
		Secrets:  secrets,
		Progress: func(done, of int) { progress.step("explaining", fmt.Sprintf("%d of %d values", done, of), false) },
	})
	progress.stop()
	if err != nil {
		return interrupted(err)
	}
	if c.output.value == "json" {
		return printJSON(c.env.Stdout, lines)
	}
	var out bytes.Buffer
	c.print(&out, source, secrets, lines)
	_, err = c.env.Stdout.Write(out.Bytes())
	return err
}

// source gives the text of the file, and puts standard input back to be read again. What cannot be read is said by flow.ReadFile.
func (c *explainCommand) source(path string) (string, error) {
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return "", nil
		}
		defer file.Close()
		text, _ := io.ReadAll(io.LimitReader(file, maxStdin))
		return string(text), nil
	}
	text, err := io.ReadAll(io.LimitReader(c.env.Stdin, maxStdin))
	if err != nil {
		return "", flow.Faults{{File: stdinName, What: fmt.Sprintf("cannot be read: %v", err)}}
	}
	c.input.env.Stdin = bytes.NewReader(text)
	return string(text), nil
}

// print writes the file, and below each line what it became.
func (c *explainCommand) print(out io.Writer, source string, secrets *explain.Secrets, lines []explain.Line) {
	p := painter{c.env.Color(c.env.Stdout)}
	byLine := make(map[int][]explain.Line)
	for _, l := range lines {
		byLine[l.Line] = append(byLine[l.Line], l)
	}
	texts := strings.Split(strings.TrimRight(source, "\n"), "\n")
	margin := len(fmt.Sprint(len(texts)))
	for i, text := range texts {
		number := i + 1
		if c.line > 0 && c.line != number {
			continue
		}
		fmt.Fprintf(out, "%s  %s\n", p.paint(dim, fmt.Sprintf("%*d", margin, number)), secrets.MaskLine(number, strings.TrimRight(text, "\r")))
		indent := strings.Repeat(" ", margin+2+len(text)-len(strings.TrimLeft(text, " ")))
		for _, l := range byLine[number] {
			for _, v := range l.Values {
				printValue(out, p, indent, v)
			}
		}
	}
}

func printValue(out io.Writer, p painter, indent string, v explain.Value) {
	title := v.Path
	if v.Value != "" && len(v.Value) < 60 {
		title += ": " + v.Value
	}
	note := map[explain.Why]string{
		explain.Set: "", explain.Default: "as the chart would have it", explain.Required: "needed", explain.Nothing: "no object changes with it",
	}[v.Why]
	if note != "" {
		note = "  " + p.paint(dim, "("+note+")")
	}
	fmt.Fprintf(out, "%s%s%s\n", indent, p.paint(cyan, "→ "+title), note)
	inner := indent + "    "
	shown := v.Fields[:min(len(v.Fields), shownFields)]
	for _, f := range shown {
		fmt.Fprintf(out, "%s%s\n", inner, describeField(p, f))
	}
	if more := len(v.Fields) - len(shown); more > 0 {
		fmt.Fprintf(out, "%s%s\n", inner, p.paint(dim, fmt.Sprintf("and %d more, which -o json shows", more)))
	}
	if len(v.Rolls) > 0 {
		fmt.Fprintf(out, "%s%s\n", inner, p.paint(yellow, "a change replaces the pods of "+strings.Join(v.Rolls, ", ")))
	}
}

func describeField(p painter, f explain.Field) string {
	object := p.paint(bold, f.Kind+" "+f.Name)
	switch {
	case f.Field == "" && f.Gone:
		return "no " + object
	case f.Field == "":
		return object
	case f.Gone:
		return object + "  no " + f.Field
	}
	value := f.Value
	if first, _, more := strings.Cut(value, "\n"); more || len(value) > 80 {
		value = first[:min(len(first), 80)] + "…"
	}
	return object + "  " + f.Field + ": " + p.paint(green, value)
}

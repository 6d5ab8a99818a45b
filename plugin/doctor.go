package plugin

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// health is the status of a diagnosis.
type health string

const (
	healthy health = "ok"
	// doubtful works, and not all of it, or not for long.
	doubtful health = "warning"
	broken   health = "error"
	// unchecked says why a check was not made.
	unchecked health = "skipped"
)

// diagnosis is what a check found.
type diagnosis struct {
	Check  string `json:"check"`
	Status health `json:"status"` // ok, warning, error or skipped
	What   string `json:"what"`
	Cure   string `json:"cure"` // what to do; empty where nothing is to be done
}

// doctorCheck looks at one thing and gives one diagnosis or several of it. Its name is filled in by doctor.
type doctorCheck struct {
	name string
	run  func(context.Context, *doctorCommand) []diagnosis
}

// doctorChecks are made in this order.
var doctorChecks = []doctorCheck{
	{"helm", checkHelm},
	{"plugins", checkPlugins},
	{"chart", checkChart},
	{"programs", checkPrograms},
	{"hub map", checkHubMap},
	{"flow", checkFlow},
}

type doctorCommand struct {
	env    *Env
	input  flowInput
	output choice
	// flow is the path of a flow; empty without one.
	flow string
}

func newDoctorCommand(env *Env) *cobra.Command {
	c := &doctorCommand{env: env, input: flowInput{env: env}, output: choice{value: "text", of: []string{"text", "json"}}}
	cmd := &cobra.Command{
		Use:   "doctor [FLOW]",
		Short: "Find out what is wrong with this Helm, its plugins and this plugin",
		Long: `Find out what is wrong with this Helm, its plugins and this plugin, and with a flow, if one is named; and what to do about it.

The exit code is 2 if something is wrong.`,
		Example: `  helm flow doctor
  helm flow doctor flow.yml -o json`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeFlow,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				c.flow = args[0]
			}
			return c.run(cmd.Context())
		},
	}
	c.input.addFlags(cmd.Flags())
	c.output.addTo(cmd, "format of the result")
	return cmd
}

func (c *doctorCommand) run(ctx context.Context) error {
	progress := c.env.progress()
	defer progress.stop()
	all := []diagnosis{}
	for _, check := range doctorChecks {
		progress.step(check.name, "", false)
		for _, d := range check.run(ctx, c) {
			d.Check = check.name
			all = append(all, d)
		}
	}
	progress.stop()
	if err := c.print(all); err != nil {
		return err
	}
	if slices.ContainsFunc(all, func(d diagnosis) bool { return d.Status == broken || d.Status == doubtful }) {
		return reported{errFindings}
	}
	return nil
}

// statusSigns are how a terminal shows a status: sign and colour.
var statusSigns = map[health][2]string{
	healthy: {"✓", green}, doubtful: {"!", yellow}, broken: {"✗", red}, unchecked: {"·", dim},
}

func (c *doctorCommand) print(all []diagnosis) error {
	if c.output.value == "json" {
		return printJSON(c.env.Stdout, all)
	}
	p := painter{c.env.Color(c.env.Stdout)}
	width := 0
	for _, check := range doctorChecks {
		width = max(width, len(check.name))
	}
	var out bytes.Buffer
	for _, d := range all {
		sign := statusSigns[d.Status]
		fmt.Fprintf(&out, "%s %-*s  %s\n", p.paint(sign[1], sign[0]), width, d.Check, indentMore(d.What, width+4))
		if d.Cure != "" {
			fmt.Fprintf(&out, "  %*s  %s\n", width, "", p.paint(bold, "→ "+indentMore(d.Cure, width+6)))
		}
	}
	_, err := c.env.Stdout.Write(out.Bytes())
	return err
}

// indentMore indents the lines of a text after its first.
func indentMore(text string, by int) string {
	return strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n"+strings.Repeat(" ", by))
}

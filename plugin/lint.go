package plugin

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/helm-flow/helm-flow/flow"
	"github.com/helm-flow/helm-flow/internal/chart"
	"github.com/helm-flow/helm-flow/internal/values"
)

type lintCommand struct {
	env    *Env
	input  flowInput
	output choice
	strict bool
	fix    bool
}

func newLintCommand(env *Env) *cobra.Command {
	c := &lintCommand{env: env, input: flowInput{env: env}, output: choice{value: "text", of: []string{"text", "json", "sarif"}}}
	cmd := &cobra.Command{
		Use:   "lint FLOW",
		Short: "Find every fault of a flow, with its line",
		Long: `Find every fault of a flow, with its line.

FLOW is the path of a flow.yml, or - for standard input. Each line of the result is FILE:LINE:COLUMN: what is wrong, what was expected;
what to do. Warnings are what the flow says without effect, and what keeps it from a cluster.

--fix mends in the file what takes no thought, such as a misspelt field with one likely name, and writes abbreviations out; comments and layout
stay. What is left is reported.

The exit code is 3 if the flow is invalid, 2 if it has warnings and --strict is given, and else 0.`,
		Example: `  helm flow lint flow.yml
  helm flow lint flow.yml --strict -o json
  helm flow lint flow.yml --fix
  helm flow lint flow.yml -o sarif > flow.sarif`,
		Args:              flowArg,
		ValidArgsFunction: completeFlow,
		RunE:              func(_ *cobra.Command, args []string) error { return c.run(args[0]) },
	}
	c.input.addFlags(cmd.Flags())
	c.output.addTo(cmd, "format of the result")
	cmd.Flags().BoolVar(&c.strict, "strict", false, "warnings fail with exit code 2")
	cmd.Flags().BoolVar(&c.fix, "fix", false, "mend the file first, where that takes no thought")
	return cmd
}

func (c *lintCommand) run(path string) error {
	if c.fix {
		if err := c.mend(path); err != nil {
			return err
		}
	}
	faults, warnings, err := c.lint(path)
	if err != nil {
		return err
	}
	if err := c.print(faults, warnings); err != nil {
		return err
	}
	switch {
	case len(faults) > 0:
		return reported{faults}
	case len(warnings) > 0 && c.strict:
		return reported{errFindings}
	}
	return nil
}

// mend writes the file anew if something in it can be mended.
func (c *lintCommand) mend(path string) error {
	if path == "-" {
		return errors.New("--fix changes a file, and standard input is none")
	}
	opts, err := c.input.options(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxStdin {
		return nil // which flow.ReadFile will say
	}
	source, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	fixed, edits := flow.Fix(path, source, opts)
	if edits > 0 {
		if err := replaceFile(path, fixed, info.Mode().Perm()); err != nil {
			return err
		}
	}
	fmt.Fprintf(c.env.Stderr, "fixed: %d\n", edits)
	return nil
}

// replaceFile writes a file whole or not at all.
func replaceFile(path string, text []byte, mode fs.FileMode) error {
	// The file itself, where path is a link to it.
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	next, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	_, err = next.Write(text)
	err = errors.Join(err, next.Chmod(mode), next.Close())
	if err == nil {
		err = os.Rename(next.Name(), path)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(next.Name()))
	}
	return err
}

// lint gives what keeps the flow from running anywhere, and what is only worth knowing.
func (c *lintCommand) lint(path string) (faults, warnings flow.Faults, err error) {
	f, err := c.input.read(path)
	if faults, ok := errors.AsType[flow.Faults](err); ok {
		return faults, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	warnings = f.Warnings
	// Python sources are no fault on a laptop.
	_, err = c.input.render(f, values.Options{PythonSources: true}, chart.Options{Release: "flow"})
	if faults, ok := errors.AsType[flow.Faults](err); ok {
		return faults, warnings, nil
	}
	if invalid, ok := errors.AsType[*chart.InvalidValues](err); ok {
		for _, fault := range invalid.Faults {
			faults = append(faults, flow.Fault{File: f.Path, What: fault})
		}
		return faults, warnings, nil
	}
	if err != nil {
		return nil, nil, err
	}
	_, err = values.FromFlow(f, values.Options{})
	if forCluster, ok := errors.AsType[flow.Faults](err); ok {
		return nil, append(warnings, forCluster...), nil
	}
	return nil, warnings, err
}

func (c *lintCommand) print(faults, warnings flow.Faults) error {
	switch c.output.value {
	case "json":
		return c.printJSON(faults, warnings)
	case "sarif":
		return printJSON(c.env.Stdout, sarif(faults, warnings))
	}
	printFaults(c.env.Stdout, faults)
	printFaults(c.env.Stdout, asWarnings(warnings))
	fmt.Fprintf(c.env.Stderr, "faults: %d, warnings: %d\n", len(faults), len(warnings))
	return nil
}

// finding is a fault in JSON.
type finding struct {
	Severity string `json:"severity"` // error or warning
	File     string `json:"file"`
	Line     int    `json:"line"`   // 0: the whole file
	Column   int    `json:"column"` // in characters, from 1
	What     string `json:"what"`
	Expected string `json:"expected"`
	Cure     string `json:"cure"`
	// Fix is an edit that mends it, if there is one that needs no thought.
	Fix *edit `json:"fix,omitempty"`
}

// edit replaces the text from one place up to another. Lines and columns count from 1.
type edit struct {
	Line      int    `json:"line"`
	Column    int    `json:"column"`
	EndLine   int    `json:"endLine"`
	EndColumn int    `json:"endColumn"` // of the first character that stays
	Text      string `json:"text"`
}

func (c *lintCommand) printJSON(faults, warnings flow.Faults) error {
	findings := []finding{}
	add := func(severity string, list flow.Faults) {
		for _, f := range list {
			found := finding{severity, f.File, f.Line, f.Column, f.What, f.Expected, f.Cure, nil}
			if f.Fix != nil {
				found.Fix = &edit{f.Fix.Start.Line, f.Fix.Start.Column, f.Fix.End.Line, f.Fix.End.Column, f.Fix.Text}
			}
			findings = append(findings, found)
		}
	}
	add("error", faults)
	add("warning", warnings)
	return printJSON(c.env.Stdout, findings)
}

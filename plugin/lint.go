package plugin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
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

--fix writes the file anew with what can be mended without a thought: misspelt names, words of older versions, abbreviations, deprecated variables.
Comments and layout stay.

The exit code is 3 if the flow is invalid, 2 if it has warnings and --strict is given, and else 0.`,
		Example: `  helm flow lint flow.yml
  helm flow lint flow.yml --strict -o json
  helm flow lint flow.yml --fix`,
		Args: flowArg,
		RunE: func(_ *cobra.Command, args []string) error { return c.run(args[0]) },
	}
	c.input.addFlags(cmd.Flags())
	cmd.Flags().VarP(&c.output, "output", "o", "format of the result")
	cmd.Flags().BoolVar(&c.strict, "strict", false, "warnings fail with exit code 2")
	cmd.Flags().BoolVar(&c.fix, "fix", false, "mend in the file what can be mended")
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

// mend writes the file anew, if there is anything to mend in it.
func (c *lintCommand) mend(path string) error {
	if path == "-" {
		return errors.New("--fix needs the path of a flow.yml, not standard input")
	}
	opts, err := c.input.options(path)
	if err != nil {
		return err
	}
	// A link stays one, as its target is replaced.
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil // the lint says so
	}
	info, err := os.Stat(target)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxStdin {
		return nil
	}
	src, err := os.ReadFile(target)
	if err != nil {
		return nil
	}
	fixed, edits := flow.Fix(path, src, opts)
	if edits == 0 {
		return nil
	}
	if err := replaceFile(target, fixed, info.Mode().Perm()); err != nil {
		return fmt.Errorf("mend %s: %w", path, err)
	}
	fmt.Fprintf(c.env.Stderr, "mended: %d\n", edits)
	return nil
}

// replaceFile writes a file so that there is never half of it.
func replaceFile(path string, content []byte, mode os.FileMode) error {
	temporary, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name())
	_, err = temporary.Write(content)
	err = errors.Join(err, temporary.Chmod(mode), temporary.Close())
	if err != nil {
		return err
	}
	return os.Rename(temporary.Name(), path)
}

func (c *lintCommand) print(faults, warnings flow.Faults) error {
	switch c.output.value {
	case "json":
		return printFindings(c.env.Stdout, findings(faults, warnings))
	case "sarif":
		return printFindings(c.env.Stdout, sarif(faults, warnings))
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
	Fix      *edit  `json:"fix,omitempty"` // what --fix does about it
}

// edit is a text for what stands from a place up to, but not at, another.
type edit struct {
	StartLine   int    `json:"startLine"`
	StartColumn int    `json:"startColumn"`
	EndLine     int    `json:"endLine"`
	EndColumn   int    `json:"endColumn"`
	Text        string `json:"text"`
}

func findings(faults, warnings flow.Faults) []finding {
	list := []finding{}
	add := func(severity string, faults flow.Faults) {
		for _, f := range faults {
			found := finding{severity, f.File, f.Line, f.Column, f.What, f.Expected, f.Cure, nil}
			if e := f.Fix; e != nil {
				found.Fix = &edit{e.Start.Line, e.Start.Column, e.End.Line, e.End.Column, e.Text}
			}
			list = append(list, found)
		}
	}
	add("error", faults)
	add("warning", warnings)
	return list
}

func printFindings(w io.Writer, list any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(list)
}

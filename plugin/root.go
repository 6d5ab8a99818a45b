// Package plugin is the command line of helm flow: one file per command.
package plugin

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
)

// Main runs the command that env.Args name and returns the exit code.
func Main(ctx context.Context, env *Env) int {
	root := newRootCommand(env)
	root.SetArgs(env.Args)
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(env.Stderr, "Error:", err)
		return exitCode(err)
	}
	return exitOK
}

func newRootCommand(env *Env) *cobra.Command {
	root := &cobra.Command{
		Use:   "helm-flow",
		Short: "Inference flows on Kubernetes, by Helm",
		Long: `Inference flows on Kubernetes, by Helm.

A flow.yml in Jina 3's format becomes values for one generic chart. The same flow runs on a laptop with no cluster.

Exit codes: 0 ok, 1 failed, 2 findings, 3 invalid flow, 4 Helm missing or too old.`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	if env.Getenv("HELM_PLUGIN_NAME") != "" {
		root.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: "helm flow"}
	}
	root.SetIn(env.Stdin)
	root.SetOut(env.Stdout)
	root.SetErr(env.Stderr)

	env.color = colorAuto
	root.PersistentFlags().Var(&env.color, "color", "colours in the output")

	root.AddCommand(
		newVersionCommand(env),
	)
	return root
}

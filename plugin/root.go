// Package plugin is the command line of helm flow: one file per command.
package plugin

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"helm.sh/helm/v3/pkg/cli"

	"github.com/helm-flow/helm-flow/flow"
)

// Main runs the command that env.Args name and returns the exit code.
func Main(ctx context.Context, env *Env) int {
	root := newRootCommand(env)
	root.SetArgs(env.Args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	if _, ok := errors.AsType[reported](err); ok {
		return exitCode(err)
	}
	if faults, ok := errors.AsType[flow.Faults](err); ok {
		printFaults(env.Stderr, faults)
	} else {
		fmt.Fprintln(env.Stderr, "Error:", err)
	}
	return exitCode(err)
}

func newRootCommand(env *Env) *cobra.Command {
	root := &cobra.Command{
		Use:   "helm-flow",
		Short: "Inference flows on Kubernetes, by Helm",
		Long: `Inference flows on Kubernetes, by Helm.

A flow.yml in Jina 3's format becomes values for one generic chart. The same flow runs on a laptop with no cluster.

Exit codes: 0 ok, 1 failed, 2 differences or findings, 3 invalid flow or values, 4 no Helm, or one that is too old.`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	if env.Getenv("HELM_PLUGIN_NAME") != "" {
		root.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: "helm flow"}
	}
	root.SetIn(env.Stdin)
	root.SetOut(env.Stdout)
	root.SetErr(env.Stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())
	})

	addGlobalFlags(env, root)

	root.AddCommand(
		newBuildCommand(env),
		newDiffCommand(env),
		newDoctorCommand(env),
		newExplainCommand(env),
		newExportCommand(env),
		newGetterCommand(env),
		newGraphCommand(env),
		newGuardCommand(env),
		newInitCommand(env),
		newInstallCommand(env),
		newLintCommand(env),
		newLoadCommand(env),
		newPostCommand(env),
		newRunCommand(env),
		newTemplateCommand(env),
		newUpgradeCommand(env),
		newValuesCommand(env),
		newVersionCommand(env),
	)
	return root
}

// addGlobalFlags adds Helm's global flags and --color. Helm takes its own off the command line before it starts a plugin,
// and hands them on as variables, which are the flags' defaults here; they can be given to helm-flow alone.
func addGlobalFlags(env *Env, root *cobra.Command) {
	flags := root.PersistentFlags()
	env.helm = cli.New()
	env.helm.AddFlags(flags)
	// Their defaults may be secrets, and help shows defaults.
	flags.VisitAll(func(f *pflag.Flag) { f.Hidden = f.Name != "namespace" })

	env.color = choice{value: "auto", of: []string{"never", "auto", "always"}}
	flags.Var(&env.color, "color", "colours in the output")
	env.color.completeAs(root, "color")
}

package plugin

import (
	"github.com/spf13/cobra"

	"github.com/helm-flow/helm-flow/internal/local"
)

// guardCommand is the name of the command that run starts to outlive it.
const guardCommand = "guard"

func newGuardCommand(env *Env) *cobra.Command {
	return &cobra.Command{
		Use:    guardCommand,
		Short:  "Stop the processes of a run that has ended",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE:   func(*cobra.Command, []string) error { return local.Guard(env.Stdin) },
	}
}

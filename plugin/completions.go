package plugin

import (
	"bytes"
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/helm-flow/helm-flow/plugin/helm"
)

// completionTimeout bounds how long a key press may wait for a cluster.
const completionTimeout = 2 * time.Second

// flowExtensions are those of files that may be flows; the shell completes them, and folders.
var flowExtensions = []string{"yml", "yaml", "tmpl", "gotmpl"}

// completeFlow completes the argument of commands that take one flow.
func completeFlow(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return flowExtensions, cobra.ShellCompDirectiveFilterFileExt
}

// completeNewNameAndFlow completes the flow after a name that is the user's to invent.
func completeNewNameAndFlow(cmd *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return completeFlow(cmd, args[1:], toComplete)
}

// completeReleaseAndFlow completes the name of a release that is there, then a flow.
func completeReleaseAndFlow(env *Env) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
		if len(args) == 0 {
			return releases(cmd.Context(), env, toComplete), cobra.ShellCompDirectiveNoFileComp
		}
		return completeFlow(cmd, args[1:], toComplete)
	}
}

// releases asks Helm; what goes wrong is no help to somebody who presses a key.
func releases(ctx context.Context, env *Env, prefix string) []string {
	ctx, cancel := context.WithTimeout(ctx, completionTimeout)
	defer cancel()
	h, err := helm.Find(ctx, env.Getenv("HELM_BIN"))
	if err != nil {
		return nil
	}
	var out bytes.Buffer
	if err := h.Run(ctx, helm.Command{Args: []string{"list", "--short"}, Env: env.helmVariables(), Stdout: &out}); err != nil {
		return nil
	}
	var names []string
	for name := range strings.FieldsSeq(out.String()) {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	return names
}

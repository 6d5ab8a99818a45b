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

// completeFolder completes the argument of commands that take one folder.
func completeFolder(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return nil, cobra.ShellCompDirectiveFilterDirs
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
	var names []string
	for name := range strings.FieldsSeq(askHelm(ctx, env, "list", "--short")) {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	return names
}

// askHelm gives what Helm writes on stdout; nothing if it fails, or takes too long.
func askHelm(ctx context.Context, env *Env, args ...string) string {
	ctx, cancel := context.WithTimeout(ctx, completionTimeout)
	defer cancel()
	h, err := helm.Find(ctx, env.Getenv("HELM_BIN"))
	if err != nil {
		return ""
	}
	var out bytes.Buffer
	if err := h.Run(ctx, helm.Command{Args: args, Env: env.helmVariables(), Stdout: &out}); err != nil {
		return ""
	}
	return out.String()
}

// addHelmsFlags adds those flags of Helm's verb that cmd has not, so that shells complete them.
func addHelmsFlags(env *Env, cmd *cobra.Command, verb string) {
	cmd.FParseErrWhitelist.UnknownFlags = true // there may be no Helm to ask
	for line := range strings.Lines(askHelm(context.Background(), env, cobra.ShellCompRequestCmd, verb, "--")) {
		name, usage, _ := strings.Cut(strings.TrimSpace(line), "\t")
		name, isFlag := strings.CutPrefix(name, "--")
		if name = strings.TrimSuffix(name, "="); !isFlag || cmd.Flag(name) != nil || cmd.Root().PersistentFlags().Lookup(name) != nil {
			continue
		}
		if helm.IsBoolean(verb, name) {
			cmd.Flags().Bool(name, false, usage)
		} else {
			cmd.Flags().String(name, "", usage)
		}
	}
}

package plugin

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"
	helmplugin "helm.sh/helm/v3/pkg/plugin"

	"github.com/helm-flow/helm-flow/plugins"
)

// getterName is that of the plugin for flow://, and of its folder.
const getterName = "flow-getter"

// getterProgram is the program in the folder of that plugin.
var getterProgram = "helm-flow" + exeSuffix

// exeSuffix is what the names of programs end with.
var exeSuffix = map[bool]string{true: ".exe"}[runtime.GOOS == "windows"]

func newGetterCommand(env *Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "getter",
		Short: "Let Helm's own commands read flows: -f flow://flow.yml",
		Long: `Let Helm's own commands read flows, as values files: helm install demo repo/flow -f flow://flow.yml.

That takes a second plugin, ` + getterName + `. It comes as an archive of its own, and out of this program by helm flow getter install.

What stands after flow:// is the path of a flow.yml, relative to the working directory; flow:flow.yml and flow:///abs/flow.yml are understood too.
Its parameters are the flags of helm flow values: flow://flow.yml?set=gateway.prefetch=5&context=env=prod&lenient.

Where Argo CD renders, which ARGOCD_APP_NAME tells, flows and the files that they name must lie in the working directory, and flows see no
environment variables but those that begin with ARGOCD_.`,
		Args: cobra.NoArgs,
	}
	cmd.AddCommand(newGetterInstallCommand(env), newGetterDownloadCommand(env))
	return cmd
}

func newGetterInstallCommand(env *Env) *cobra.Command {
	return &cobra.Command{
		Use:   "install",
		Short: "Install the plugin " + getterName + " with this program",
		Long: `Install the plugin ` + getterName + ` with this program, or bring the one that is there up to date. helm plugin uninstall ` + getterName + `
removes it.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			self, err := os.Executable()
			if err != nil {
				return fmt.Errorf("where this program lies: %w", err)
			}
			folders := filepath.SplitList(env.helm.PluginsDirectory)
			if len(folders) == 0 {
				return errors.New("HELM_PLUGINS names no folder for plugins")
			}
			dir := filepath.Join(folders[0], getterName)
			if err := installGetter(dir, self); err != nil {
				return err
			}
			_, err = fmt.Fprintf(env.Stdout, "Installed plugin: %s in %s\n", getterName, dir)
			return err
		},
	}
}

// installGetter makes the plugin's folder. Its program is a link to this one, so that it follows updates; on Windows, where links take rights, a copy.
func installGetter(dir, program string) error {
	to := filepath.Join(dir, getterProgram)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, helmplugin.PluginFileName), plugins.FlowGetter, 0o644); err != nil {
		return err
	}
	if runtime.GOOS != "windows" {
		return os.Symlink(program, to)
	}
	return copyProgram(program, to)
}

func copyProgram(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// newGetterDownloadCommand is what Helm calls, with the files of a TLS client, which mean nothing here, and the URL.
func newGetterDownloadCommand(env *Env) *cobra.Command {
	return &cobra.Command{
		Use:    "download CERT KEY CA URL",
		Short:  "Print the values of the flow at a flow:// URL",
		Hidden: true,
		Args:   cobra.ExactArgs(4),
		RunE: func(_ *cobra.Command, args []string) error {
			return download(env, args[3])
		},
	}
}

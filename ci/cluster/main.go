// Command cluster makes a real Kubernetes for tests, from Go modules and a few Debian packages, in namespaces of its own. See README.md.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/helm-flow/helm-flow/ci/cluster/node"
	"github.com/spf13/cobra"
)

// exitFindings is the exit code of `status` when a cluster is not what it should be.
const exitFindings = 2

var errFindings = errors.New("the cluster is not up")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	err := rootCommand().ExecuteContext(ctx)
	switch {
	case errors.Is(err, errFindings):
		os.Exit(exitFindings)
	case err != nil:
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "cluster",
		Short:         "A Kubernetes for tests",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	name := root.PersistentFlags().String("name", "default", "which cluster; several can run side by side")
	with := func(run func(cmd *cobra.Command, c cluster, args []string) error) func(*cobra.Command, []string) error {
		return func(cmd *cobra.Command, args []string) error {
			c, err := openCluster(*name)
			if err != nil {
				return err
			}
			return run(cmd, c, args)
		}
	}
	root.AddCommand(
		upCommand(with),
		&cobra.Command{
			Use:   "down",
			Short: "Stop the cluster and remove all of it",
			Args:  cobra.NoArgs,
			RunE:  with(func(cmd *cobra.Command, c cluster, _ []string) error { return c.down(cmd.Context()) }),
		},
		statusCommand(with),
		kubeconfigCommand(with),
		&cobra.Command{
			Use:   "push LAYOUT|TARBALL IMAGE...",
			Short: "Give the cluster an image; pods pull it by the same name",
			Args:  cobra.MinimumNArgs(2),
			RunE: with(func(cmd *cobra.Command, c cluster, args []string) error {
				return c.push(cmd.Context(), args[0], args[1:])
			}),
		},
		&cobra.Command{
			Use:     "exec -- PROGRAM [ARGUMENT...]",
			Short:   "Run a program of this machine in the cluster's network",
			Example: "  cluster exec -- kubectl get pods\n  cluster exec -- curl http://demo.default.svc.cluster.local:8080",
			Args:    cobra.MinimumNArgs(1),
			RunE:    with(func(_ *cobra.Command, c cluster, args []string) error { return c.exec(args) }),
		},
		&cobra.Command{
			Use:    "node DIR",
			Hidden: true,
			Args:   cobra.ExactArgs(1),
			RunE:   func(_ *cobra.Command, args []string) error { return node.Run(args[0]) },
		},
	)
	return root
}

// withCluster makes a command's function out of one that takes the cluster named by the flag.
type withCluster func(run func(cmd *cobra.Command, c cluster, args []string) error) func(*cobra.Command, []string) error

func upCommand(with withCluster) *cobra.Command {
	var o upOptions
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Bring the cluster up, unless it is",
		Args:  cobra.NoArgs,
		RunE: with(func(cmd *cobra.Command, c cluster, _ []string) error {
			o.say = func(format string, args ...any) { fmt.Fprintf(cmd.ErrOrStderr(), format+"\n", args...) }
			return c.up(cmd.Context(), o)
		}),
	}
	cmd.Flags().BoolVar(&o.apiOnly, "api-only", false, "only the API and its controllers: pods are said to run, but nothing does; needs no root")
	return cmd
}

func statusCommand(with withCluster) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "status",
		Short: fmt.Sprintf("Show the cluster; exit code %d if it is not up", exitFindings),
		Args:  cobra.NoArgs,
		RunE: with(func(cmd *cobra.Command, c cluster, _ []string) error {
			if output != "" && output != "json" {
				return fmt.Errorf("--output %q: expected json", output)
			}
			s, err := c.status()
			if err != nil {
				return err
			}
			if err := s.measure(); err != nil {
				return err
			}
			if err := s.print(cmd.OutOrStdout(), output == "json"); err != nil {
				return err
			}
			if !s.ok() {
				return errFindings
			}
			return nil
		}),
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "json")
	return cmd
}

// userLifetime is how long the kubeconfig of a user or a service account is good for.
const userLifetime = 24 * time.Hour

func kubeconfigCommand(with withCluster) *cobra.Command {
	var user, account string
	var groups []string
	cmd := &cobra.Command{
		Use:   "kubeconfig",
		Short: "Print a kubeconfig: of the admin, a user or a service account",
		Long: "Print a kubeconfig. The admin's is good for as long as the cluster's certificates, those of users and service accounts for a day.\n" +
			"A user needs no object in the cluster, but roles that are bound to the name or a group.",
		Args: cobra.NoArgs,
		RunE: with(func(cmd *cobra.Command, c cluster, _ []string) error {
			if _, ok := c.running(); !ok {
				return c.notRunning()
			}
			text, err := c.kubeconfigOf(cmd.Context(), subject{name: user, groups: groups, lifetime: userLifetime}, account)
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(text)
			return err
		}),
	}
	cmd.Flags().StringVar(&user, "user", "", "name of a user")
	cmd.Flags().StringSliceVar(&groups, "group", nil, "groups of that user")
	cmd.Flags().StringVar(&account, "service-account", "", "NAMESPACE/NAME of a service account")
	cmd.MarkFlagsMutuallyExclusive("user", "service-account")
	return cmd
}

// kubeconfigOf makes the kubeconfig of a user or an account, without either the admin's.
func (c cluster) kubeconfigOf(ctx context.Context, user subject, account string) ([]byte, error) {
	if user.name == "" && account == "" {
		if len(user.groups) > 0 {
			return nil, errors.New("--group: expected --user beside it")
		}
		return os.ReadFile(c.path(adminKubeconfig))
	}
	spec, err := c.spec()
	if err != nil {
		return nil, err
	}
	ca, err := readKeyPair(c.path("etc/kubernetes/pki"), "ca")
	if err != nil {
		return nil, err
	}
	if account == "" {
		return userKubeconfig(ca, user, spec.APIPort)
	}
	namespace, name, ok := strings.Cut(account, "/")
	if !ok || namespace == "" || name == "" {
		return nil, fmt.Errorf("--service-account %q: expected NAMESPACE/NAME", account)
	}
	token, err := c.kubectl(ctx, nil, "create", "token", name, "--namespace="+namespace, "--duration="+user.lifetime.String())
	if err != nil {
		return nil, err
	}
	return kubeconfig(ca, account, spec.APIPort, map[string]any{"token": strings.TrimSpace(token)})
}

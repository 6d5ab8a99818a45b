package plugin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/spf13/cobra"
	"helm.sh/helm/v3/pkg/helmpath"

	"github.com/helm-flow/helm-flow/images"
)

type buildCommand struct {
	env     *Env
	options images.Options
	outputs images.Outputs
	output  choice
}

func newBuildCommand(env *Env) *cobra.Command {
	c := &buildCommand{env: env, output: choice{value: "text", of: []string{"text", "json"}}}
	cmd := &cobra.Command{
		Use:   "build DIR",
		Short: "Make an image of an executor, without a container engine",
		Long: `Make an image of an executor, without a container engine.

DIR is the folder of an executor: a Go main package that calls executor.Main, or a Python executor with its config.yml. A Go program lies
alone on an empty base. A Python executor lies on --base, which has Python: its requirements.txt is installed by uv, and the folder is copied
but for what .dockerignore names. Either runs as user 65532.

--base debian needs no image and no registry: it is made of Debian's packages, by this machine's apt-get, which installs nothing here.

The same folder gives the same digest: files have no times and no owners. Images bear the time of $SOURCE_DATE_EPOCH, if that is set. Name
versions in requirements.txt, else it is the package index that decides.

The digest is the result; -o json tells more.`,
		Example: `  helm flow build examples/go-executor --push registry.example/team/upper:1 --platform linux/amd64,linux/arm64
  helm flow build examples/python-executor --base python:3.11-slim --tarball shouter.tar && docker load -i shouter.tar
  helm flow build examples/linkerd-demo/executor --base debian --push registry.example/team/heavy:1`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("%s takes the folder of one executor, got %d arguments", cmd.CommandPath(), len(args))
			}
			return nil
		},
		ValidArgsFunction: completeFolder,
		RunE:              func(cmd *cobra.Command, args []string) error { return c.run(cmd.Context(), args[0]) },
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&c.options.Platforms, "platform", []string{"linux/amd64"}, "platforms to build for; more than one make an index")
	flags.StringVar(&c.options.Base, "base", "", "what a Python executor lies on: an image, the folder of an OCI layout, a tarball of docker save, or debian")
	flags.StringToStringVar(&c.options.Labels, "label", nil, "label of the image, as NAME=VALUE")
	flags.StringVar(&c.outputs.Push, "push", "", "push to a registry, as REGISTRY/REPOSITORY:TAG")
	flags.StringVar(&c.outputs.Tarball, "tarball", "", "write a file for docker load; with several platforms, one for each with its name")
	flags.StringVar(&c.outputs.Layout, "layout", "", "write an OCI image layout to a folder")
	flags.StringVar(&c.outputs.Tag, "tag", "", "name of the image in tarball and layout (default: that of --push, or the folder's)")
	flags.StringVar(&c.outputs.SBOM, "sbom", "", "write an SBOM to a file, as SPDX in JSON, and attach it where the image is pushed or laid out")
	c.output.addTo(cmd, "format of the result")
	return cmd
}

func (c *buildCommand) run(ctx context.Context, dir string) error {
	// Who reads the output may go away; that, too, leaves no files behind.
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGPIPE)
	defer stop()
	if err := c.complete(dir); err != nil {
		return err
	}
	if err := c.outputs.Check(ctx); err != nil {
		return interrupted(err)
	}
	progress := startProgress(c.env.Stderr, c.env.draws())
	defer progress.stop()
	c.options.Progress, c.options.Warn = progress.step, progress.warn
	image, err := images.Build(ctx, c.options)
	if err != nil {
		return interrupted(err)
	}
	defer image.Close()
	if err := image.Write(ctx, c.outputs, progress.step); err != nil {
		return interrupted(err)
	}
	progress.stop()
	return c.print(image)
}

// complete fills in what flags have left out.
func (c *buildCommand) complete(dir string) error {
	c.options.Dir = dir
	c.options.Cache = helmpath.CachePath("flow", "layers")
	var err error
	if c.options.Created, err = images.SourceDate(c.env.Getenv("SOURCE_DATE_EPOCH")); err != nil {
		return err
	}
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	pushed := ""
	if tag, err := name.NewTag(c.outputs.Push); err == nil {
		pushed = tag.String()
	}
	c.outputs.Tag = cmp.Or(c.outputs.Tag, pushed, strings.ToLower(filepath.Base(absolute)))
	return nil
}

// interrupted says in plain words that the user has stopped a command.
func interrupted(err error) error {
	if errors.Is(err, context.Canceled) {
		return errors.New("interrupted; what was not finished is not there")
	}
	return err
}

// built is an image in JSON.
type built struct {
	Digest    string         `json:"digest"`
	Reference string         `json:"reference,omitzero"` // what to pull, if it was pushed
	Platforms []builtVariant `json:"platforms"`
}

type builtVariant struct {
	Platform string `json:"platform"`
	Digest   string `json:"digest"`
	Size     int64  `json:"size"` // of the layers, in bytes, compressed
}

func (c *buildCommand) print(image *images.Image) error {
	digest, err := image.Digest()
	if err != nil {
		return err
	}
	if c.output.value == "text" {
		_, err := fmt.Fprintln(c.env.Stdout, digest)
		return err
	}
	result := built{Digest: digest.String()}
	if c.outputs.Push != "" {
		ref, err := name.ParseReference(c.outputs.Push)
		if err != nil {
			return err
		}
		result.Reference = ref.Context().Digest(digest.String()).String()
	}
	for _, v := range image.Variants {
		variant, err := describeVariant(v)
		if err != nil {
			return err
		}
		result.Platforms = append(result.Platforms, variant)
	}
	return printJSON(c.env.Stdout, result)
}

func describeVariant(v images.Variant) (builtVariant, error) {
	digest, err := v.Image.Digest()
	if err != nil {
		return builtVariant{}, err
	}
	manifest, err := v.Image.Manifest()
	if err != nil {
		return builtVariant{}, err
	}
	var size int64
	for _, layer := range manifest.Layers {
		size += layer.Size
	}
	return builtVariant{v.Platform.String(), digest.String(), size}, nil
}

// Command images builds the images of flow-gateway and flow-executor without a container engine: for each a tarball per platform, an OCI image layout and
// an SBOM. Run it at the root of the repository.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/helm-flow/helm-flow/images"
	"github.com/helm-flow/helm-flow/internal/serve"
)

// repository is where the chart takes images from, if it is not told otherwise.
const repository = "ghcr.io/helm-flow"

var programs = []string{"flow-gateway", "flow-executor"}

// release is one run: all images of one version.
type release struct {
	root      string   // of the source
	out       string   // folder for files
	push      string   // repository to push to, or empty
	platforms []string // such as linux/amd64
	created   time.Time
	labels    map[string]string
	log       io.Writer
}

func main() {
	out := flag.String("out", filepath.Join("dist", "images"), "`folder` for tarballs, layouts and SBOMs")
	push := flag.String("push", "", "`repository` to push to, as registry.example/team")
	platforms := flag.String("platform", "linux/amd64,linux/arm64", "`platforms` to build for")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	r := &release{root: ".", out: *out, push: *push, platforms: strings.Split(*platforms, ","), log: os.Stderr}
	if err := r.run(ctx, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "images:", err)
		stop()
		os.Exit(1)
	}
}

func (r *release) run(ctx context.Context, stdout io.Writer) error {
	if err := r.describe(ctx); err != nil {
		return err
	}
	if err := os.MkdirAll(r.out, 0o755); err != nil {
		return err
	}
	for _, program := range programs {
		if err := r.build(ctx, program, stdout); err != nil {
			return fmt.Errorf("%s: %w", program, err)
		}
	}
	// That of this machine, if it is among them.
	platform := r.platforms[0]
	if own := "linux/" + runtime.GOARCH; slices.Contains(r.platforms, own) {
		platform = own
	}
	tarballs := filepath.Join(r.out, "flow-*-"+dashed(platform)+".tar")
	fmt.Fprintf(stdout, `
To load them, one of:
  kind load image-archive %[1]s
  for f in %[1]s; do sudo k3s ctr images import $f; done
  for f in %[1]s; do docker load --input $f; done
`, tarballs)
	return nil
}

// build builds the image of one program and writes it out.
func (r *release) build(ctx context.Context, program string, stdout io.Writer) error {
	tag := r.name(program)
	file := filepath.Join(r.out, program)
	outputs := images.Outputs{Tag: tag, Tarball: file + ".tar", Layout: file, SBOM: file + ".spdx.json"}
	if len(r.platforms) == 1 {
		outputs.Tarball = file + "-" + dashed(r.platforms[0]) + ".tar" // as tarballs of several are called
	}
	if r.push != "" {
		outputs.Push = tag
	}
	if err := outputs.Check(ctx); err != nil {
		return err
	}
	image, err := r.image(ctx, program)
	if err != nil {
		return err
	}
	defer image.Close()
	if err := image.Write(ctx, outputs, r.progress); err != nil {
		return err
	}
	digest, err := image.Digest()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "%s@%s\n", tag, digest)
	return err
}

func dashed(platform string) string { return strings.ReplaceAll(platform, "/", "-") }

// name is what the chart calls the program's image, in the repository that it is pushed to.
func (r *release) name(program string) string {
	return cmp.Or(strings.TrimSuffix(r.push, "/"), repository) + "/" + program + ":" + serve.Version
}

func (r *release) image(ctx context.Context, program string) (*images.Image, error) {
	return images.Build(ctx, images.Options{
		Dir: filepath.Join(r.root, "cmd", program), Platforms: r.platforms, Labels: r.labels, Created: r.created,
		Progress: r.progress, Warn: func(text string) { fmt.Fprintln(r.log, "Warning:", text) },
	})
}

func (r *release) progress(step, detail string, done bool) {
	if done {
		fmt.Fprintf(r.log, "%-24s %s\n", step, detail)
	}
}

// describe finds out what the images say of themselves. They are of the time of $SOURCE_DATE_EPOCH, or else of the commit, so that a commit always gives
// the same images.
func (r *release) describe(ctx context.Context) error {
	r.labels = map[string]string{
		"org.opencontainers.image.source":        "https://github.com/helm-flow/helm-flow",
		"org.opencontainers.image.version":       serve.Version,
		"org.opencontainers.image.licenses":      "Apache-2.0",
		"org.opencontainers.image.documentation": "https://github.com/helm-flow/helm-flow/tree/main/docs",
	}
	epoch := os.Getenv("SOURCE_DATE_EPOCH")
	commit, err := r.git(ctx, "log", "-1", "--format=%H %ct")
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		fmt.Fprintf(r.log, "Warning: no git checkout (%v); the images do not say which revision they are of\n", err)
	} else {
		revision, time, _ := strings.Cut(commit, " ")
		changed, err := r.git(ctx, "status", "--porcelain")
		if err != nil {
			return err
		}
		if changed != "" {
			revision += "-dirty"
		}
		r.labels["org.opencontainers.image.revision"] = revision
		epoch = cmp.Or(epoch, time)
	}
	r.created, err = images.SourceDate(epoch)
	return err
}

func (r *release) git(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = r.root
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err
}

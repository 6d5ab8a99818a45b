package plugin

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/helm-flow/helm-flow/internal/chart"
	"github.com/helm-flow/helm-flow/internal/values"
	"github.com/helm-flow/helm-flow/plugin/helm"
)

func one(s health, what, cure string) []diagnosis {
	return []diagnosis{{Status: s, What: what, Cure: cure}}
}

func checkHelm(ctx context.Context, c *doctorCommand) []diagnosis {
	h, err := helm.Find(ctx, c.env.Getenv("HELM_BIN"))
	if err != nil {
		return one(broken, err.Error(), "install Helm "+helm.Oldest.String()+" or newer, and put it into PATH")
	}
	return one(healthy, fmt.Sprintf("Helm %s at %s", h.Release, h.Path), "")
}

// checkChart renders the chart with its defaults.
func checkChart(context.Context, *doctorCommand) []diagnosis {
	manifests, err := chart.Render(chart.Options{Release: "doctor"})
	if err != nil {
		return one(broken, "the chart inside: "+err.Error(), "install the plugin again")
	}
	return one(healthy, fmt.Sprintf("version %s, %d objects by default", Version, len(manifests)), "")
}

// checkPrograms looks for what `run` starts.
func checkPrograms(_ context.Context, _ *doctorCommand) []diagnosis {
	self, err := os.Executable()
	if err == nil {
		self, err = filepath.EvalSymlinks(self)
	}
	if err != nil {
		return one(broken, "where this program lies: "+err.Error(), "")
	}
	var missing []string
	for _, name := range []string{"flow-gateway", "flow-executor"} {
		if _, err := os.Stat(filepath.Join(filepath.Dir(self), name+exeSuffix)); err != nil {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return one(doubtful, fmt.Sprintf("%s not in %s, so `run` does not work", strings.Join(missing, " and "), filepath.Dir(self)),
			"install the plugin from an archive, which has them, or build them")
	}
	return one(healthy, "gateway and executor for `run` are in "+filepath.Dir(self), "")
}

func checkHubMap(_ context.Context, c *doctorCommand) []diagnosis {
	hub, err := c.input.hub(c.flow)
	switch {
	case err != nil:
		return one(broken, err.Error(), "see helm flow lint --help")
	case hub.Template == "" && len(hub.Images) == 0:
		return one(unchecked, "there is none; executors of Jina's Hub need one", "")
	}
	return one(healthy, fmt.Sprintf("%d images, template %q", len(hub.Images), hub.Template), "")
}

// checkFlow is lint, in short.
func checkFlow(_ context.Context, c *doctorCommand) []diagnosis {
	if c.flow == "" {
		return one(unchecked, "none is named", "")
	}
	f, err := c.input.load(c.flow)
	if err == nil {
		_, err = c.input.render(f, values.Options{}, chart.Options{Release: "flow"})
	}
	if err != nil {
		return one(broken, err.Error(), "helm flow lint "+c.flow)
	}
	return one(healthy, fmt.Sprintf("%s: %s", c.flow, plural(len(f.Executors), "executor")), "")
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

package plugin

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/helm-flow/helm-flow/internal/chart"
)

// The files that Helm reads say the same as the program.

func TestVersions(t *testing.T) {
	var manifest struct{ Version string }
	readYAML(t, "../plugin.yaml", &manifest)
	if manifest.Version != Version {
		t.Errorf("plugin.yaml has version %s, want %s", manifest.Version, Version)
	}
	c, err := chart.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	if c.Metadata.Version != Version || c.Metadata.AppVersion != Version {
		t.Errorf("the chart has version %s and appVersion %s, want %s", c.Metadata.Version, c.Metadata.AppVersion, Version)
	}
}

// completion is completion.yaml: the commands, which Helm completes by itself. For all else it asks plugin.complete.
type completion struct {
	Name     string       `json:"name"`
	Commands []completion `json:"commands,omitempty"`
}

func completionOf(cmd *cobra.Command) completion {
	c := completion{Name: cmd.Name()}
	for _, sub := range cmd.Commands() {
		if !sub.Hidden {
			c.Commands = append(c.Commands, completionOf(sub))
		}
	}
	return c
}

func TestCompletion(t *testing.T) {
	root := newRootCommand(&Env{LookupEnv: func(string) (string, bool) { return "", false }})
	root.InitDefaultCompletionCmd()
	c := completionOf(root)
	c.Name = "flow"
	want, err := yaml.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	const file = "../completion.yaml"
	if *update {
		if err := os.WriteFile(file, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(got), string(want)); diff != "" {
		t.Errorf("%s is not what the program has (-file +program); -update writes it:\n%s", file, diff)
	}
}

func readYAML(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}

package plugin

import (
	"os"
	"slices"
	"testing"

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

func TestCompletionKnowsAllCommands(t *testing.T) {
	var completion struct{ Commands []struct{ Name string } }
	readYAML(t, "../completion.yaml", &completion)
	var got, want []string
	for _, command := range completion.Commands {
		got = append(got, command.Name)
	}
	root := newRootCommand(&Env{LookupEnv: func(string) (string, bool) { return "", false }})
	root.InitDefaultCompletionCmd()
	for _, command := range root.Commands() {
		if !command.Hidden {
			want = append(want, command.Name())
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("completion.yaml has %v, want %v", got, want)
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

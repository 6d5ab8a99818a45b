package plugin

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
)

// TestReference holds the reference in docs/plugin.md against the commands. -update writes it.
func TestReference(t *testing.T) {
	const file, begin, end = "../docs/plugin.md", "<!-- reference: go test ./plugin -run TestReference -update -->\n", "<!-- end of reference -->\n"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	got, after, alsoOK := strings.Cut(rest, end)
	if !ok || !alsoOK {
		t.Fatalf("%s does not say where the reference stands: %s", file, begin)
	}
	root := newRootCommand(&Env{LookupEnv: func(name string) (string, bool) {
		return map[string]string{"HELM_PLUGIN_NAME": "flow"}[name], name == "HELM_PLUGIN_NAME"
	}})
	root.InitDefaultCompletionCmd()
	var b strings.Builder
	describeCommand(&b, root)
	if *update {
		if err := os.WriteFile(file, []byte(before+begin+b.String()+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(got, b.String()); diff != "" {
		t.Errorf("%s is not what the commands say (-file +commands); -update writes it:\n%s", file, diff)
	}
}

// describeCommand writes the help of the commands below cmd, without the examples, which stand above the reference.
func describeCommand(b *strings.Builder, cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		if sub.Hidden {
			continue
		}
		if sub.Runnable() && sub.Parent().Name() != "completion" {
			fmt.Fprintf(b, "\n### %s\n\n```text\n%s\n```\n", sub.CommandPath(), strings.TrimSpace(sub.Long+"\n\n"+sub.UseLine()+"\n\n"+sub.LocalNonPersistentFlags().FlagUsages()))
		}
		describeCommand(b, sub)
	}
}

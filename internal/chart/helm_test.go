package chart

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

const chartFolder = "../../charts/flow"

// kube is given to the Helms, as those of a plain build know of no Kubernetes newer than 1.20.
const kube = "--kube-version=" + newestKube

// onBothHelms runs a test with a function that runs Helm 3, and again with Helm 4.
func onBothHelms(t *testing.T, test func(t *testing.T, helm func(args ...string) (stdout string, err error))) {
	t.Helper()
	for _, name := range []string{"helm3", "helm4"} {
		t.Run(name, func(t *testing.T) {
			program, err := filepath.Abs(filepath.Join("../../.tools/bin", name))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(program); err != nil {
				t.Fatalf("%v: `make tools` builds it", err)
			}
			home := t.TempDir()
			test(t, func(args ...string) (string, error) {
				cmd := exec.Command(program, args...)
				cmd.Env = append(os.Environ(), "HOME="+home, "HELM_CACHE_HOME="+home, "HELM_CONFIG_HOME="+home, "HELM_DATA_HOME="+home)
				var stdout, stderr bytes.Buffer
				cmd.Stdout, cmd.Stderr = &stdout, &stderr
				err := cmd.Run()
				if err != nil {
					t.Logf("helm %s: %v\n%s", strings.Join(args, " "), err, stderr.Bytes())
				}
				return stdout.String(), err
			})
		})
	}
}

// Both Helms render what we render.
func TestHelmTemplate(t *testing.T) {
	onBothHelms(t, func(t *testing.T, helm func(...string) (string, error)) {
		for _, c := range cases(t) {
			t.Run(c.name, func(t *testing.T) {
				v := c.values(t)
				args := []string{"template", "demo", chartFolder, "--namespace=flows", "--skip-tests", kube}
				if len(v) > 0 {
					args = append(args, "--values="+writeValues(t, v))
				}
				out, err := helm(args...)
				if err != nil {
					t.Fatal(err)
				}
				var ours strings.Builder
				for _, m := range render(t, v) {
					ours.WriteString("---\n" + string(m.YAML) + "\n")
				}
				got, want := objects(t, out), objects(t, ours.String())
				if !reflect.DeepEqual(got, want) {
					t.Errorf("helm renders\n%s\nwe render\n%s", out, ours.String())
				}
			})
		}
	})
}

func TestHelmLint(t *testing.T) {
	onBothHelms(t, func(t *testing.T, helm func(...string) (string, error)) {
		for _, c := range cases(t) {
			args := []string{"lint", "--strict", chartFolder, kube}
			if v := c.values(t); len(v) > 0 {
				args = append(args, "--values="+writeValues(t, v))
			}
			if out, err := helm(args...); err != nil {
				t.Errorf("%s: %v\n%s", c.name, err, out)
			}
		}
	})
}

func TestHelmRefusesInvalidValues(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	onBothHelms(t, func(t *testing.T, helm func(...string) (string, error)) {
		for _, file := range files {
			if out, err := helm("template", chartFolder, kube, "--values="+file); err == nil {
				t.Errorf("%s: renders\n%s", file, out)
			}
		}
	})
}

func writeValues(t *testing.T, v map[string]any) string {
	t.Helper()
	text, err := yaml.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "values.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// objects are the YAML documents of text, by kind and name: the two Helms order objects of one kind differently.
func objects(t *testing.T, text string) map[string]any {
	t.Helper()
	all := map[string]any{}
	for document := range strings.SplitSeq(text, "\n---\n") {
		var object struct {
			Kind     string
			Metadata struct{ Name string }
		}
		var whole any
		for _, into := range []any{&object, &whole} {
			if err := yaml.Unmarshal([]byte(document+"\n"), into); err != nil {
				t.Fatal(err)
			}
		}
		all[object.Kind+"/"+object.Metadata.Name] = whole
	}
	return all
}

package diff

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const before = `
apiVersion: v1
kind: ConfigMap
metadata: {name: config}
data:
  gateway.yaml: |
    prefetch: 5
    executors: [a]
---
# a comment alone
---
apiVersion: v1
kind: Secret
metadata: {name: secret}
stringData: {same: hunter2, other: hunter3, gone: hunter4}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: a, labels: {app: a}}
spec:
  replicas: 1
  template: {spec: {containers: [{name: executor, image: "a:1"}]}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: b}
spec:
  replicas: 1
  template: {spec: {containers: [{name: executor, image: "b:1"}]}}
---
apiVersion: v1
kind: Service
metadata: {name: gone}
`

const after = `
# The same objects in another spelling, and some that differ.
kind: ConfigMap
apiVersion: v1
metadata:
  namespace: ml
  name: config
data: {gateway.yaml: "prefetch: 6\nexecutors: [a]\n"}
---
apiVersion: v1
kind: Secret
metadata: {name: secret}
stringData: {same: hunter2, other: hunter33}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: a, labels: {app: a}}
spec:
  replicas: 2
  template: {spec: {containers: [{name: executor, image: "a:1"}]}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: b}
spec:
  replicas: 1
  template: {spec: {containers: [{name: executor, image: "b:2"}]}}
---
apiVersion: v1
kind: Service
metadata: {name: new}
`

func compare(t *testing.T, before, after string, opts Options) []Change {
	t.Helper()
	old, err := Parse(before, "ml")
	if err != nil {
		t.Fatal(err)
	}
	now, err := Parse(after, "ml")
	if err != nil {
		t.Fatal(err)
	}
	changes, err := Compare(old, now, opts)
	if err != nil {
		t.Fatal(err)
	}
	return changes
}

func TestCompare(t *testing.T) {
	var got []string
	for _, c := range compare(t, before, after, Options{}) {
		got = append(got, fmt.Sprint(c.ID.Kind, " ", c.Name, " ", c.Kind, " ", c.Rolls))
	}
	want := []string{"ConfigMap config changed false", "Secret secret changed false", "Deployment a changed false", "Deployment b changed true",
		"Service new added false", "Service gone removed false"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if changes := compare(t, after, after, Options{}); len(changes) != 0 {
		t.Errorf("what is the same differs: %v", changes)
	}
	if got := Count(compare(t, before, after, Options{})); got != "added: 1, changed: 4, removed: 1" {
		t.Errorf("got %s", got)
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	for _, pair := range [][2]string{{before, after}, {before, ""}, {"", after}} {
		for _, c := range compare(t, pair[0], pair[1], Options{}) {
			if strings.Contains(c.Old+c.New, "hunter") {
				t.Errorf("%s %s shows a secret:\n%s%s", c.ID.Kind, c.Name, c.Old, c.New)
			}
		}
	}
	for _, c := range compare(t, before, after, Options{ShowSecrets: true}) {
		if c.ID.Kind == "Secret" && !strings.Contains(c.New, "hunter33") {
			t.Errorf("asked for, and not shown:\n%s", c.New)
		}
	}
}

func TestLines(t *testing.T) {
	const old = "a:\n  b:\n    c: 1\n    d: 2\n  e:\n  - f: 3\n    g: 4\n  h: 5\n"
	now := strings.NewReplacer("d: 2", "d: 22", "g: 4", "g: 44").Replace(old)
	for context, want := range map[int]string{
		0:  "@a.b|-    d: 2|+    d: 22|@a.e|-    g: 4|+    g: 44",
		1:  "@a.b|     c: 1|-    d: 2|+    d: 22|   e:|   - f: 3|-    g: 4|+    g: 44|   h: 5",
		-1: " a:|   b:|     c: 1|-    d: 2|+    d: 22|   e:|   - f: 3|-    g: 4|+    g: 44|   h: 5",
	} {
		var got []string
		for _, line := range Lines(old, now, context) {
			got = append(got, string(line.Sign)+line.Text)
		}
		if diff := cmp.Diff(want, strings.Join(got, "|")); diff != "" {
			t.Errorf("context %d (-want +got):\n%s", context, diff)
		}
	}
	if lines := Lines("", "", 3); lines != nil {
		t.Errorf("nothing differs from nothing by %v", lines)
	}
}

func TestParseRefuses(t *testing.T) {
	if _, err := Parse("a: [", ""); err == nil {
		t.Error("no YAML is no manifest")
	}
}

package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every file in testdata/bad is refused with the message beside it: adding a case is adding two files.
func TestBad(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			want, err := os.ReadFile(strings.TrimSuffix(file, ".yaml") + ".txt")
			if err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, err = Parse(text)
			if err == nil {
				t.Fatalf("accepted; want\n%s", want)
			}
			if got := err.Error() + "\n"; got != string(want) {
				t.Errorf("got\n%swant\n%s", got, want)
			}
		})
	}
}

func TestDefaults(t *testing.T) {
	g, err := Parse([]byte("name: demo\n"))
	if err != nil {
		t.Fatal(err)
	}
	if g.Prefetch != 1000 || g.Retries != -1 || g.Timeout() != 0 {
		t.Errorf("got %+v", g)
	}
}

func TestGood(t *testing.T) {
	g, err := Parse([]byte(`
name: demo
prefetch: 5
executors:
- {name: first, needs: [gateway], addresses: ["grpc://first.demo.svc:8080"]}
- {name: left, needs: [first], addresses: ["grpc://127.0.0.1:1", "grpcs://[::1]:2"]}
- {name: right, needs: [first], addresses: ["right:8080"]}
- {name: aside, needs: [left], floating: true, addresses: ["aside:8080"]}
- {name: join, needs: [left, right], addresses: ["join:8080"], canary: {weight: 10, addresses: ["new:8080"]}, waitForReplicas: 1000}
- name: index
  needs: [join]
  shards: [["a:1", "b:1"], ["c:1"]]
  polling: {/search: all, "*": any}
  before: ["d:1"]
  timeoutSend: 0
  compression: gzip
`))
	if err != nil {
		t.Fatal(err)
	}
	if g.Prefetch != 5 || len(g.Executors) != 6 {
		t.Errorf("got %+v", g)
	}
}

func TestLoadNamesTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gateway.yaml")
	if _, _, err := Load(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v", err)
	}
	if err := os.WriteFile(path, []byte("prefetch: -1"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Load(path); err == nil || !strings.HasPrefix(err.Error(), path+": prefetch: ") {
		t.Errorf("got %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("name: demo\nexecutors:\n- {name: a, needs: [gateway], addresses: [\"a:1\"]}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if g, err := Parse(text); err == nil && len(g.Executors) > 0 {
			for _, e := range g.Executors {
				if len(e.Addresses)+len(e.Shards) == 0 || len(e.Needs) == 0 {
					t.Errorf("accepted %+v", e)
				}
			}
		}
	})
}

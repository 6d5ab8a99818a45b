package plugin

import (
	"errors"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/crane"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/rogpeppe/go-internal/testscript"
)

// TestBuild runs scripts that build images, with a registry of their own.
func TestBuild(t *testing.T) {
	cmds := maps.Clone(commands)
	maps.Copy(cmds, buildCommands)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/build",
		Setup: func(env *testscript.Env) error {
			// Go's caches are the user's own, as nothing that is compiled here is new.
			out, err := exec.Command("go", "env", "GOCACHE", "GOMODCACHE").Output()
			lines := strings.Split(string(out), "\n")
			env.Setenv("GOCACHE", lines[0])
			env.Setenv("GOMODCACHE", lines[min(1, len(lines)-1)])
			env.Setenv("HELM_CACHE_HOME", env.WorkDir+"/cache")
			return errors.Join(err, setup(env))
		},
		Cmds: cmds, UpdateScripts: *update,
	})
}

var buildCommands = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	// registry starts a registry that has a base with Python and Jina, REGISTRY/python:3.11, to the end of the script.
	"registry": func(ts *testscript.TestScript, _ bool, _ []string) {
		server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
		ts.Defer(server.Close)
		host := strings.TrimPrefix(server.URL, "http://")
		ts.Setenv("REGISTRY", host)
		ref, err := name.ParseReference(host + "/python:3.11")
		ts.Check(err)
		base, err := pythonBase()
		ts.Check(err)
		ts.Check(remote.Write(ref, base))
	},
	// silent-registry FILE starts a registry that writes FILE when it is asked for something, and never answers.
	"silent-registry": func(ts *testscript.TestScript, _ bool, args []string) {
		file := ts.MkAbs(args[0])
		server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if err := os.WriteFile(file, []byte(r.URL.Path), 0o600); err != nil {
				ts.Logf("%v", err)
			}
			<-r.Context().Done()
		}))
		ts.Defer(server.Close)
		ts.Setenv("SILENT", strings.TrimPrefix(server.URL, "http://"))
	},
}

// pythonBase looks like a base with Python and Jina, to those who only look.
func pythonBase() (v1.Image, error) {
	image, err := crane.Image(map[string][]byte{"usr/local/bin/python3": []byte("ELF"), "usr/local/bin/jina": []byte("#!/usr/local/bin/python3\n")})
	if err != nil {
		return nil, err
	}
	file, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.OS, file.Architecture = "linux", "amd64"
	file.Config.Env = []string{"PYTHON_VERSION=3.11.2"}
	return mutate.ConfigFile(image, file)
}

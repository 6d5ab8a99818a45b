package plugin

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"
)

var update = flag.Bool("update", false, "write what scripts compare output with anew")

// programs is the folder of helm-flow, flow-gateway and flow-executor, built for these tests.
var programs string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "plugin-test-")
	if err == nil {
		programs = dir
		build := exec.Command("go", "build", "-o", dir, "../cmd/helm-flow", "../cmd/flow-gateway", "../cmd/flow-executor")
		build.Stderr = os.Stderr
		err = build.Run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "building the programs:", err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if err := os.RemoveAll(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(code)
	}))
}

// TestScripts runs helm-flow alone.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/script", Setup: setup, Cmds: commands, UpdateScripts: *update})
}

// TestHelm runs each script with the plugin installed in Helm 3, and again in Helm 4.
func TestHelm(t *testing.T) {
	for _, helm := range []string{"helm3", "helm4"} {
		t.Run(helm, func(t *testing.T) {
			testscript.Run(t, testscript.Params{
				Dir: "testdata/helm",
				Setup: func(env *testscript.Env) error {
					if err := setup(env); err != nil {
						return err
					}
					return setupHelm(env, helm)
				},
				Cmds:          commands,
				UpdateScripts: *update,
			})
		})
	}
}

// setup gives a script the programs, a folder for temporary files of its own, and PORT, which is free.
func setup(env *testscript.Env) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	examples, err := filepath.Abs("../examples")
	if err != nil {
		return err
	}
	env.Setenv("EXAMPLES", examples)
	env.Setenv("PORT", strconv.Itoa(port))
	env.Setenv("PATH", programs+string(os.PathListSeparator)+os.Getenv("PATH"))
	env.Setenv("TMPDIR", filepath.Join(env.WorkDir, "tmp"))
	return os.Mkdir(filepath.Join(env.WorkDir, "tmp"), 0o700)
}

// setupHelm makes `helm` one of both Helms, with a home of its own, and FLOW the folder to install the plugin from.
func setupHelm(env *testscript.Env, name string) error {
	helm, err := filepath.Abs(filepath.Join("../.tools/bin", name))
	if err != nil {
		return err
	}
	if _, err := os.Stat(helm); err != nil {
		return fmt.Errorf("%w: `make tools` builds it", err)
	}
	// Helm calls an installed plugin by the name of the folder it came from.
	folder := filepath.Join(env.WorkDir, "flow")
	bin := filepath.Join(env.WorkDir, "bin")
	if err := errors.Join(os.Mkdir(folder, 0o700), os.Mkdir(bin, 0o700)); err != nil {
		return err
	}
	for _, name := range []string{"plugin.yaml", "completion.yaml", "plugin.complete"} {
		text, err := os.ReadFile(filepath.Join("..", name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o700); err != nil {
			return err
		}
	}
	chart, err := filepath.Abs("../charts/flow")
	if err != nil {
		return err
	}
	env.Setenv("FLOW", folder)
	env.Setenv("CHART", chart)
	env.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	for _, variable := range []string{"HOME", "HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"} {
		env.Setenv(variable, filepath.Join(env.WorkDir, "home"))
	}
	hooks, err := filepath.Abs("hooks")
	if err != nil {
		return err
	}
	return errors.Join(
		os.Mkdir(filepath.Join(folder, "plugin"), 0o700),
		os.Symlink(hooks, filepath.Join(folder, "plugin", "hooks")),
		os.Symlink(programs, filepath.Join(folder, "bin")),
		os.Symlink(helm, filepath.Join(bin, "helm")),
	)
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return listener.Addr().(*net.TCPAddr).Port, listener.Close()
}

// commands are what scripts need beyond testscript's own.
var commands = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	// exits CODE PROGRAM ARGS... runs a program that must end with that exit code.
	"exits": func(ts *testscript.TestScript, _ bool, args []string) {
		code := 0
		if exit, ok := errors.AsType[*exec.ExitError](ts.Exec(args[1], args[2:]...)); ok {
			code = exit.ExitCode()
		}
		if want := args[0]; strconv.Itoa(code) != want {
			ts.Fatalf("exit code %d, want %s", code, want)
		}
	},
	// cluster starts a Kubernetes API server, to the end of the script, that Helm finds by its KUBECONFIG.
	"cluster": func(ts *testscript.TestScript, _ bool, _ []string) {
		server := newAPIServer()
		ts.Defer(server.Close)
		file := filepath.Join(ts.Getenv("WORK"), "kubeconfig")
		ts.Check(server.kubeconfig(file))
		ts.Setenv("KUBECONFIG", file)
	},
	// appears FILE waits until the file is there and not empty.
	"appears": func(ts *testscript.TestScript, _ bool, args []string) {
		eventually(ts, args[0]+" appears", func() bool {
			text, err := os.ReadFile(ts.MkAbs(args[0]))
			return err == nil && len(text) > 0
		})
	},
	// occupy PORT listens on the port to the end of the script.
	"occupy": func(ts *testscript.TestScript, _ bool, args []string) {
		listener, err := net.Listen("tcp", "127.0.0.1:"+args[0])
		ts.Check(err)
		ts.Defer(func() { listener.Close() })
	},
	// remember takes down the processes below those that the script has started.
	"remember": func(ts *testscript.TestScript, _ bool, _ []string) {
		var pids []string
		for _, cmd := range ts.BackgroundCmds() {
			pids = append(pids, descendants(ts, strconv.Itoa(cmd.Process.Pid))...)
		}
		ts.Setenv("REMEMBERED", strings.Join(pids, " "))
	},
	// nothing-left waits until no remembered process is there any more, and no temporary file.
	"nothing-left": func(ts *testscript.TestScript, _ bool, _ []string) {
		eventually(ts, "nothing is left", func() bool {
			entries, err := os.ReadDir(ts.Getenv("TMPDIR"))
			ts.Check(err)
			alive := processTable(ts)
			for pid := range strings.FieldsSeq(ts.Getenv("REMEMBERED")) {
				if _, ok := alive[pid]; ok {
					return false
				}
			}
			return len(entries) == 0
		})
	},
}

func eventually(ts *testscript.TestScript, what string, holds func() bool) {
	deadline := time.After(30 * time.Second)
	for !holds() {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-deadline:
			ts.Fatalf("it never came to pass that %s", what)
		}
	}
}

// descendants are the processes below pid.
func descendants(ts *testscript.TestScript, pid string) []string {
	var found []string
	for child, parent := range processTable(ts) {
		if parent == pid {
			found = append(found, child)
			found = append(found, descendants(ts, child)...)
		}
	}
	return found
}

// processTable gives the parent of each process that is alive.
func processTable(ts *testscript.TestScript) map[string]string {
	out, err := exec.Command("ps", "-A", "-o", "pid=,ppid=,stat=").Output()
	ts.Check(err)
	parents := make(map[string]string)
	for line := range strings.Lines(string(out)) {
		// A dead process that nobody has waited for yet has the state Z.
		if fields := strings.Fields(line); len(fields) == 3 && !strings.HasPrefix(fields[2], "Z") {
			parents[fields[0]] = fields[1]
		}
	}
	return parents
}

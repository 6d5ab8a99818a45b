package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// Programs says where the programs are that manifests name.
type Programs struct {
	// Dir is the folder of flow-gateway and flow-executor; what is not there is looked for on PATH.
	Dir string
	// Python is the interpreter that runs `jina`, a name on PATH or a path.
	Python string
}

// jinaEnv keeps Jina from calling home, from a logo of 20 lines at the head of each log, and from dying with its last
// words in a buffer.
var jinaEnv = []string{"NO_VERSION_CHECK=1", "JINA_OPTOUT_TELEMETRY=1", "JINA_LOG_NO_COLOR=1", "PYTHONUNBUFFERED=1"}

// program is what starts a Process on this machine.
type program struct {
	command []string
	env     []string
}

// resolve puts programs of this machine in the place of those that the plan's processes name; all faults at once.
func (p Programs) resolve(ctx context.Context, plan *Plan) error {
	found := make(map[string]program)
	var faults []error
	for _, process := range plan.processes() {
		name := process.Command[0]
		if _, known := found[name]; !known {
			var err error
			if found[name], err = p.find(ctx, name); err != nil {
				faults = append(faults, fmt.Errorf("%s: %w", process.Name, err))
			}
		}
		process.Command = slices.Concat(found[name].command, process.Command[1:])
		process.Env = slices.Concat(inheritedEnv(), found[name].env, process.Env)
	}
	return errors.Join(faults...)
}

func (p Programs) find(ctx context.Context, name string) (program, error) {
	switch name {
	case "flow-gateway", "flow-executor":
		beside := filepath.Join(p.Dir, name)
		if runtime.GOOS == "windows" {
			beside += ".exe"
		}
		if path, err := exec.LookPath(beside); err == nil {
			return program{command: []string{path}}, nil
		}
		path, err := exec.LookPath(name)
		if err != nil {
			return program{}, fmt.Errorf("%s is neither in %s nor on PATH; install the plugin with all its programs (make build)", name, p.Dir)
		}
		return program{command: []string{path}}, nil
	case "jina":
		return p.findJina(ctx)
	}
	return program{}, fmt.Errorf("run cannot start %q: it knows flow-gateway, flow-executor and jina", name)
}

func (p Programs) findJina(ctx context.Context) (program, error) {
	path, err := exec.LookPath(p.Python)
	if err != nil {
		return program{}, fmt.Errorf("its Python %q is not found; name one that has jina, by --python or $HELM_FLOW_PYTHON", p.Python)
	}
	const hasJina = "import importlib.util, sys; sys.exit(importlib.util.find_spec('jina') is None)"
	if err := exec.CommandContext(ctx, path, "-c", hasJina).Run(); err != nil {
		return program{}, fmt.Errorf("its Python %s has no jina; install it there (uv pip install jina==3.34.0), or name another Python by --python or $HELM_FLOW_PYTHON", path)
	}
	return program{command: []string{path, "-m", "jina"}, env: jinaEnv}, nil
}

// inheritedEnv is this process's environment without Helm's part, which holds the way to a cluster, with its token.
func inheritedEnv() []string {
	var env []string
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "HELM_") && !strings.HasPrefix(variable, "KUBECONFIG=") {
			env = append(env, variable)
		}
	}
	return env
}

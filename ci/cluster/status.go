package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/helm-flow/helm-flow/ci/cluster/node"
)

const componentsFile = "components.json"

// status is what `cluster status -o json` prints.
type status struct {
	Name    string `json:"name"`
	Running bool   `json:"running"`
	// The rest is of a cluster that runs.
	APIOnly bool `json:"apiOnly,omitempty"`
	// PID of the node's init; its network is /proc/PID/ns/net.
	PID        int    `json:"pid,omitempty"`
	Server     string `json:"server,omitempty"`
	Kubeconfig string `json:"kubeconfig,omitempty"`
	Kubectl    string `json:"kubectl,omitempty"`
	// Registry is where images are pushed to by other programs than this. Pods pull them by any host's name.
	Registry  string            `json:"registry,omitempty"`
	Logs      string            `json:"logs,omitempty"`
	Versions  map[string]string `json:"versions,omitempty"`
	Processes []node.Process    `json:"processes,omitempty"`
	// Memory in bytes of all processes of the node, pods included.
	Memory int64 `json:"memory,omitempty"`

	leftover string // what a cluster that has ended by itself said last
}

func (c cluster) notRunning() error {
	return fmt.Errorf("cluster %s does not run; start it: cluster up --name %s", c.name, c.name)
}

func (c cluster) status() (status, error) {
	s := status{Name: c.name}
	init, ok := c.running()
	if !ok {
		if text, err := os.ReadFile(c.path(nodeLog)); err == nil {
			s.leftover = fmt.Sprintf("it ended by itself; the end of %s:\n%s\n", c.path(nodeLog), lastLines(string(text)))
		}
		return s, nil
	}
	spec, err := c.spec()
	if err != nil {
		return s, err
	}
	s.Running = true
	s.APIOnly = spec.APIOnly
	s.PID = init.PID
	s.Server = fmt.Sprintf("https://127.0.0.1:%d", spec.APIPort)
	s.Kubeconfig = c.path(adminKubeconfig)
	s.Kubectl = filepath.Join(spec.Programs["kubernetes"], "kubectl")
	s.Registry = registryAddress(spec)
	s.Logs = c.path("var", node.LogDir)
	var components map[string]built
	if err := readJSON(c.path(componentsFile), &components); err != nil {
		return s, err
	}
	s.Versions = map[string]string{}
	for name, component := range components {
		s.Versions[name] = component.Version
	}
	if err := readJSON(c.path("var", node.ProcessesFile), &s.Processes); err != nil && !os.IsNotExist(err) {
		return s, err
	}
	return s, nil
}

// measure looks at the memory of a cluster that runs, which takes a moment.
func (s *status) measure() error {
	if !s.Running {
		return nil
	}
	members, err := membersOf(s.PID)
	s.Memory = memoryOf(members)
	return err
}

// dead are the programs that should run and do not.
func (s status) dead() []string {
	var dead []string
	for _, p := range s.Processes {
		if p.Exit != "" {
			dead = append(dead, fmt.Sprintf("%s has died (%s)", p.Name, p.Exit))
		}
	}
	return dead
}

// ok tells whether the cluster is what it should be.
func (s status) ok() bool { return s.Running && len(s.dead()) == 0 }

func (s status) print(w io.Writer, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(s)
	}
	if !s.Running {
		_, err := fmt.Fprintf(w, "cluster %s does not run\n%s", s.Name, s.leftover)
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	mode := ""
	if s.APIOnly {
		mode = " (API only: nothing runs in pods)"
	}
	fmt.Fprintf(t, "cluster\t%s%s\nserver\t%s\nkubeconfig\t%s\nregistry\t%s\nlogs\t%s\nmemory\t%d MiB\n\n",
		s.Name, mode, s.Server, s.Kubeconfig, s.Registry, s.Logs, s.Memory>>20)
	for _, p := range s.Processes {
		state := "runs since " + p.Started.Local().Format(time.TimeOnly)
		if p.Exit != "" {
			state = "DEAD: " + p.Exit
		}
		fmt.Fprintf(t, "%s\t%s\n", p.Name, state)
	}
	return t.Flush()
}

// lastLines are what of a log is shown.
func lastLines(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}

// membersOf are the processes in the PID namespace of one, as the host counts.
func membersOf(pid int) ([]int, error) {
	namespace, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", pid))
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var members []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if ns, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", pid)); err == nil && ns == namespace {
			members = append(members, pid)
		}
	}
	return members, nil
}

// memoryOf sums up the memory of processes: what each has for itself, and its part of what it shares.
func memoryOf(pids []int) int64 {
	var sum int64
	for _, pid := range pids {
		rollup, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			continue // it has just ended
		}
		_, rest, _ := bytes.Cut(rollup, []byte("\nPss:"))
		kilobytes, _, _ := strings.Cut(strings.TrimSpace(string(rest)), " ")
		if n, err := strconv.ParseInt(kilobytes, 10, 64); err == nil {
			sum += n << 10
		}
	}
	return sum
}

package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestCluster brings a cluster up and does with it, from the host, what tests of the product do.
func TestCluster(t *testing.T) {
	h := newHarness(t, "test-cluster")
	h.run("up")

	h.sub("up again changes nothing", func(t *testing.T, h *harness) {
		before := h.status()
		h.run("up")
		if after := h.status(); after.PID != before.PID || after.Server != before.Server {
			t.Errorf("was %+v, is %+v", before, after)
		}
	})
	h.sub("status", func(t *testing.T, h *harness) {
		s := h.status()
		if !s.ok() || len(s.Processes) != 7 || s.Memory < 100<<20 {
			t.Errorf("got %+v", s)
		}
		t.Logf("memory of the empty cluster: %d MiB", s.Memory>>20)
		if version := h.kubectl("version"); !strings.Contains(version, "Server Version: "+s.Versions["kubernetes"]) {
			t.Errorf("kubectl version says %s, expected %s", version, s.Versions["kubernetes"])
		}
	})

	echo := h.pushEcho("registry.example/test/echo:1")
	h.kubectl("apply", "--filename=testdata/echo.yaml")
	h.kubectl("rollout", "status", "statefulset/echo", "--namespace=echo", "--timeout=2m")
	const service = "http://echo.echo.svc.cluster.local"

	h.sub("logs", func(t *testing.T, h *harness) {
		if out := h.kubectl("logs", "echo-0", "--namespace=echo"); out != "serving\n" {
			t.Errorf("got %q", out)
		}
	})
	h.sub("a pod finds a service by name", func(t *testing.T, h *harness) {
		if out := h.kubectl("exec", "echo-0", "--namespace=echo", "--", "/echo", "lookup", "echo"); !regexp.MustCompile(`^\[10\.96\.\d+\.\d+\]$`).MatchString(out) {
			t.Errorf("got %q", out)
		}
	})
	h.sub("a service balances", func(t *testing.T, h *harness) {
		// kube-proxy hears of ready pods a moment after the StatefulSet's controller.
		eventually(t, "a way to the service", func() bool {
			_, err := h.tryKubectl("exec", "echo-0", "--namespace=echo", "--", "/echo", "get", service, "1")
			return err == nil
		})
		seen := map[string]int{}
		for pod := range strings.Lines(h.kubectl("exec", "echo-0", "--namespace=echo", "--", "/echo", "get", service, "40")) {
			seen[strings.TrimSpace(pod)]++
		}
		if len(seen) != 2 || seen["echo-0"] < 5 || seen["echo-1"] < 5 {
			t.Errorf("of 40 requests pods got %v", seen)
		}
	})
	h.sub("a program of the host reaches a service", func(t *testing.T, h *harness) {
		if out := h.run("exec", "--", echo, "get", service, "1"); !strings.HasPrefix(out, "echo-") {
			t.Errorf("got %q", out)
		}
		if out, err := h.try("exec", "--", echo, "get", "http://example.com", "1"); err == nil {
			t.Errorf("the outside is reached: %s", out)
		}
	})
	h.sub("port-forward", testPortForward)
	h.sub("a volume is written to by a pod that is not root", func(t *testing.T, h *harness) {
		h.kubectl("exec", "echo-0", "--namespace=echo", "--", "/echo", "write", "/data/file")
		if out := h.kubectl("get", "pvc", "data-echo-0", "--namespace=echo", "--output=jsonpath={.status.phase} {.spec.storageClassName}"); out != "Bound standard" {
			t.Errorf("got %q", out)
		}
	})
	h.sub("pod security", func(t *testing.T, h *harness) {
		if out, err := h.tryKubectl("apply", "--filename=testdata/privileged.yaml"); err == nil || !strings.Contains(out, `violates PodSecurity "restricted`) {
			t.Errorf("got %v, %s", err, out)
		}
	})
	h.sub("an image that nobody pushed", func(t *testing.T, h *harness) {
		h.kubectl("apply", "--filename=testdata/absent.yaml")
		eventually(t, "an event that says so", func() bool {
			out := h.kubectl("get", "events", "--field-selector=involvedObject.name=absent,reason=Failed", "--output=jsonpath={.items[*].message}")
			return strings.Contains(out, "no/such-image:1: not found")
		})
	})
	h.sub("kubeconfigs", func(t *testing.T, h *harness) {
		for _, tt := range []struct {
			args []string
			want string
		}{
			{[]string{"--user=jane", "--group=devs"}, "jane [devs system:authenticated]"},
			{[]string{"--service-account=echo/default"}, "system:serviceaccount:echo:default [system:serviceaccounts system:serviceaccounts:echo system:authenticated]"},
		} {
			file := t.TempDir() + "/kubeconfig"
			if err := os.WriteFile(file, []byte(h.run(append([]string{"kubeconfig"}, tt.args...)...)), 0o600); err != nil {
				t.Fatal(err)
			}
			const format = "--output=jsonpath={.status.userInfo.username} {.status.userInfo.groups}"
			got := strings.NewReplacer(`"`, "", ",", " ").Replace(h.kubectl("--kubeconfig="+file, "auth", "whoami", format))
			if got != tt.want {
				t.Errorf("%v is %s, expected %s", tt.args, got, tt.want)
			}
			if out, err := h.tryKubectl("--kubeconfig="+file, "get", "pods"); err == nil || !strings.Contains(out, "is forbidden") {
				t.Errorf("%v may get pods: %v, %s", tt.args, err, out)
			}
		}
	})
	h.sub("volumes go with their claims", func(t *testing.T, h *harness) {
		h.kubectl("delete", "namespace", "echo", "--timeout=2m")
		eventually(t, "no volume", func() bool { return !strings.Contains(h.kubectl("get", "pv", "--output=name"), "/") })
	})
	h.sub("a dead program is a finding", func(t *testing.T, h *harness) {
		kill(t, h, "kube-scheduler")
		eventually(t, "the finding", func() bool { return len(h.status().dead()) == 1 })
		out, err := h.try("status")
		if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != exitFindings || !strings.Contains(out, "DEAD: signal: killed") {
			t.Errorf("status: %v\n%s", err, out)
		}
		if out, err := h.try("up"); err == nil || !strings.Contains(out, "kube-scheduler has died (signal: killed)") {
			t.Errorf("up: %v\n%s", err, out)
		}
	})
}

func testPortForward(t *testing.T, h *harness) {
	s := h.status()
	ctx, cancel := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, s.Kubectl, "--kubeconfig="+s.Kubeconfig, "port-forward", "pod/echo-1", ":8080", "--namespace=echo")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		cancel()
		_ = cmd.Wait()
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var port int
	if _, err := fmt.Sscanf(line, "Forwarding from 127.0.0.1:%d", &port); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	response, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/", port))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, err := io.ReadAll(response.Body); err != nil || string(body) != "echo-1" {
		t.Errorf("got %q, %v", body, err)
	}
}

// kill kills a program of the node from the host.
func kill(t *testing.T, h *harness, name string) {
	t.Helper()
	s := h.status()
	members, err := membersOf(s.PID)
	if err != nil {
		t.Fatal(err)
	}
	for _, pid := range members {
		if text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); err == nil && strings.Contains(strings.Split(string(text), "\x00")[0], name) {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("no process %s in the node", name)
}

// TestKilledStarter kills `up` while it waits: the node ends by itself, and what is left does not hinder down or the next up.
func TestKilledStarter(t *testing.T) {
	h := newHarness(t, "test-killed")
	up := h.command("up")
	if err := up.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the API server", func() bool { return len(h.status().Processes) > 1 })
	if err := up.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = up.Wait()
	eventually(t, "the node's end", func() bool { return !h.status().Running })
	h.run("up", "--api-only")
}

// TestInterruptedStarter interrupts `up`, which removes all before it ends.
func TestInterruptedStarter(t *testing.T) {
	h := newHarness(t, "test-interrupted")
	up := h.command("up", "--api-only")
	if err := up.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the API server", func() bool { return len(h.status().Processes) > 1 })
	if err := up.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if err := up.Wait(); err == nil {
		t.Error("up succeeded")
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("up ended only %v after it was interrupted", took)
	}
	if _, err := os.Stat(h.state + "/helm-flow/cluster/" + h.name); !os.IsNotExist(err) {
		t.Errorf("the cluster's folder is still there (%v)", err)
	}
}

package main

import (
	"strings"
	"testing"
)

// TestAPIOnly does with a cluster in which nothing runs what tests of the chart do.
func TestAPIOnly(t *testing.T) {
	h := newHarness(t, "test-api")
	h.run("up", "--api-only")

	h.kubectl("apply", "--filename=testdata/standin.yaml")
	h.kubectl("rollout", "status", "deployment/server", "--timeout=2m")
	h.kubectl("wait", "--for=condition=complete", "job/job", "--timeout=2m")
	h.kubectl("wait", "--for=jsonpath={.status.phase}=Bound", "persistentvolumeclaim/claim", "--timeout=2m")

	h.sub("pods have addresses, which are a service's endpoints", func(t *testing.T, h *harness) {
		var addresses []string
		eventually(t, "three endpoints", func() bool {
			addresses = strings.Fields(h.kubectl("get", "endpointslices", "--selector=kubernetes.io/service-name=server",
				"--output=jsonpath={.items[*].endpoints[?(@.conditions.ready)].addresses[*]}"))
			return len(addresses) == 3
		})
	})
	h.sub("a roll-out replaces pods", func(t *testing.T, h *harness) {
		before := h.kubectl("get", "pods", "--selector=app=server", "--output=name")
		h.kubectl("set", "image", "deployment/server", "server=registry.example/server:2")
		h.kubectl("rollout", "status", "deployment/server", "--timeout=2m")
		eventually(t, "the end of the old pods", func() bool {
			after := h.kubectl("get", "pods", "--selector=app=server", "--output=name")
			for _, pod := range strings.Fields(before) {
				if strings.Contains(after, pod) {
					return false
				}
			}
			return strings.Count(after, "\n") == 3
		})
	})
	h.sub("a pod waits for an image that cannot be", func(t *testing.T, h *harness) {
		h.kubectl("set", "image", "deployment/server", "server=source.invalid/server:3")
		eventually(t, "ImagePullBackOff", func() bool {
			return strings.Contains(h.kubectl("get", "pods"), "ImagePullBackOff")
		})
		if out, err := h.tryKubectl("rollout", "status", "deployment/server", "--timeout=2s"); err == nil {
			t.Errorf("the roll-out succeeded: %s", out)
		}
		h.kubectl("rollout", "undo", "deployment/server")
		h.kubectl("rollout", "status", "deployment/server", "--timeout=2m")
	})
	h.sub("pods end when they are deleted", func(t *testing.T, h *harness) {
		h.kubectl("delete", "--filename=testdata/standin.yaml", "--wait", "--timeout=2m")
		eventually(t, "no pod", func() bool { return !strings.Contains(h.kubectl("get", "pods", "--output=name"), "pod/") })
	})
	h.sub("what needs a node says so", func(t *testing.T, h *harness) {
		if out, err := h.try("exec", "--", "true"); err == nil || !strings.Contains(out, "is API only") {
			t.Errorf("exec: %v\n%s", err, out)
		}
		if out, err := h.try("up"); err == nil || !strings.Contains(out, "cluster down --name test-api") {
			t.Errorf("up: %v\n%s", err, out)
		}
	})
}

// TestUnprivileged is a cluster of somebody who is not root.
func TestUnprivileged(t *testing.T) {
	h := newHarness(t, "test-unprivileged")
	h.unprivileged()
	if out, err := h.try("up"); err == nil || !strings.Contains(out, "needs root") {
		t.Errorf("up: %v\n%s", err, out)
	}
	h.run("up", "--api-only")
	h.kubectl("auth", "whoami")
}

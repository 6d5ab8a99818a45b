package local

import (
	"syscall"
	"testing"
)

// Should the guardian be gone too, the kernel still kills the workloads, though not their children.
func TestKilledWithoutGuardian(t *testing.T) {
	t.Parallel()
	run := startRun(t, freePort(t), map[string]string{"a": ""})
	run.waitOpen()
	all, workloads := run.descendants(), run.workloads()
	t.Cleanup(func() {
		for _, pid := range all {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	})
	if len(workloads) != 2 {
		t.Fatalf("%d workloads, want 2", len(workloads))
	}
	for _, pid := range []int{all[0], run.cmd.Process.Pid} {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	run.waitExit()
	requireGone(t, workloads)
}

package main

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func TestClusterNames(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", "/state")
	for name, ok := range map[string]bool{
		"default": true, "a": true, "e2e-1": true, strings.Repeat("a", 30): true,
		"": false, "-a": false, "a-": false, "A": false, "../x": false, "a/b": false, strings.Repeat("a", 31): false,
	} {
		c, err := openCluster(name)
		if (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
		if ok && c.dir != "/state/helm-flow/cluster/"+name {
			t.Errorf("%q lies in %s", name, c.dir)
		}
	}
}

func TestKillSparesAnotherProcess(t *testing.T) {
	sleep := exec.Command("sleep", "60")
	if err := sleep.Start(); err != nil {
		t.Fatal(err)
	}
	it, err := identify(sleep.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	for _, other := range []process{
		{PID: it.PID, Started: it.Started - 1, Boot: it.Boot},
		{PID: it.PID, Started: it.Started, Boot: "another"},
	} {
		if err := other.kill(t.Context()); err != nil {
			t.Error(err)
		}
		if now, err := identify(it.PID); err != nil || now != it {
			t.Fatalf("%+v was taken for %+v", it, other)
		}
	}
	if err := it.kill(t.Context()); err != nil {
		t.Error(err)
	}
	if err := sleep.Wait(); err == nil || err.Error() != "signal: killed" {
		t.Errorf("it ended with %v", err)
	}
	if err := it.kill(t.Context()); err != nil {
		t.Errorf("once it is gone: %v", err)
	}
}

func TestOneCommandAtATime(t *testing.T) {
	c := cluster{name: "test", dir: t.TempDir() + "/test"}
	unlock, err := c.lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := c.lock(ctx); err == nil || !strings.Contains(err.Error(), "another command") {
		t.Errorf("a second lock: %v", err)
	}
	unlock()
	if unlock, err = c.lock(t.Context()); err != nil {
		t.Fatal(err)
	}
	unlock()
}

func TestDownOfNothing(t *testing.T) {
	c := cluster{name: "test-nothing", dir: t.TempDir() + "/test-nothing"}
	if err := c.down(t.Context()); err != nil {
		t.Error(err)
	}
	s, err := c.status()
	if err != nil || s.ok() {
		t.Errorf("status %+v, %v", s, err)
	}
	if _, err := os.Stat(c.dir); !os.IsNotExist(err) {
		t.Errorf("its folder: %v", err)
	}
}

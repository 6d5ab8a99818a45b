//go:build unix

package main

import (
	"fmt"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// gitServer serves the bare repositories in dir, on loopback, and gives their URL.
func gitServer(t *testing.T, dir string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	listener.Close()
	server := exec.Command("git", "daemon", "--reuseaddr", "--listen=127.0.0.1", "--port="+strconv.Itoa(port), "--base-path="+dir, "--export-all", dir)
	server.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // git starts another process
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-server.Process.Pid, syscall.SIGKILL)
		_ = server.Wait()
	})
	for range 100 {
		connection, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err == nil {
			connection.Close()
			return fmt.Sprintf("git://127.0.0.1:%d/", port)
		}
		time.Sleep(50 * time.Millisecond) // git says nothing when it listens
	}
	t.Fatal("git daemon does not listen")
	return ""
}

func git(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "init.defaultBranch=main"}, args...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// withoutGo is a repository of the plugin in which there is nothing to build.
func withoutGo(t *testing.T) string {
	t.Helper()
	work, bare := t.TempDir(), t.TempDir()
	for _, name := range []string{"plugin.yaml", "completion.yaml", "plugin.complete", "plugin/hooks/install.sh"} {
		text, err := os.ReadFile(filepath.Join(repository, name))
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(work, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, text, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	git(t, "-C", work, "init", "--quiet")
	git(t, "-C", work, "add", ".")
	git(t, "-C", work, "commit", "--quiet", "-m", "plugin")
	git(t, "clone", "--quiet", "--bare", work, filepath.Join(bare, "helm-flow"))
	return gitServer(t, bare) + "helm-flow"
}

// fromGit is how to install from git.
func fromGit(major, url string) []string {
	args := []string{"plugin", "install", url}
	if major == "helm4" {
		args = append(args, "--verify=false")
	}
	return args
}

// Where there is no Go the programs come out of an archive: one that lies here, or one that is fetched.
func TestInstallFromGit(t *testing.T) {
	d, err := release()
	if err != nil {
		t.Fatal(err)
	}
	files := httptest.NewServer(archives(d.out))
	defer files.Close()
	url := withoutGo(t)
	archive := filepath.Join(d.out, "flow-"+version+"-"+host.String()+".tgz")
	alone := filepath.Join(t.TempDir(), "flow.tgz")
	if err := os.Symlink(archive, alone); err != nil {
		t.Fatal(err)
	}
	sum := d.sums[filepath.Base(archive)]
	for _, test := range []struct {
		name, fault string
		env         []string
	}{
		{"checksums.txt", "", []string{"HELM_FLOW_ARCHIVE=" + archive}},
		{"checksum", "", []string{"HELM_FLOW_ARCHIVE=" + alone, "HELM_FLOW_SHA256=" + sum}},
		{"no checksum", "nothing to check " + alone + " with", []string{"HELM_FLOW_ARCHIVE=" + alone}},
		{"wrong checksum", "the checksum of " + archive + " is " + sum + ", expected 1234",
			[]string{"HELM_FLOW_ARCHIVE=" + archive, "HELM_FLOW_SHA256=1234"}},
		{"no archive", "HELM_FLOW_ARCHIVE: no file /nowhere", []string{"HELM_FLOW_ARCHIVE=/nowhere"}},
		{"fetched", "", []string{"HELM_FLOW_URL=" + files.URL}},
		{"not fetched", "cannot be fetched", []string{"HELM_FLOW_URL=" + files.URL + "/nowhere"}},
	} {
		for _, major := range majors {
			t.Run(test.name+" "+major, func(t *testing.T) {
				h := newHelm(t, major)
				h.env = append(h.env, test.env...)
				if test.fault != "" {
					said, err := h.run(t.Context(), fromGit(major, url)...)
					if err == nil || !strings.Contains(said, test.fault) || !strings.Contains(said, "helm plugin uninstall flow") {
						t.Errorf("%v, want %q\n%s", err, test.fault, said)
					}
					// What Helm leaves is there to be removed, as the hook said.
					h.must(t, "Uninstalled plugin: flow", "plugin", "uninstall", "flow")
					return
				}
				for range 2 {
					h.must(t, "helm-flow "+version+" ", fromGit(major, url)...)
					h.must(t, "helm-flow "+version+" ", "flow", "version")
					h.must(t, "Uninstalled plugin: flow", "plugin", "uninstall", "flow")
				}
			})
		}
	}
}

// This repository installs as it is, where there is Go.
func TestInstallByBuilding(t *testing.T) {
	bare := t.TempDir()
	git(t, "clone", "--quiet", "--bare", repository, filepath.Join(bare, "helm-flow"))
	h := newHelm(t, "helm4")
	h.env = append(h.env, "HELM_FLOW_URL=http://127.0.0.1:1") // to be sure
	h.must(t, "helm-flow "+version+" ", fromGit("helm4", gitServer(t, bare)+"helm-flow")...)
	h.must(t, "helm-flow "+version+" ", "flow", "version")
	h.must(t, "template", "__complete", "flow", "te")
	h.must(t, "Updated plugin: flow", "plugin", "update", "flow")
	h.must(t, "Uninstalled plugin: flow", "plugin", "uninstall", "flow")
}

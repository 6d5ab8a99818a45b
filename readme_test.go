package house_test

import (
	"bufio"
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestReadme runs the commands of README.md and then docs/plugin.md, as a reader would, under both Helms: each block marked sh in turn; one
// marked background as in a terminal of its own, from its first line of output on.
func TestReadme(t *testing.T) {
	for _, helm := range []string{"helm3", "helm4"} {
		t.Run(helm, func(t *testing.T) {
			env := readerEnv(t, helm)
			for _, b := range slices.Concat(blocksOf(t, "README.md"), blocksOf(t, "docs/plugin.md")) {
				if b.background {
					runInBackground(t, env, b.commands)
					continue
				}
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
				defer cancel()
				if out, err := shell(ctx, env, b.commands).CombinedOutput(); err != nil {
					t.Fatalf("%s\n%s%v", b.commands, out, err)
				}
			}
		})
	}
}

type block struct {
	commands   string
	background bool
}

// blocksOf returns the blocks of a file marked sh. The port that they use is replaced by a free one.
func blocksOf(t *testing.T, file string) []block {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	readme := strings.ReplaceAll(string(text), "9000", freePort(t))
	var blocks []block
	for rest := readme; ; {
		_, after, found := strings.Cut(rest, "\n```sh")
		if !found {
			break
		}
		info, after, _ := strings.Cut(after, "\n")
		commands, after, found := strings.Cut(after, "\n```\n")
		if !found {
			t.Fatalf("%s: the block that begins with %q has no end", file, after)
		}
		blocks = append(blocks, block{commands, strings.TrimSpace(info) == "background"})
		rest = "\n" + after
	}
	if len(blocks) == 0 {
		t.Fatalf("%s: no block is marked sh", file)
	}
	return blocks
}

// readerEnv is the environment of a reader whose helm is this one, with a Helm home that ends with the test.
func readerEnv(t *testing.T, helm string) []string {
	t.Helper()
	program, err := filepath.Abs(filepath.Join(".tools", "bin", helm))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(program); err != nil {
		t.Fatalf("%v: run make tools", err)
	}
	bin := t.TempDir()
	if err := os.Symlink(program, filepath.Join(bin, "helm")); err != nil {
		t.Fatal(err)
	}
	return append(os.Environ(),
		"PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"),
		"HELM_CACHE_HOME="+t.TempDir(), "HELM_CONFIG_HOME="+t.TempDir(), "HELM_DATA_HOME="+t.TempDir())
}

func shell(ctx context.Context, env []string, commands string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", commands)
	cmd.Env = env
	// Ctrl-C in a terminal reaches the whole group.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	cmd.WaitDelay = time.Minute
	return cmd
}

// runInBackground starts commands, waits for their first line of output, and interrupts them when the test ends.
func runInBackground(t *testing.T, env []string, commands string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := shell(ctx, env, commands)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s\n%s", commands, stderr.String())
		}
	})
	if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
		t.Fatalf("%s: ended before its first line of output: %v", commands, err)
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

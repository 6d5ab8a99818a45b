package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/helm-flow/helm-flow/internal/config"
)

// Names of the targets.
const (
	direct = "executor alone"
	jina   = "Jina's gateway"
	ours   = "flow-gateway"
)

// target is a server to load.
type target struct {
	name  string
	addr  string
	cmd   *exec.Cmd
	log   string
	ended chan struct{} // closed when the process has ended
}

// peers are an executor and the two gateways before it.
type peers struct {
	dir     string
	targets []*target
}

func (p *peers) target(name string) *target {
	for _, t := range p.targets {
		if t.name == name {
			return t
		}
	}
	panic("no target " + name)
}

// startPeers starts the echo executor and both gateways before it, and returns when all serve.
func startPeers(ctx context.Context) (_ *peers, err error) {
	dir, err := os.MkdirTemp("", "flow-bench")
	if err != nil {
		return nil, err
	}
	p := &peers{dir: dir}
	defer func() {
		if err != nil {
			p.stop()
		}
	}()
	executorConfig := filepath.Join(dir, "executor.yaml")
	if err := writeJSON(executorConfig, map[string]any{"name": "echo", "uses": "echo"}); err != nil {
		return nil, err
	}
	executor, err := p.start(ctx, direct, func(addr, admin string) []string {
		return []string{"bin/flow-executor", "--config=" + executorConfig, "--grpc=" + addr, "--admin=" + admin}
	})
	if err != nil {
		return nil, err
	}
	upstream := "grpc://" + executor.addr

	if _, err := p.start(ctx, jina, func(addr, _ string) []string {
		host, port, _ := net.SplitHostPort(addr)
		return []string{
			".tools/py-v2/bin/jina", "gateway", "--host", host, "--port", port,
			"--graph-description", `{"start-gateway": ["echo"], "echo": ["end-gateway"]}`,
			"--deployments-addresses", fmt.Sprintf(`{"echo": [%q]}`, upstream),
		}
	}); err != nil {
		return nil, err
	}

	gatewayConfig := filepath.Join(dir, "gateway.yaml")
	if err := writeJSON(gatewayConfig, config.Gateway{
		Name: "bench", Prefetch: 1000, Retries: -1, Docarray: "auto",
		Executors: []config.Executor{{Name: "echo", Needs: []string{"gateway"}, Addresses: []string{upstream}}},
	}); err != nil {
		return nil, err
	}
	if _, err := p.start(ctx, ours, func(addr, admin string) []string {
		return []string{"bin/flow-gateway", "--config=" + gatewayConfig, "--grpc=" + addr, "--admin=" + admin, "--max-message-bytes=2147483647"}
	}); err != nil {
		return nil, err
	}
	return p, nil
}

// start runs a server on a free loopback port and returns when it serves.
func (p *peers) start(ctx context.Context, name string, argv func(addr, admin string) []string) (*target, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	admin, err := freeAddr()
	if err != nil {
		return nil, err
	}
	args := argv(addr, admin)
	t := &target{name: name, addr: addr, ended: make(chan struct{})}
	t.log = filepath.Join(p.dir, name+".log")
	out, err := os.Create(t.log)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	t.cmd = exec.Command(args[0], args[1:]...)
	t.cmd.Stdout, t.cmd.Stderr = out, out
	t.cmd.Env = append(os.Environ(), "NO_VERSION_CHECK=1", "JINA_OPTOUT_TELEMETRY=1", "JINA_LOG_LEVEL=WARNING")
	// Children end with this program, however it ends.
	t.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := t.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w (make build tools makes what is needed)", name, err)
	}
	p.targets = append(p.targets, t)
	go func() {
		_ = t.cmd.Wait()
		close(t.ended)
	}()
	return t, t.waitServing(ctx)
}

// waitServing returns when the health service answers SERVING.
func (t *target) waitServing(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	conn, err := grpc.NewClient(t.addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		answer, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{})
		if err == nil && answer.Status == grpc_health_v1.HealthCheckResponse_SERVING {
			return nil
		}
		select {
		case <-t.ended:
			log, _ := os.ReadFile(t.log)
			return fmt.Errorf("%s ended before it served:\n%s", t.name, log)
		case <-ctx.Done():
			return fmt.Errorf("%s does not serve at %s: %w", t.name, t.addr, errors.Join(ctx.Err(), err))
		case <-tick.C:
		}
	}
}

// stop kills what was started and waits for its end.
func (p *peers) stop() {
	for _, t := range p.targets {
		_ = syscall.Kill(-t.cmd.Process.Pid, syscall.SIGKILL)
		<-t.ended
	}
	os.RemoveAll(p.dir)
}

// cpu is the processor time that the target has used so far, in user and kernel mode.
func (t *target) cpu() (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", t.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	// Fields are counted behind the name, which is in parentheses and may hold anything; utime and stime are 14 and 15 of proc(5).
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	var ticks int
	for _, f := range fields[11:13] {
		n, err := strconv.Atoi(f)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * (time.Second / 100), nil // USER_HZ is 100 on every Linux that Go runs on
}

// rss is the memory that the target has resident now, in bytes.
func (t *target) rss() (int64, error) {
	statm, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", t.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	var size, resident int64
	if _, err := fmt.Sscan(string(statm), &size, &resident); err != nil {
		return 0, err
	}
	return resident * int64(os.Getpagesize()), nil
}

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

func writeJSON(file string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return os.WriteFile(file, b, 0o600)
}

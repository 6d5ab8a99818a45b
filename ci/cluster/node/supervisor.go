package node

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// Process is a program of the node, as `cluster status` shows it.
type Process struct {
	Name string `json:"name"`
	// PID as the node counts.
	PID     int       `json:"pid"`
	Started time.Time `json:"started"`
	// Exit says how it ended, empty while it runs. Nothing is started again: in a cluster for tests, a program that dies is a finding.
	Exit string `json:"exit,omitempty"`
}

// Files of a node that the host reads, below its /var.
const (
	ProcessesFile = "lib/cluster/processes.json"
	LogDir        = "log"
)

// supervisor starts programs and reaps all processes of the node, those whose parents are gone as well.
type supervisor struct {
	mu        sync.Mutex // guards processes; held while one starts, so that none ends before it is in the list
	processes []*Process
}

// start runs programs.
func (s *supervisor) start(programs ...[]string) error {
	for _, program := range programs {
		if err := s.startOne(program); err != nil {
			return err
		}
	}
	return nil
}

// startOne runs a program with its output in a log file.
func (s *supervisor) startOne(args []string) error {
	name := filepath.Base(args[0])
	log, err := os.OpenFile(filepath.Join("/var", LogDir, name+".log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	defer null.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := os.StartProcess(args[0], args, &os.ProcAttr{
		Env: []string{
			"PATH=" + programsDir + "/containerd:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
			"HOME=/run",
		},
		Files: []*os.File{null, log, log},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return err
	}
	s.processes = append(s.processes, &Process{Name: name, PID: p.Pid, Started: time.Now()})
	if err := p.Release(); err != nil {
		return err
	}
	return s.write()
}

// reap waits for processes until the context ends.
func (s *supervisor) reap(ctx context.Context) error {
	children := make(chan os.Signal, 1)
	signal.Notify(children, syscall.SIGCHLD)
	defer signal.Stop(children)
	for {
		for {
			var status syscall.WaitStatus
			pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
			if err == syscall.EINTR {
				continue
			}
			if err != nil || pid <= 0 {
				break
			}
			if err := s.ended(pid, status); err != nil {
				return err
			}
		}
		select {
		case <-children:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *supervisor) ended(pid int, status syscall.WaitStatus) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.processes {
		if p.PID == pid && p.Exit == "" {
			p.Exit = fmt.Sprintf("exit status %d", status.ExitStatus())
			if status.Signaled() {
				p.Exit = "signal: " + status.Signal().String()
			}
			return s.write()
		}
	}
	return nil
}

// write tells the host of the processes.
func (s *supervisor) write() error {
	text, err := json.Marshal(s.processes)
	if err != nil {
		return err
	}
	file := filepath.Join("/var", ProcessesFile)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(file+".new", text, 0o644); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"charm.land/lipgloss/v2"

	"github.com/helm-flow/helm-flow/internal/load"
)

const (
	flowFile  = "examples/linkerd-demo/flow.yml"
	usualPort = 8080
	act       = 25 * time.Second
	headStart = 3 * time.Second // of client A
	// readyWithin is how long the flow may take to start.
	readyWithin = 60 * time.Second
)

var (
	bold  = lipgloss.NewStyle().Bold(true)
	faint = lipgloss.NewStyle().Faint(true)
)

func say(format string, args ...any) { lipgloss.Printf(format+"\n", args...) }

// tell plays both acts and checks that they come out.
func tell(ctx context.Context, sh *shell) error {
	s := stage{shell: sh, port: usualPort}
	if !free(usualPort) {
		var err error
		if s.port, err = freePort(); err != nil {
			return err
		}
	}
	say("\n%s\n", bold.Render("One greedy client"))
	say("  A flow of two executors: slow_executor takes a second per request, one at a")
	say("  time; bulky_executor takes no time. Client A sends 100,000 documents at once.")
	say("  Client B comes %.0f s later and asks for one answer at a time.", headStart.Seconds())
	if s.port != usualPort {
		say("  Port %d is taken on this machine, so the flow listens on %d.", usualPort, s.port)
	}

	say("\n%s\n", bold.Render("Act one: prefetch 1000, the default. One big batch shuts everybody else out."))
	say("  The gateway takes up to 1,000 requests of each client and hands them on at")
	say("  once, so all of A's queue at slow_executor, and B queues behind them.\n")
	report, err := s.play(ctx)
	if err != nil {
		return err
	}
	if err := closeActOne(report); err != nil {
		return err
	}

	say("\n%s\n", bold.Render("Act two: prefetch 5. Everybody gets answers."))
	say("  The gateway takes 5 requests of each client at a time. The rest of A's wait")
	say("  at A, where they are in nobody's way: B queues behind 5 requests, not 1,000.\n")
	report, err = s.play(ctx, "--set", "gateway.prefetch=5")
	if err != nil {
		return err
	}
	if err := closeActTwo(report); err != nil {
		return err
	}
	say("\nTry next, in two terminals:  bin/helm-flow run %s\n%29sbin/helm-flow post --text hello\n", flowFile, "")
	return nil
}

// closeActOne says what A and B got, and is an error if B got anything.
func closeActOne(r load.Report) error {
	a, b, err := clientsOf(r)
	if err != nil {
		return err
	}
	if b.Answered > 0 {
		return fmt.Errorf("the story did not come out: B got %d answers with prefetch 1000, want none", b.Answered)
	}
	// Nothing is no news where A gets nothing either, or B asks for nothing.
	if least := uint64(act.Seconds()) - 5; a.Answered < least || b.Sent != 1 {
		return fmt.Errorf("the story did not come out: A got %d answers, want %d or more; B sent %d requests, want 1", a.Answered, least, b.Sent)
	}
	turn := time.Duration(a.Waiting) * time.Second
	conclude("A got %d answers; B none in %.0f s, and its turn comes in %.0f minutes.", a.Answered, (act - headStart).Seconds(), turn.Minutes())
	return nil
}

// closeActTwo says what A and B got, and is an error if B's p50 is not about 6 s: 5 requests of A's and its own.
func closeActTwo(r load.Report) error {
	a, b, err := clientsOf(r)
	if err != nil {
		return err
	}
	if b.Latency == nil {
		return errors.New("the story did not come out: B got no answer with prefetch 5")
	}
	p50 := b.Latency.P50.Seconds()
	if p50 < 4.5 || p50 > 7.5 {
		return fmt.Errorf("the story did not come out: B's p50 with prefetch 5 is %.1f s, want 4.5 to 7.5 s", p50)
	}
	conclude("A got %d answers; B %d, with a p50 of %.1f s: 5 requests of A's and its own.", a.Answered, b.Answered, p50)
	return nil
}

func conclude(format string, args ...any) { say("\n  %s", bold.Render(fmt.Sprintf(format, args...))) }

func clientsOf(r load.Report) (a, b load.ClientReport, err error) {
	if len(r.Clients) != 2 {
		return a, b, fmt.Errorf("helm flow load reports on %d clients, want 2", len(r.Clients))
	}
	a, b = r.Clients[0], r.Clients[1]
	if a.Failed+b.Failed > 0 {
		return a, b, fmt.Errorf("an executor failed %d requests", a.Failed+b.Failed)
	}
	return a, b, nil
}

// stage is where an act is played.
type stage struct {
	shell *shell
	port  int
}

// play runs the flow with flags, puts the clients' load on it, and stops it.
func (s *stage) play(ctx context.Context, flags ...string) (report load.Report, err error) {
	if s.port != usualPort {
		flags = append(flags, "--set", "gateway.ports.grpc="+strconv.Itoa(s.port))
	}
	address := make(chan string, 1)
	run, err := s.start(&firstLine{line: address}, nil, append([]string{"flow", "run", flowFile}, flags...)...)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, run.stop()) }()
	var host string
	select {
	case host = <-address:
	case <-run.ended:
		return report, run.failure()
	case <-time.After(readyWithin):
		return report, fmt.Errorf("the flow is not ready after %s\n%s", readyWithin, run.stderr.String())
	case <-ctx.Done():
		return report, ctx.Err()
	}
	var figures bytes.Buffer
	loading, err := s.start(&figures, os.Stderr, "flow", "load", host, "--duration", act.String(), "--output", "json",
		"--client", "A:docs=100000", "--client", fmt.Sprintf("B:docs=100,request-size=1,in-flight=1,start=%s", headStart))
	if err != nil {
		return report, err
	}
	if err := loading.wait(ctx); err != nil {
		return report, fmt.Errorf("%w\nhelm flow run said:\n%s", err, run.stderr.String())
	}
	if err := json.Unmarshal(figures.Bytes(), &report); err != nil {
		return report, fmt.Errorf("output of helm flow load: %w", err)
	}
	return report, nil
}

// start shows a command and starts it.
func (s *stage) start(stdout, stderr io.Writer, args ...string) (*process, error) {
	command := "  $ helm " + strings.Join(args, " ")
	for line := range strings.SplitSeq(strings.ReplaceAll(command, " --client", " \\\n      --client"), "\n") {
		say("%s", faint.Render(line))
	}
	return s.shell.start(stdout, stderr, args...)
}

func free(port int) bool {
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	listener.Close()
	return true
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

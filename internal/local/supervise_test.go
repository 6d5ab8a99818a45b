package local

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// script is what one instance of a process does, in virtual time.
type script struct {
	readyAfter time.Duration // 0: never
	hangsAfter time.Duration // fails its probes from then on; 0: never
	diesAfter  time.Duration // 0: never
	ignores    bool          // SIGTERM
	says       string
}

// stage plays scripts in place of processes: each start of a process takes its next script, the last one again and again.
type stage struct {
	t       *testing.T
	scripts map[string][]script
	began   time.Time

	mu      sync.Mutex
	playing map[string]*actor
	log     []string // what happened, with the time in seconds
}

type actor struct {
	script
	stage *stage
	name  string
	began time.Time
	once  sync.Once
	done  chan struct{}
	exit  string
}

// drainTime is how long an instance takes to end when it is asked to.
const drainTime = time.Second

func (s *stage) note(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, fmt.Sprintf("%5.1f %s", time.Since(s.began).Seconds(), fmt.Sprintf(format, args...)))
}

func (s *stage) launch(p Process, out io.WriteCloser) (instance, error) {
	s.note("%s starts", p.Name)
	s.mu.Lock()
	defer s.mu.Unlock()
	scripts := s.scripts[p.Name]
	a := &actor{script: scripts[0], stage: s, name: p.Name, began: time.Now(), done: make(chan struct{})}
	if len(scripts) > 1 {
		s.scripts[p.Name] = scripts[1:]
	}
	s.playing[p.Name] = a
	if a.says != "" {
		fmt.Fprintln(out, a.says)
	}
	if a.diesAfter > 0 {
		time.AfterFunc(a.diesAfter, func() { a.end("exit status 3") })
	}
	return a, nil
}

// check passes as the script of the process says that the probe is for.
func (s *stage) check(_ context.Context, probe *Probe) error {
	if probe == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.playing[probe.TCP]
	age := time.Since(a.began)
	if a.readyAfter == 0 || age < a.readyAfter || a.hangsAfter > 0 && age >= a.hangsAfter {
		return errors.New("connection refused")
	}
	return nil
}

func (a *actor) end(how string) {
	a.once.Do(func() {
		a.stage.note("%s ends: %s", a.name, how)
		a.exit = how
		close(a.done)
	})
}

func (a *actor) Done() <-chan struct{} { return a.done }
func (a *actor) Exit() string          { return a.exit }
func (a *actor) Kill()                 { a.end("signal: killed") }
func (a *actor) Terminate() {
	a.stage.note("%s is asked to end", a.name)
	if !a.ignores {
		time.AfterFunc(drainTime, func() { a.end("exit status 0") })
	}
}

// play runs a plan of these processes for a time, or until it fails, in virtual time.
func play(t *testing.T, scripts map[string][]script, length time.Duration, hurry <-chan struct{}) (log []string, stderr string, err error) {
	t.Helper()
	stage := &stage{t: t, scripts: scripts, began: time.Now(), playing: make(map[string]*actor)}
	plan := &Plan{Gateway: testProcess("gateway")}
	for name := range scripts {
		if name != "gateway" {
			plan.Executors = append(plan.Executors, testProcess(name))
		}
	}
	slices.SortFunc(plan.Executors, func(a, b Process) int { return strings.Compare(a.Name, b.Name) })
	var out strings.Builder
	s := &supervisor{launch: stage.launch, check: stage.check, screen: newScreen(&out, false, nil, plan.names()), hurry: hurry}
	ctx, cancel := context.WithTimeout(t.Context(), length)
	defer cancel()
	err = s.run(ctx, plan, func() { stage.note("open") })
	return stage.log, out.String(), err
}

func testProcess(name string) Process {
	// The address stands for the process.
	probe := func(failures int) *Probe {
		return &Probe{TCP: name, Period: 10 * time.Second, Timeout: time.Second, Failures: failures, Successes: 1}
	}
	return Process{Name: name, Startup: probe(6), Readiness: probe(1), Liveness: probe(3), Grace: 30 * time.Second}
}

func TestSupervision(t *testing.T) {
	calm := []script{{readyAfter: time.Second}}
	for name, test := range map[string]struct {
		scripts map[string][]script
		length  time.Duration
		log     []string
		err     string
	}{
		"the gateway starts last and stops first": {
			scripts: map[string][]script{"gateway": calm, "a": calm, "b": {{readyAfter: 5 * time.Second}}},
			length:  10 * time.Second,
			log: []string{
				"  0.0 a starts", "  0.0 b starts", "  5.0 gateway starts", "  6.0 open",
				" 10.0 gateway is asked to end", " 11.0 a is asked to end", " 11.0 b is asked to end",
				" 11.0 gateway ends: exit status 0", " 12.0 a ends: exit status 0", " 12.0 b ends: exit status 0",
			},
		},
		"who does not end in its grace is killed": {
			scripts: map[string][]script{"gateway": calm, "a": {{readyAfter: time.Second, ignores: true}}},
			length:  10 * time.Second,
			log: []string{
				"  0.0 a starts", "  1.0 gateway starts", "  2.0 open",
				" 10.0 gateway is asked to end", " 11.0 a is asked to end",
				" 11.0 gateway ends: exit status 0", " 41.0 a ends: signal: killed",
			},
		},
		"a dead executor is restarted, later each time": {
			scripts: map[string][]script{"gateway": calm, "a": {
				{readyAfter: time.Second, diesAfter: 10 * time.Second}, {readyAfter: time.Second, diesAfter: 10 * time.Second},
				{readyAfter: time.Second, diesAfter: 70 * time.Second}, {readyAfter: time.Second, diesAfter: 10 * time.Second},
				{readyAfter: time.Second},
			}},
			length: 110 * time.Second,
			log: []string{
				"  0.0 a starts", "  1.0 gateway starts", "  2.0 open", " 10.0 a ends: exit status 3",
				" 10.5 a starts", " 20.5 a ends: exit status 3",
				" 21.5 a starts", " 91.5 a ends: exit status 3",
				// It was well for more than a minute.
				" 92.0 a starts", "102.0 a ends: exit status 3",
				"103.0 a starts",
				"110.0 gateway is asked to end", "111.0 a is asked to end",
				"111.0 gateway ends: exit status 0", "112.0 a ends: exit status 0",
			},
		},
		"one that dies at each start ends the run": {
			scripts: map[string][]script{"gateway": calm, "a": {{diesAfter: time.Second, says: "no module named x"}}},
			length:  time.Hour,
			log: []string{
				"  0.0 a starts", "  1.0 a ends: exit status 3",
				"  1.5 a starts", "  2.5 a ends: exit status 3",
				"  3.5 a starts", "  4.5 a ends: exit status 3",
			},
			err: "a died at each of 3 starts: exit status 3; its last lines:\n    no module named x",
		},
		"one that is never ready ends the run": {
			scripts: map[string][]script{"gateway": calm, "a": {{says: "loading"}}, "b": calm},
			length:  time.Hour,
			log: []string{
				"  0.0 a starts", "  0.0 b starts", " 60.0 a is asked to end", " 61.0 a ends: exit status 0",
				" 61.0 b is asked to end", " 62.0 b ends: exit status 0",
			},
			err: "a: not ready within 1m0s (timeout_ready): connection refused; its last lines:\n    loading",
		},
		"one that hangs is restarted": {
			scripts: map[string][]script{"gateway": calm, "a": {{readyAfter: time.Second, hangsAfter: 15 * time.Second}, {readyAfter: time.Second}}},
			length:  50 * time.Second,
			log: []string{
				"  0.0 a starts", "  1.0 gateway starts", "  2.0 open",
				// Probed at 11, 21, 31 and 41.
				" 41.0 a is asked to end", " 42.0 a ends: exit status 0",
				" 42.5 a starts",
				" 50.0 gateway is asked to end", " 51.0 a is asked to end",
				" 51.0 gateway ends: exit status 0", " 52.0 a ends: exit status 0",
			},
		},
		"it ends while they start": {
			scripts: map[string][]script{"gateway": calm, "a": {{}}},
			length:  time.Second,
			log:     []string{"  0.0 a starts", "  1.0 a is asked to end", "  2.0 a ends: exit status 0"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log, _, err := play(t, test.scripts, test.length, nil)
				if got, want := fmt.Sprint(err), cmp.Or(test.err, "<nil>"); got != want {
					t.Errorf("error: %s\nwant:  %s", got, want)
				}
				slices.Sort(log) // What happens at the same moment happens in any order.
				if !slices.Equal(log, test.log) {
					t.Errorf("log:\n%s\nwant:\n%s", strings.Join(log, "\n"), strings.Join(test.log, "\n"))
				}
			})
		})
	}
}

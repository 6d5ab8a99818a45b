package local

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// What is no terminal gets a line for each change and each line of a log.
func TestPlainScreen(t *testing.T) {
	var b strings.Builder
	s := newScreen(&b, false, nil, []string{"encoder", "gateway"})
	s.set("encoder", starting, "starting")
	fmt.Fprintln(s.output("encoder"), "loading")
	s.set("encoder", isUp, "ready after 1.0 s")
	s.settle()
	s.set("encoder", troubled, "exit status 1", "loading")
	s.say("stopping")
	want := `encoder: starting
encoder | loading
encoder: ready after 1.0 s
encoder: exit status 1; its last lines:
    loading
stopping
`
	if b.String() != want {
		t.Errorf("it shows\n%s\nwant\n%s", b.String(), want)
	}
}

// A terminal has a block of states under the logs, until they are settled.
func TestLiveScreen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b strings.Builder
		step := func(what, want string) {
			t.Helper()
			if b.String() != want {
				t.Errorf("%s shows\n%q\nwant\n%q", what, b.String(), want)
			}
			b.Reset()
		}
		s := newScreen(&b, false, func() (int, int) { return 30, 24 }, []string{"encoder", "gateway"})

		s.set("encoder", starting, "starting")
		step("the first state", "… encoder  starting 0 s\n· gateway  waits for the exe…\n")

		time.Sleep(3 * time.Second)
		s.redraw()
		step("some time later", "\r\x1b[2A\x1b[J… encoder  starting 3 s\n· gateway  waits for the exe…\n")

		fmt.Fprintln(s.output("encoder"), "loading")
		step("a log", "\r\x1b[2A\x1b[Jencoder | loading\n… encoder  starting 3 s\n· gateway  waits for the exe…\n")

		s.set("encoder", troubled, "exit status 1", "loading")
		step("a death", "\r\x1b[2A\x1b[Jencoder: exit status 1; its last lines:\n    loading\n! encoder  exit status 1\n· gateway  waits for the exe…\n")

		s.set("encoder", isUp, "ready after 3.0 s")
		step("ready", "\r\x1b[2A\x1b[J✔ encoder  ready after 3.0 s\n· gateway  waits for the exe…\n")

		s.settle()
		s.set("gateway", troubled, "exit status 2")
		step("a settled screen", "gateway: exit status 2\n")
	})
}

func TestTooManyForTheScreen(t *testing.T) {
	var b strings.Builder
	s := newScreen(&b, false, func() (int, int) { return 80, 2 }, []string{"a", "b"})
	s.set("a", isUp, "ready")
	if want := "a: ready\n"; b.String() != want {
		t.Errorf("it shows %q, want %q", b.String(), want)
	}
}

func TestScreenColors(t *testing.T) {
	var b strings.Builder
	s := newScreen(&b, true, nil, []string{"a", "b"})
	s.set("b", isUp, "ready")
	fmt.Fprintln(s.output("b"), "hello")
	if want := "\x1b[35mb\x1b[0m: \x1b[32mready\x1b[0m\n\x1b[35mb |\x1b[0m hello\n"; b.String() != want {
		t.Errorf("it shows %q, want %q", b.String(), want)
	}
}

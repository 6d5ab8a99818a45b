package load

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"golang.org/x/sys/unix"
)

// openTerminal opens a pseudo terminal of 80 columns and returns its two ends.
func openTerminal(t *testing.T) (screen, terminal *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { screen.Close() })
	fd := int(screen.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetUint32(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80}); err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { terminal.Close() })
	return screen, terminal
}

func TestWatchPicture(t *testing.T) {
	for _, tableFollows := range []bool{false, true} {
		t.Run(fmt.Sprint("table follows ", tableFollows), func(t *testing.T) {
			screen, terminal := openTerminal(t)
			r := New(Config{Target: "grpc://127.0.0.1:8080", Clients: []Client{{Name: "A"}}})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			watched := make(chan error, 1)
			go func() {
				watched <- WatchPicture(ctx, r, terminal, Style{}, tableFollows)
				terminal.Close()
			}()
			var seen strings.Builder
			buffer := make([]byte, 4096)
			for {
				n, err := screen.Read(buffer)
				seen.Write(buffer[:n])
				if strings.Count(seen.String(), "answers in each second") == 2 {
					cancel()
				}
				if err != nil { // EIO, when the other end is closed
					break
				}
			}
			if err := <-watched; err != nil {
				t.Error(err)
			}
			frames := strings.Split(seen.String(), ansi.SetModeSynchronizedOutput)
			last := frames[len(frames)-1]
			if !strings.Contains(frames[1], "oldest wait") || strings.Contains(last, "oldest wait") == tableFollows {
				t.Errorf("the table is in the wrong frames: %q ... %q", frames[1], last)
			}
			if !strings.HasPrefix(seen.String(), ansi.HideCursor) || !strings.HasSuffix(last, ansi.ShowCursor) {
				t.Errorf("the cursor is not hidden and shown again: %q", seen.String())
			}
		})
	}
}

func TestPicturesStandInEachOthersPlace(t *testing.T) {
	var b strings.Builder
	p := painter{terminal: &b}
	for _, picture := range []string{"one\ntwo\nthree\n", "a line too long\n", "1\n2\n3\n4\n5\n"} {
		if err := p.paint(picture, 6, 5); err != nil {
			t.Fatal(err)
		}
	}
	const begin, end = "\x1b[?2026h\r", "\x1b[J\x1b[?2026l"
	want := begin + "one\x1b[K\ntwo\x1b[K\nthree\x1b[K\n" + end +
		begin + "\x1b[3Aa line\x1b[K\n" + end +
		begin + "\x1b[A1\x1b[K\n2\x1b[K\n3\x1b[K\n4\x1b[K\n" + end
	if b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}

package load

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal opens a pseudo terminal and returns its two ends.
func terminal(t *testing.T, columns uint16) (screen, program *os.File) {
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
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: columns}); err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { program.Close() })
	return screen, program
}

func TestWatchPicture(t *testing.T) {
	for _, tableFollows := range []bool{false, true} {
		t.Run(fmt.Sprint("table follows ", tableFollows), func(t *testing.T) {
			screen, program := terminal(t, 80)
			r := New(Config{Target: "grpc://127.0.0.1:8080", Clients: []Client{{Name: "A"}}})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			watched := make(chan error, 1)
			go func() {
				watched <- WatchPicture(ctx, r, program, Style{}, tableFollows)
				program.Close()
			}()
			var seen strings.Builder
			buffer := make([]byte, 4096)
			for {
				n, err := screen.Read(buffer)
				seen.Write(buffer[:n])
				if strings.Contains(seen.String(), "answers in each second") {
					cancel()
				}
				if err != nil { // EIO, when the other end is closed
					break
				}
			}
			if err := <-watched; err != nil {
				t.Error(err)
			}
			if !strings.Contains(seen.String(), "oldest wait") {
				t.Errorf("no table in %q", seen.String())
			}
			if !strings.HasSuffix(seen.String(), "\x1b[?25h") {
				t.Errorf("the cursor stays hidden after %q", seen.String())
			}
		})
	}
}

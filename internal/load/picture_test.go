package load

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/charmbracelet/x/ansi"
	"google.golang.org/grpc"
)

var update = flag.Bool("update", false, "write the golden files anew")

func seconds(marks string) []Second {
	out := make([]Second, len(marks))
	for i, mark := range marks {
		switch mark {
		case '.':
			out[i].Waiting = true
		case ' ':
		default:
			out[i] = Second{Answers: int(mark - '0'), Waiting: true}
		}
	}
	return out
}

// reports are what a person may get to see.
func reports() map[string]Report {
	ms := Span(time.Millisecond)
	return map[string]Report{
		"starving": {
			Target: "grpc://127.0.0.1:8080", Elapsed: 18_300 * ms, Duration: 25_000 * ms,
			Clients: []ClientReport{
				{
					Name: "A", Sent: 1000, Answered: 18, Waiting: 982, Rate: 1, OldestWait: 18_290 * ms,
					Latency: &Latency{P50: 9_010 * ms, P99: 18_020 * ms}, Seconds: seconds(".111111111111111111"),
				},
				{Name: "B", Sent: 1, Waiting: 1, OldestWait: 15_300 * ms, Seconds: seconds("   ................")},
			},
		},
		"fair": {
			Target: "grpc://127.0.0.1:8080", Elapsed: 25_000 * ms, Duration: 25_000 * ms,
			Clients: []ClientReport{
				{
					Name: "A", Sent: 31, Answered: 21, Waiting: 10, Rate: 0.84, OldestWait: 9_500 * ms,
					Latency: &Latency{P50: 8_010 * ms, P99: 12_020 * ms}, Seconds: seconds(".1111111.11111.11111.1111"),
				},
				{
					Name: "B", Sent: 4, Answered: 3, Waiting: 1, Rate: 0.136, OldestWait: 4_000 * ms,
					Latency: &Latency{P50: 6_010 * ms, P99: 6_020 * ms}, Seconds: seconds("   .....1.....1.....1...."),
				},
			},
		},
		"just-begun": {
			Target: "grpc://127.0.0.1:8080", Elapsed: 200 * ms,
			Clients: []ClientReport{{Name: "A", Seconds: seconds(" ")}},
		},
		"large-and-faulty": {
			Target: "grpc://gateway.demo.svc.cluster.local:8080", Elapsed: 7_300_000 * ms,
			Clients: []ClientReport{
				{
					Name: "everything", Sent: 123_456_789, Answered: 9_999_999, Failed: 1234, Waiting: 1_000_000, Rate: 30_123, OldestWait: 3_725_000 * ms,
					Latency: &Latency{P50: 350 * ms / 1000, P99: 99_949 * ms}, FirstSecond: 7061, Seconds: seconds(strings.Repeat("1234567899", 24)),
				},
				{Name: "gone", Sent: 1, Waiting: 1, OldestWait: 45 * ms, Error: "post to grpc://gateway.demo.svc.cluster.local:8080: no route"},
			},
		},
	}
}

func TestPicture(t *testing.T) {
	for name, report := range reports() {
		for _, width := range []string{"80", "120"} {
			columns := map[string]int{"80": 80, "120": 120}[width]
			picture := report.Picture(columns, Style{})
			golden(t, name+"-"+width+".txt", picture)
			for line := range strings.Lines(picture) {
				if ansi.StringWidth(line) > columns {
					t.Errorf("%s: wider than %d columns: %s", name, columns, line)
				}
			}
			if coloured := ansi.Strip(report.Picture(columns, Colours())); coloured != picture {
				t.Errorf("%s: colours change the text:\n%s", name, coloured)
			}
		}
	}
	golden(t, "starving-colours.txt", reports()["starving"].Picture(80, Colours()))
}

func TestLine(t *testing.T) {
	var b strings.Builder
	for _, name := range []string{"just-begun", "starving", "fair", "large-and-faulty"} {
		b.WriteString(reports()[name].Line() + "\n")
	}
	golden(t, "lines.txt", b.String())
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s (go test -update writes it anew)\ngot:\n%s\nwant:\n%s", path, got, want)
	}
}

func TestWatchLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New(Config{
			Target: "grpc://127.0.0.1:8080", Duration: 11 * time.Second,
			Dial:    serve(t, func(stream grpc.ServerStream) error { <-stream.Context().Done(); return nil }),
			Clients: []Client{{Name: "A", RequestSize: 1, InFlight: 1}},
		})
		ctx, cancel := context.WithCancel(t.Context())
		var b strings.Builder
		watched := make(chan struct{})
		go func() {
			defer close(watched)
			WatchLines(ctx, r, &b)
		}()
		if err := r.Do(t.Context()); err != nil {
			t.Error(err)
		}
		cancel()
		<-watched
		want := "load on grpc://127.0.0.1:8080\n" +
			"   5 s  A: 1 sent, 0 answered (0/s), oldest wait 5.0 s\n" +
			"  10 s  A: 1 sent, 0 answered (0/s), oldest wait 10.0 s\n"
		if b.String() != want {
			t.Errorf("got %q, want %q", b.String(), want)
		}
	})
}

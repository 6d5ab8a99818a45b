package load

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/helm-flow/helm-flow/internal/wire"
	"github.com/helm-flow/helm-flow/internal/wire/jinapb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve runs a gateway in memory for the time of the test and returns how to dial it.
func serve(t *testing.T, call func(grpc.ServerStream) error) []grpc.DialOption {
	t.Helper()
	listener := bufconn.Listen(1 << 20)
	server := grpc.NewServer(grpc.ForceServerCodecV2(wire.Codec{}), grpc.WaitForHandlers(true),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second}))
	wire.RegisterCall(server, call)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return []grpc.DialOption{grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
		return listener.DialContext(ctx)
	})}
}

// oneAtATime is a gateway with one executor that takes a second for each request, first come, first served. Of each stream it handles
// as many requests at a time as prefetch says: Jina's way.
func oneAtATime(t *testing.T, prefetch int) func(grpc.ServerStream) error {
	type job struct {
		stream  grpc.ServerStream
		message *wire.Message
		inHand  chan struct{}
	}
	queue := make(chan job, 10_000)
	done := make(chan struct{})
	t.Cleanup(func() { close(queue); <-done })
	go func() {
		defer close(done)
		for j := range queue {
			if j.stream.Context().Err() == nil {
				time.Sleep(time.Second)
				_ = j.stream.SendMsg(j.message) // a client that is gone needs no answer
			}
			j.message.Free()
			<-j.inHand
		}
	}()
	return func(stream grpc.ServerStream) error {
		inHand := make(chan struct{}, prefetch)
		for {
			m := new(wire.Message)
			if err := stream.RecvMsg(m); err != nil {
				// The last answers are still to come.
				for range prefetch {
					inHand <- struct{}{}
				}
				return nil
			}
			inHand <- struct{}{}
			queue <- job{stream, m, inHand}
		}
	}
}

func run(t *testing.T, config Config) (Report, error) {
	t.Helper()
	r := New(config)
	err := r.Do(t.Context())
	return r.Report(), err
}

func near(got, want Span) bool { return got > want-want/100 && got < want+want/100 }

// One client floods, another asks for one answer at a time.
func TestFloodStarvesTheOtherClient(t *testing.T) {
	for _, test := range []struct {
		name     string
		prefetch int
		answers  uint64
		p50      Span
	}{
		{"everything is read ahead", 1000, 0, 0},
		{"little is read ahead", 5, 9, Span(6 * time.Second)},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				report, err := run(t, Config{
					Target: "grpc://127.0.0.1:8080",
					Dial:   serve(t, oneAtATime(t, test.prefetch)),
					Clients: []Client{
						{Name: "A", Docs: 100_000, RequestSize: 100},
						{Name: "B", Docs: 100, RequestSize: 1, InFlight: 1, Start: 2500 * time.Millisecond},
					},
					Duration: 60 * time.Second,
				})
				if err != nil {
					t.Fatal(err)
				}
				a, b := report.Clients[0], report.Clients[1]
				if a.Answered+b.Answered < 58 || a.Failed+b.Failed > 0 {
					t.Errorf("%d + %d answers in 60 s, want a busy executor", a.Answered, b.Answered)
				}
				if b.Answered != test.answers || b.Sent != test.answers+1 || b.Waiting != 1 {
					t.Errorf("B: %d answered, %d sent, %d waiting; want %d answered, one more waiting", b.Answered, b.Sent, b.Waiting, test.answers)
				}
				if test.answers == 0 {
					if b.Latency != nil || !near(b.OldestWait, Span(57500*time.Millisecond)) || !b.starves() {
						t.Errorf("B: latency %v, oldest wait %v, starves %t; want none, 57.5 s, true", b.Latency, b.OldestWait, b.starves())
					}
				} else if !near(b.Latency.P50, test.p50) || b.starves() {
					t.Errorf("B: p50 %v, starves %t; want %v, false", b.Latency.P50, b.starves(), test.p50)
				}
			})
		})
	}
}

// A server that stalls must not slow down the measuring: latency counts from when a request was due.
func TestLatencyCountsFromTheIntendedTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		served := 0
		report, err := run(t, Config{
			Target: "grpc://127.0.0.1:8080",
			Dial: serve(t, func(stream grpc.ServerStream) error {
				for {
					m := new(wire.Message)
					if err := stream.RecvMsg(m); err != nil {
						return nil
					}
					if served++; served == 101 {
						time.Sleep(100 * time.Second)
					}
					if err := stream.SendMsg(m); err != nil {
						return err
					}
					m.Free()
				}
			}),
			// 10 s of health, then 100 s of silence.
			Clients: []Client{{Name: "A", Docs: 1100, RequestSize: 1, InFlight: 1, Rate: 10}},
		})
		if err != nil {
			t.Fatal(err)
		}
		a := report.Clients[0]
		if a.Answered != 1100 || a.Waiting != 0 {
			t.Errorf("%d answered, %d waiting, want all 1100", a.Answered, a.Waiting)
		}
		// Half of all requests were due in the first 45 s of the silence, and so waited 55 s or longer.
		if !near(a.Latency.P50, Span(45*time.Second)) || !near(a.Latency.Max, Span(100*time.Second)) {
			t.Errorf("p50 %v, max %v; want 45 s, 100 s", a.Latency.P50, a.Latency.Max)
		}
	})
}

func TestRunEndsWhenAllIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		report, err := run(t, Config{
			Target:  "grpc://127.0.0.1:8080",
			Dial:    serve(t, oneAtATime(t, 1000)),
			Clients: []Client{{Name: "A", Docs: 250, RequestSize: 100}, {Name: "B", Docs: 1, RequestSize: 100, Start: 10 * time.Second}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if a := report.Clients[0]; a.Sent != 3 || a.Answered != 3 || a.Rate != 1 {
			t.Errorf("A: %d sent, %d answered, %v/s; want 3, 3, 1", a.Sent, a.Answered, a.Rate)
		}
		if report.Elapsed != Span(11*time.Second) {
			t.Errorf("took %v, want 11 s", report.Elapsed)
		}
	})
}

func TestInterruptEndsAtOnceWithTheFiguresSoFar(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New(Config{
			Target:  "grpc://127.0.0.1:8080",
			Dial:    serve(t, oneAtATime(t, 1000)),
			Clients: []Client{{Name: "A", RequestSize: 100}, {Name: "B", RequestSize: 1, Start: time.Hour}},
		})
		ctx, cancel := context.WithTimeout(t.Context(), 4500*time.Millisecond)
		defer cancel()
		if err := r.Do(ctx); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute)
		report := r.Report()
		if a := report.Clients[0]; a.Answered != 4 || a.OldestWait != Span(4500*time.Millisecond) || report.Elapsed != Span(4500*time.Millisecond) {
			t.Errorf("%d answered, oldest wait %v after %v; want 4, 4.5 s, 4.5 s", a.Answered, a.OldestWait, report.Elapsed)
		}
	})
}

// What a client has sent and cannot know the fate of is bounded by what the gateway reads, however much it has to send.
func TestMemoryIsBoundedByWhatTheGatewayReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		report, err := run(t, Config{
			Target:   "grpc://127.0.0.1:8080",
			Dial:     serve(t, func(stream grpc.ServerStream) error { <-stream.Context().Done(); return nil }),
			Clients:  []Client{{Name: "A", RequestSize: 100, InFlight: 0}},
			Duration: time.Minute,
		})
		if a := report.Clients[0]; err != nil || a.Sent == 0 || a.Sent > 100 {
			t.Errorf("%v, %d requests sent to a gateway that reads none, want some, but few", err, a.Sent)
		}
	})
}

func TestBrokenClientDoesNotStopTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		report, err := run(t, Config{
			Target: "grpc://127.0.0.1:8080",
			Dial: serve(t, func(stream grpc.ServerStream) error {
				for {
					m := new(wire.Message)
					if err := stream.RecvMsg(m); err != nil {
						return nil
					}
					if m.Header.ExecEndpoint.Text == "" {
						return status.Error(codes.InvalidArgument, "no endpoint")
					}
					err := m.Header.SetStatus(&jinapb.StatusProto{Code: jinapb.StatusProto_ERROR, Description: "no"})
					if n, _ := m.Data(); len(n) > 1000 {
						err = status.Error(codes.Unavailable, "executor is down")
					}
					if err = errors.Join(err, stream.SendMsg(m)); err != nil {
						return err
					}
					m.Free()
				}
			}),
			Clients: []Client{{Name: "big", Docs: 100, RequestSize: 100}, {Name: "small", Docs: 3, RequestSize: 1}},
		})
		if err == nil || !strings.Contains(err.Error(), "client big: ") || strings.Contains(err.Error(), "small") {
			t.Errorf("got %v, want the fault of the client named big", err)
		}
		if big := report.Clients[0]; !strings.Contains(big.Error, "executor is down") {
			t.Errorf("big's error is %q", big.Error)
		}
		if small := report.Clients[1]; small.Answered != 3 || small.Failed != 3 || small.Error != "" {
			t.Errorf("small: %d answered, %d failed, error %q; want 3, 3, none", small.Answered, small.Failed, small.Error)
		}
	})
}

func TestParseClient(t *testing.T) {
	for _, test := range []struct {
		text string
		want Client
		err  string
	}{
		{text: "A", want: Client{Name: "A", RequestSize: 100}},
		{text: "A:docs=100000,request-size=10", want: Client{Name: "A", Docs: 100_000, RequestSize: 10}},
		{
			text: "polite:in-flight=1,rate=0.5,start=3s,prefetch=5",
			want: Client{Name: "polite", RequestSize: 100, InFlight: 1, Rate: 0.5, Start: 3 * time.Second, Prefetch: 5},
		},
		{text: "", err: "want NAME"},
		{text: ":docs=1", err: "want NAME"},
		{text: "docs=1", err: "want NAME"},
		{text: "a-very-long-name", err: "1 to 10 characters"},
		{text: "A:", err: "unknown key"},
		{text: "A:dosc=1", err: "known are docs, request-size"},
		{text: "A:docs=many", err: "client A: docs=many: want a whole number from 1 on"},
		{text: "A:docs=0", err: "whole number from 1 on"},
		{text: "A:in-flight", err: "whole number from 1 on"},
		{text: "A:rate=-1", err: "requests per second"},
		{text: "A:rate=NaN", err: "requests per second"},
		{text: "A:start=3", err: "a time such as 3s"},
		{text: "A:start=-3s", err: "a time such as 3s"},
	} {
		got, err := ParseClient(test.text)
		if got != test.want {
			t.Errorf("%q: got %+v, want %+v", test.text, got, test.want)
		}
		if (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%q: got error %v, want %q", test.text, err, test.err)
		}
	}
}

func TestJSONReadsBack(t *testing.T) {
	want := Report{
		Target: "grpc://x:1", Elapsed: Span(25 * time.Second), Duration: Span(25 * time.Second),
		Clients: []ClientReport{
			{Name: "A", Sent: 5, Answered: 4, Waiting: 1, Rate: 0.16, Latency: &Latency{P50: Span(6 * time.Second)}, OldestWait: Span(1500 * time.Millisecond)},
			{Name: "B", Error: "gone"},
		},
	}
	var b bytes.Buffer
	if err := want.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"p50": 6,`, `"oldest_wait_seconds": 1.5`, `"latency_seconds": null`, `"error": "gone"`} {
		if !strings.Contains(b.String(), part) {
			t.Errorf("no %s in %s", part, b.String())
		}
	}
	var got Report
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	var again bytes.Buffer
	if err := got.WriteJSON(&again); err != nil || again.String() != b.String() {
		t.Errorf("%v, read back it is %s", err, again.String())
	}
}

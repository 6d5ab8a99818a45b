package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/helm-flow/helm-flow/client"
	"github.com/helm-flow/helm-flow/docarray"
	"github.com/helm-flow/helm-flow/internal/wire"
	"github.com/helm-flow/helm-flow/internal/wire/jinapb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server plays the gateway: each test gives the behaviour it is about.
type server struct {
	call   func(grpc.ServerStream) error
	single func(context.Context, *wire.Message) (*wire.Message, error)
	dryRun func(context.Context) (*jinapb.StatusProto, error)
}

// dial serves s in memory and returns a client of it; both end with the test.
func dial(t *testing.T, s server) *client.Client {
	t.Helper()
	return dialAs(t, "grpc", s)
}

func dialAs(t *testing.T, scheme string, s server) *client.Client {
	t.Helper()
	listener := bufconn.Listen(1 << 20)
	grpcServer := grpc.NewServer(grpc.ForceServerCodecV2(wire.Codec{}))
	if s.call != nil {
		wire.RegisterCall(grpcServer, s.call)
	}
	if s.single != nil {
		wire.RegisterSingle(grpcServer, s.single)
	}
	if s.dryRun != nil {
		wire.RegisterDryRun(grpcServer, s.dryRun)
	}
	served := make(chan error, 1)
	go func() { served <- grpcServer.Serve(listener) }()
	c, err := client.Dial(scheme+"://127.0.0.1:8080", grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
		return listener.DialContext(ctx)
	}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		grpcServer.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return c
}

// echo answers each request with itself.
func echo(stream grpc.ServerStream) error {
	for {
		m := new(wire.Message)
		if err := stream.RecvMsg(m); err != nil {
			return ignoreEOF(err)
		}
		err := stream.SendMsg(m)
		m.Free()
		if err != nil {
			return err
		}
	}
}

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func texts(n int) iter.Seq[*docarray.Document] {
	return func(yield func(*docarray.Document) bool) {
		for i := range n {
			if !yield(&docarray.Document{ID: fmt.Sprint(i), Text: fmt.Sprintf("text %d", i)}) {
				return
			}
		}
	}
}

func TestPostCutsDocumentsIntoRequests(t *testing.T) {
	for _, test := range []struct {
		name        string
		docs        int
		requestSize int
		want        []int // documents per response
	}{
		{"default size", 250, 0, []int{100, 100, 50}},
		{"a full last request", 6, 3, []int{3, 3}},
		{"one by one", 3, 1, []int{1, 1, 1}},
		{"all in one", 250, -1, []int{250}},
		{"none: one empty request", 0, 0, []int{0}},
	} {
		for _, generation := range []docarray.Generation{docarray.V1, docarray.V2} {
			t.Run(fmt.Sprint(test.name, " ", generation), func(t *testing.T) {
				c := dial(t, server{call: echo})
				var sizes []int
				seen := map[string]int{}
				for response, err := range c.Post(t.Context(), "/", texts(test.docs), client.PostOptions{
					RequestSize: test.requestSize, StreamOptions: client.StreamOptions{Generation: generation},
				}) {
					if err != nil {
						t.Fatal(err)
					}
					docs, err := response.Docs()
					if err != nil {
						t.Fatal(err)
					}
					sizes = append(sizes, len(docs))
					for _, doc := range docs {
						seen[doc.Text]++
					}
				}
				if !slices.Equal(sizes, test.want) {
					t.Errorf("documents per response: got %v, want %v", sizes, test.want)
				}
				for doc := range texts(test.docs) {
					if seen[doc.Text] != 1 {
						t.Errorf("%q came back %d times, want once", doc.Text, seen[doc.Text])
					}
				}
				if len(seen) != test.docs {
					t.Errorf("%d different documents came back, want %d", len(seen), test.docs)
				}
			})
		}
	}
}

func TestPostSaysWhatTheOptionsSay(t *testing.T) {
	var header wire.Header
	var parameters structpb.Struct
	var md metadata.MD
	c := dial(t, server{call: func(stream grpc.ServerStream) error {
		md, _ = metadata.FromIncomingContext(stream.Context())
		m := new(wire.Message)
		if err := stream.RecvMsg(m); err != nil {
			return err
		}
		defer m.Free()
		header = m.Header
		if err := proto.Unmarshal(m.Parameters, &parameters); err != nil {
			return err
		}
		m.AddRoute(wire.Route{Executor: "gateway"})
		return stream.SendMsg(m)
	}})
	options := client.PostOptions{
		StreamOptions: client.StreamOptions{
			Prefetch: 7, InOrder: true, Metadata: map[string]string{"authorization": "none"},
		},
		Parameters:     map[string]any{"top_k": 3, "filter": map[string]any{"price": nil}},
		TargetExecutor: "index.*",
	}
	for response, err := range c.Post(t.Context(), "/search", texts(1), options) {
		if err != nil {
			t.Fatal(err)
		}
		if id := response.ID(); id != header.RequestID || len(id) != 32 {
			t.Errorf("response ID %q, want the request's, %q, of 32 characters", id, header.RequestID)
		}
		if got := response.Parameters()["top_k"]; got != 3.0 {
			t.Errorf("top_k is %v, want 3", got)
		}
		if routes := response.Routes(); len(routes) != 1 || routes[0].Executor != "gateway" || !routes[0].Start.IsZero() {
			t.Errorf("routes are %v, want the gateway's without a time", routes)
		}
	}
	if header.ExecEndpoint != wire.Some("/search") || header.TargetExecutor != wire.Some("index.*") {
		t.Errorf("header says endpoint %v, target %v", header.ExecEndpoint, header.TargetExecutor)
	}
	for key, want := range map[string]string{"__prefetch__": "7", "__results_in_order__": "true", "authorization": "none"} {
		if got := md.Get(key); !slices.Equal(got, []string{want}) {
			t.Errorf("metadata %s is %v, want %s", key, got, want)
		}
	}
}

func TestPostGoesOnAfterAnExecutorError(t *testing.T) {
	c := dial(t, server{call: func(stream grpc.ServerStream) error {
		for {
			m := new(wire.Message)
			if err := stream.RecvMsg(m); err != nil {
				return ignoreEOF(err)
			}
			docs, err := docarray.Decode(docarray.V2, must(m.Data()))
			if err != nil {
				return err
			}
			if docs[0].ID == "1" {
				err = m.Header.SetStatus(&jinapb.StatusProto{
					Code: jinapb.StatusProto_ERROR, Description: "ValueError('one is bad')",
					Exception: &jinapb.StatusProto_ExceptionProto{Name: "ValueError", Args: []string{"one is bad"}, Executor: "Ranker"},
				})
			}
			err = errors.Join(err, stream.SendMsg(m))
			m.Free()
			if err != nil {
				return err
			}
		}
	}})
	var good, bad int
	for response, err := range c.Post(t.Context(), "/", texts(3), client.PostOptions{RequestSize: 1}) {
		failure, failed := errors.AsType[*client.ExecutorError](err)
		switch {
		case failed:
			bad++
			if failure.RequestID != response.ID() || failure.Executor != "Ranker" || failure.Name != "ValueError" {
				t.Errorf("got %+v", failure)
			}
			if want := "executor Ranker failed: ValueError('one is bad')"; err.Error() != want {
				t.Errorf("got %q, want %q", err, want)
			}
		case err != nil:
			t.Fatal(err)
		default:
			good++
		}
	}
	if good != 2 || bad != 1 {
		t.Errorf("%d good and %d bad responses, want 2 and 1", good, bad)
	}
}

func TestPostEndsWithTheStreamsFault(t *testing.T) {
	answers := func(n int, after error) func(grpc.ServerStream) error {
		return func(stream grpc.ServerStream) error {
			for range n {
				m := new(wire.Message)
				if err := stream.RecvMsg(m); err != nil {
					return err
				}
				defer m.Free()
				if err := stream.SendMsg(m); err != nil {
					return err
				}
			}
			return after
		}
	}
	twice := func(stream grpc.ServerStream) error {
		m := new(wire.Message)
		if err := stream.RecvMsg(m); err != nil {
			return err
		}
		defer m.Free()
		return errors.Join(stream.SendMsg(m), stream.SendMsg(m))
	}
	for _, test := range []struct {
		name      string
		call      func(grpc.ServerStream) error
		responses int
		code      codes.Code
		text      string
	}{
		{"network error", answers(1, status.Error(codes.Unavailable, "executor is down")), 1, codes.Unavailable, "executor is down"},
		{"answers lost", answers(1, nil), 1, codes.DataLoss, "unanswered"},
		{"answered twice", twice, 1, codes.Internal, "not waiting"},
		{"no such service", nil, 0, codes.Unimplemented, "JinaRPC"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := dial(t, server{call: test.call})
			var responses int
			var last error
			for response, err := range c.Post(t.Context(), "/", texts(3), client.PostOptions{RequestSize: 1}) {
				if last != nil {
					t.Fatalf("went on after %v", last)
				}
				if response != nil {
					responses++
				}
				last = err
			}
			if responses != test.responses {
				t.Errorf("%d responses, want %d", responses, test.responses)
			}
			if status.Code(last) != test.code || !strings.Contains(fmt.Sprint(last), test.text) {
				t.Errorf("got %v, want %v with %q", last, test.code, test.text)
			}
		})
	}
}

func TestPostSaysWhichDocumentCannotBeSent(t *testing.T) {
	c := dial(t, server{call: echo})
	docs := docarray.List{{Text: "fine"}, {Text: "not UTF-8: \xff"}}
	var last error
	for _, err := range c.Post(t.Context(), "/", slices.Values(docs), client.PostOptions{RequestSize: 1}) {
		last = err
	}
	if last == nil || !strings.Contains(last.Error(), "UTF-8") {
		t.Errorf("got %v, want the encoder's error", last)
	}
}

// A gateway that does not read must not make the client pull documents it cannot send.
func TestPostPullsNoFasterThanTheGatewayReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		read := make(chan struct{})
		c := dial(t, server{call: func(stream grpc.ServerStream) error {
			<-read
			return echo(stream)
		}})
		const all = 100_000
		var pulled int
		docs := func(yield func(*docarray.Document) bool) {
			for doc := range texts(all) {
				pulled++
				if !yield(doc) {
					return
				}
			}
		}
		responses := make(chan int)
		go func() {
			n := 0
			for _, err := range c.Post(t.Context(), "/", docs, client.PostOptions{}) {
				if err != nil {
					t.Error(err)
				}
				n++
			}
			responses <- n
		}()
		synctest.Wait()
		if pulled == 0 || pulled > all/10 {
			t.Errorf("pulled %d documents for a gateway that reads none, want some, but few", pulled)
		}
		close(read)
		if n := <-responses; n != all/client.DefaultRequestSize {
			t.Errorf("%d responses, want %d", n, all/client.DefaultRequestSize)
		}
	})
}

func TestPostEndsWithItsContext(t *testing.T) {
	gone := make(chan struct{})
	c := dial(t, server{call: func(stream grpc.ServerStream) error {
		<-stream.Context().Done()
		close(gone)
		return nil
	}})
	reason := errors.New("had enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	var errs []error
	docs := func(yield func(*docarray.Document) bool) {
		yield(&docarray.Document{Text: "the only one"})
		cancel(reason)
	}
	for _, err := range c.Post(ctx, "/", docs, client.PostOptions{RequestSize: 1}) {
		errs = append(errs, err)
	}
	if len(errs) != 1 || !errors.Is(errs[0], reason) {
		t.Errorf("got %v, want once the context's cause", errs)
	}
	<-gone
}

func TestLeavingTheLoopCancels(t *testing.T) {
	gone := make(chan struct{})
	c := dial(t, server{call: func(stream grpc.ServerStream) error {
		defer close(gone)
		return echo(stream)
	}})
	endless := func(yield func(*docarray.Document) bool) {
		for yield(&docarray.Document{Text: "again"}) {
		}
	}
	for _, err := range c.Post(t.Context(), "/", endless, client.PostOptions{RequestSize: 1}) {
		if err != nil {
			t.Fatal(err)
		}
		break
	}
	<-gone
}

func TestDo(t *testing.T) {
	c := dial(t, server{single: func(_ context.Context, m *wire.Message) (*wire.Message, error) {
		if m.Header.ExecEndpoint.Text == "/fail" {
			return m, m.Header.SetStatus(&jinapb.StatusProto{Code: jinapb.StatusProto_ERROR, Description: "no"})
		}
		if m.Header.ExecEndpoint.Text == "/down" {
			return nil, status.Error(codes.Unavailable, "down")
		}
		return m, nil
	}})
	docs := slices.Collect(texts(2))
	response, err := c.Do(t.Context(), &client.Request{ID: "mine", Docs: docs})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := response.Docs(); err != nil || len(got) != 2 || response.ID() != "mine" {
		t.Errorf("got %v, %v of %s, want both documents of mine", got, err, response.ID())
	}
	response, err = c.Do(t.Context(), &client.Request{Endpoint: "/fail", Docs: docs})
	if _, failed := errors.AsType[*client.ExecutorError](err); !failed || response == nil {
		t.Errorf("got %v, %v, want a response with an ExecutorError", response, err)
	}
	response, err = c.Do(t.Context(), &client.Request{Endpoint: "/down"})
	if status.Code(err) != codes.Unavailable || response != nil {
		t.Errorf("got %v, %v, want UNAVAILABLE alone", response, err)
	}
	if _, err = c.Do(t.Context(), &client.Request{Parameters: map[string]any{"x": make(chan int)}}); err == nil {
		t.Error("sent parameters that JSON cannot hold")
	}
}

func TestReady(t *testing.T) {
	broken := &jinapb.StatusProto{Code: jinapb.StatusProto_ERROR, Description: "indexer is down"}
	for _, test := range []struct {
		name string
		s    server
		want string // in the error; empty is none
	}{
		{"ready", server{dryRun: func(context.Context) (*jinapb.StatusProto, error) { return &jinapb.StatusProto{}, nil }}, ""},
		{"an executor is not", server{dryRun: func(context.Context) (*jinapb.StatusProto, error) { return broken, nil }}, "indexer is down"},
		{"not a gateway", server{}, "Unimplemented"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := dial(t, test.s).Ready(t.Context())
			if (err == nil) != (test.want == "") || !strings.Contains(fmt.Sprint(err), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestGrpcsNeverSpeaksInTheClear(t *testing.T) {
	c := dialAs(t, "grpcs", server{dryRun: func(context.Context) (*jinapb.StatusProto, error) { return &jinapb.StatusProto{}, nil }})
	if err := c.Ready(t.Context()); status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), "tls") {
		t.Errorf("got %v from a server without TLS, want UNAVAILABLE for it", err)
	}
}

func TestDialNeedsATarget(t *testing.T) {
	for target, want := range map[string]string{
		"grpc://127.0.0.1:8080":   "",
		"127.0.0.1:8080":          "",
		"grpcs://flow.example":    "",
		"grpc://flow.example/":    "",
		"grpc://[::1]:8080":       "",
		"":                        "want host:port",
		"localhost":               "want host:port",
		"grpc://":                 "want host:port",
		"grpc://:8080":            "want host:port",
		"grpc://a/b":              "want host:port",
		"http://127.0.0.1:8080":   `scheme "http" is not spoken`,
		"wss://127.0.0.1:8080/ws": `scheme "wss" is not spoken`,
	} {
		c, err := client.Dial(target)
		if (err == nil) != (want == "") || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%q: got %v, want %q", target, err, want)
		}
		if err == nil {
			c.Close()
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

package executor

import (
	"context"
	"log/slog"
	"math"
	"net"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/helm-flow/helm-flow/docarray"
	"github.com/helm-flow/helm-flow/internal/serve"
	"github.com/helm-flow/helm-flow/internal/wire"
	"github.com/helm-flow/helm-flow/internal/wire/jinapb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start serves e under the name exec0 in memory.
func start(t *testing.T, e *Executor) *grpc.ClientConn {
	t.Helper()
	s, err := newServer(e, "exec0", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	g := serve.NewServer(math.MaxInt32)
	s.register(g)
	listener := bufconn.Listen(1 << 20)
	done := make(chan struct{})
	go func() { defer close(done); _ = g.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:///memory", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(); g.Stop(); <-done })
	return conn
}

// request is a DataRequestProto with an id.
func request(t *testing.T, endpoint string, gen docarray.Generation, docs docarray.List) *jinapb.DataRequestProto {
	t.Helper()
	data, err := docs.Encode(gen)
	if err != nil {
		t.Fatal(err)
	}
	return &jinapb.DataRequestProto{Header: &jinapb.HeaderProto{RequestId: "r1", ExecEndpoint: &endpoint}, Data: data}
}

// single calls process_single_data, and returns the trailing metadata beside the answer.
func single(t *testing.T, conn *grpc.ClientConn, in *jinapb.DataRequestProto) (*jinapb.DataRequestProto, metadata.MD, error) {
	t.Helper()
	out := new(jinapb.DataRequestProto)
	var trailer metadata.MD
	err := conn.Invoke(t.Context(), wire.MethodProcessSingleData, in, out, grpc.Trailer(&trailer))
	return out, trailer, err
}

func decode(t *testing.T, gen docarray.Generation, in *jinapb.DataRequestProto) docarray.List {
	t.Helper()
	docs, err := docarray.Decode(gen, in.Data)
	if err != nil {
		t.Fatal(err)
	}
	return docs
}

func routes(in *jinapb.DataRequestProto) (names []string) {
	for _, r := range in.Routes {
		names = append(names, r.Executor)
	}
	return names
}

func parameters(t *testing.T, m map[string]any) *structpb.Struct {
	t.Helper()
	s, err := structpb.NewStruct(m)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// upper changes the text of documents in place.
func upper(_ context.Context, r *Request) error {
	docs, err := r.Docs()
	for _, d := range docs {
		d.Text = strings.ToUpper(d.Text)
	}
	return err
}

func TestDocumentsAreAnsweredInTheGenerationTheyCameIn(t *testing.T) {
	conn := start(t, New("Upper").On("/upper", upper))
	for _, gen := range []docarray.Generation{docarray.V1, docarray.V2} {
		in := request(t, "/upper", gen, docarray.List{{ID: "1", Text: "a"}, {ID: "2", Text: "b"}})
		in.Routes = []*jinapb.RouteProto{{Executor: "gateway"}}
		out, trailer, err := single(t, conn, in)
		if err != nil {
			t.Fatal(err)
		}
		want := docarray.List{{ID: "1", Text: "A"}, {ID: "2", Text: "B"}}
		if got := decode(t, gen, out); !reflect.DeepEqual(got, want) {
			t.Errorf("%v: got %v", gen, got)
		}
		if got := routes(out); !slices.Equal(got, []string{"gateway", "exec0"}) || out.Header.RequestId != "r1" || out.Header.Status != nil {
			t.Errorf("%v: routes %q, header %v", gen, got, out.Header)
		}
		if trailer.Get(wire.MetadataIsError) != nil {
			t.Errorf("%v: trailer %v", gen, trailer)
		}
	}
}

func TestEndpoints(t *testing.T) {
	mark := func(text string) Handler {
		return func(_ context.Context, r *Request) error {
			r.SetDocs(docarray.List{{Text: text + " for " + r.Endpoint}})
			return nil
		}
	}
	bound := start(t, New("E").On("/a", mark("a")))
	all := start(t, New("E").On("/a", mark("a")).On(Default, mark("default")))
	came := docarray.List{{ID: "1", Text: "as it came"}}
	for _, test := range []struct {
		name     string
		conn     *grpc.ClientConn
		endpoint string
		want     string
		routed   bool
	}{
		{"bound", bound, "/a", "a for /a", true},
		{"unbound, without a catch-all", bound, "/b", "as it came", false},
		{"unbound", all, "/b", "default for /b", true},
		{"none", all, "", "default for ", true},
		{"the dry run is bound by all", bound, wire.DryRunEndpoint, "as it came", true},
		{"the dry run calls no handler", all, wire.DryRunEndpoint, "as it came", true},
	} {
		out, _, err := single(t, test.conn, request(t, test.endpoint, docarray.V1, came))
		if err != nil {
			t.Fatal(test.name, err)
		}
		if got := decode(t, docarray.V1, out); len(got) != 1 || got[0].Text != test.want || (len(out.Routes) == 1) != test.routed {
			t.Errorf("%s: got %v, routes %q", test.name, got, routes(out))
		}
	}
}

func TestParametersAndResults(t *testing.T) {
	conn := start(t, New("P").On("/", func(_ context.Context, r *Request) error {
		r.Results = map[string]any{"seen": r.Parameters["k"]}
		r.Parameters["k"] = "changed"
		return nil
	}))
	for _, test := range []struct {
		name     string
		in, want map[string]any
	}{
		{"none", nil, map[string]any{"__results__": map[string]any{"exec0": map[string]any{"seen": nil}}}},
		{
			"its own stand above all others",
			map[string]any{"k": 1.0, "exec0": map[string]any{"k": 2.0}},
			map[string]any{"k": 1.0, "exec0": map[string]any{"k": 2.0}, "__results__": map[string]any{"exec0": map[string]any{"seen": 2.0}}},
		},
		{
			"one that has its name by chance",
			map[string]any{"k": "x", "exec0": 1.0},
			map[string]any{"k": "x", "exec0": 1.0, "__results__": map[string]any{"exec0": map[string]any{"seen": "x"}}},
		},
		{
			"results of others stay",
			map[string]any{"__results__": map[string]any{"other": map[string]any{"a": 1.0}}},
			map[string]any{"__results__": map[string]any{"other": map[string]any{"a": 1.0}, "exec0": map[string]any{"seen": nil}}},
		},
	} {
		in := request(t, "/", docarray.V1, nil)
		if test.in != nil {
			in.Parameters = parameters(t, test.in)
		}
		out, _, err := single(t, conn, in)
		if got := out.Parameters.AsMap(); err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: got %v, %v", test.name, got, err)
		}
	}
}

// parts sends requests to process_data, as a join that does not merge does.
func parts(t *testing.T, conn *grpc.ClientConn, list ...*jinapb.DataRequestProto) (*jinapb.DataRequestProto, error) {
	t.Helper()
	out := new(jinapb.DataRequestProto)
	return out, conn.Invoke(t.Context(), wire.MethodProcessData, &jinapb.DataRequestListProto{Requests: list}, out)
}

func TestPartsOfAJoin(t *testing.T) {
	left := request(t, "/", docarray.V2, docarray.List{{ID: "1", Text: "l"}})
	left.Routes = []*jinapb.RouteProto{{Executor: "gateway"}, {Executor: "a"}}
	right := request(t, "/", docarray.V2, docarray.List{{ID: "1", Text: "r"}, {ID: "2", Text: "r"}})
	right.Routes = []*jinapb.RouteProto{{Executor: "gateway"}, {Executor: "b"}}
	right.Header.RequestId = "other"

	var from []string
	conn := start(t, New("Joiner").
		On("/", func(_ context.Context, r *Request) error {
			parts, err := r.Parts()
			from = nil
			for _, p := range parts {
				from = append(from, p.From)
				for _, d := range p.Docs {
					d.Text += p.From
				}
			}
			return err
		}).
		On("/untouched", func(context.Context, *Request) error { return nil }))

	out, err := parts(t, conn, left, right)
	if err != nil {
		t.Fatal(err)
	}
	want := docarray.List{{ID: "1", Text: "la"}, {ID: "1", Text: "rb"}, {ID: "2", Text: "rb"}}
	if got := decode(t, docarray.V2, out); !reflect.DeepEqual(got, want) || !slices.Equal(from, []string{"a", "b"}) {
		t.Errorf("got %v from %q", got, from)
	}
	if got := routes(out); out.Header.RequestId != "r1" || !slices.Equal(got, []string{"gateway", "a", "exec0"}) {
		t.Errorf("got request %q, routes %q", out.Header.RequestId, got)
	}

	untouched := "/untouched"
	left.Header.ExecEndpoint = &untouched
	if out, err = parts(t, conn, left, right); err != nil {
		t.Fatal(err)
	}
	if got := decode(t, docarray.V2, out); len(got) != 3 || got[2].Text != "r" {
		t.Errorf("untouched: got %v", got)
	}
	if _, err := parts(t, conn); status.Code(err) != codes.InvalidArgument {
		t.Errorf("no parts: %v", err)
	}
}

func TestUnknownFieldsOfARequestSurvive(t *testing.T) {
	conn := start(t, New("Upper").On(Default, upper))
	in := request(t, "/", docarray.V1, docarray.List{{Text: "a"}})
	in.ProtoReflect().SetUnknown([]byte{0x98, 0x06, 7})
	out, _, err := single(t, conn, in)
	if err != nil || string(out.ProtoReflect().GetUnknown()) != "\x98\x06\x07" {
		t.Errorf("got %x, %v", out.ProtoReflect().GetUnknown(), err)
	}
}

func TestStatusSaysWhatRuns(t *testing.T) {
	out := new(jinapb.JinaInfoProto)
	if err := start(t, New("E")).Invoke(t.Context(), wire.MethodStatus, new(emptypb.Empty), out); err != nil || out.Jina["go"] != runtime.Version() {
		t.Errorf("got %v, %v", out, err)
	}
}

func TestBindingTwicePanics(t *testing.T) {
	for _, endpoint := range []string{"/a", wire.DryRunEndpoint} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", endpoint)
				}
			}()
			New("E").On("/a", upper).On(endpoint, upper)
		}()
	}
}

// Documents that a handler does not ask for are not touched: ten thousand cost what one costs.
func TestEchoCostsTheSameForAnyDocuments(t *testing.T) {
	s, err := newServer(newEcho("echo"), "exec0", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	cost := func(n int) (allocs, bytes uint64) {
		var docs docarray.List
		for range n {
			docs = append(docs, &docarray.Document{ID: "0123456789abcdef", Text: "some text"})
		}
		data, err := docs.Encode(docarray.V1)
		if err != nil {
			t.Fatal(err)
		}
		const runs = 100
		messages := make([]*wire.Message, runs)
		for i := range messages {
			messages[i] = new(wire.Message)
			messages[i].SetData(data)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for _, m := range messages {
			if _, err := s.answer(t.Context(), []*wire.Message{m}); err != nil {
				t.Fatal(err)
			}
		}
		runtime.ReadMemStats(&after)
		return (after.Mallocs - before.Mallocs) / runs, (after.TotalAlloc - before.TotalAlloc) / runs
	}
	cost(1) // what the first request sets up
	allocs, bytes := cost(1)
	manyAllocs, manyBytes := cost(10_000)
	if manyAllocs > allocs+2 || manyBytes > bytes+512 {
		t.Errorf("one document: %d allocations of %d bytes; ten thousand: %d of %d", allocs, bytes, manyAllocs, manyBytes)
	}
}

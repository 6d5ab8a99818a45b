package executor

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"maps"
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
	"google.golang.org/protobuf/proto"
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

type tooBad struct{}

func (tooBad) Error() string { return "too \xff bad" }

// TooLate is an error type that a client may know by name.
type TooLate struct{}

func (*TooLate) Error() string { return "too late" }

func TestErrorsAreAnswers(t *testing.T) {
	var nothing map[string]int
	e := New("Moody").
		On("/error", func(context.Context, *Request) error { return errors.New("no luck") }).
		On("/wrapped", func(context.Context, *Request) error {
			return &fs.PathError{Op: "open", Path: "f", Err: fs.ErrNotExist}
		}).
		On("/own", func(context.Context, *Request) error { return &TooLate{} }).
		On("/unexported", func(context.Context, *Request) error { return tooBad{} }).
		On("/panic", func(context.Context, *Request) error { nothing["x"] = 1; return nil }).
		On("/docs", func(_ context.Context, r *Request) error {
			r.SetDocs(docarray.List{{Fields: map[string]any{"title": "x"}}})
			r.Results = map[string]any{"x": 1}
			return nil
		}).
		On("/results", func(_ context.Context, r *Request) error {
			r.SetDocs(nil)
			r.Results = map[string]any{"x": struct{}{}}
			return nil
		})
	conn := start(t, e)
	for _, test := range []struct{ endpoint, description, name string }{
		{"/error", "no luck", "Error"},
		{"/wrapped", "open f: file does not exist", "PathError"},
		{"/own", "too late", "TooLate"},
		{"/unexported", "too \uFFFD bad", "Error"},
		{"/panic", "panic: assignment to entry in nil map", "Panic"},
		{"/docs", `documents of the answer: document 0: field "title": documents of generation v1`, "Error"},
		{"/results", "results: ", "Error"},
	} {
		t.Run(test.endpoint, func(t *testing.T) {
			in := request(t, test.endpoint, docarray.V1, docarray.List{{ID: "1", Text: "mine"}})
			out, trailer, err := single(t, conn, in)
			if err != nil {
				t.Fatal(err)
			}
			s := out.Header.Status
			if s.GetCode() != jinapb.StatusProto_ERROR || !strings.HasPrefix(s.Description, test.description) {
				t.Errorf("status %v", s)
			}
			x := s.GetException()
			if x.GetName() != test.name || x.GetExecutor() != "Moody" || !slices.Equal(x.GetArgs(), []string{s.Description}) {
				t.Errorf("exception %v", x)
			}
			if hasStack := strings.Contains(strings.Join(x.GetStacks(), ""), "server_test.go"); hasStack != (test.name == "Panic") {
				t.Errorf("stacks %q", x.GetStacks())
			}
			if got := decode(t, docarray.V1, out); len(got) != 1 || got[0].Text != "mine" || len(out.Routes) != 0 || out.Parameters != nil {
				t.Errorf("documents %v, routes %q, parameters %v", got, routes(out), out.Parameters)
			}
			if !slices.Equal(trailer.Get(wire.MetadataIsError), []string{"true"}) {
				t.Errorf("trailer %v", trailer)
			}
		})
	}
}

func TestStreamGoesOnAfterAnError(t *testing.T) {
	conn := start(t, New("Picky").On("/", func(_ context.Context, r *Request) error {
		docs, err := r.Docs()
		if err == nil && docs[0].Text == "bad" {
			err = errors.New("bad text")
		}
		return err
	}))
	stream, err := conn.NewStream(t.Context(), &wire.CallDesc, wire.MethodCall)
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{"good", "bad", "good"}
	for _, text := range texts {
		if err := stream.SendMsg(request(t, "/", docarray.V2, docarray.List{{ID: "1", Text: text}})); err != nil {
			t.Fatal(err)
		}
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	for i, text := range texts {
		out := new(jinapb.DataRequestProto)
		if err := stream.RecvMsg(out); err != nil {
			t.Fatal(i, err)
		}
		if got := decode(t, docarray.V2, out)[0].Text; got != text || (text == "bad") != (out.Header.GetStatus().GetCode() == jinapb.StatusProto_ERROR) {
			t.Errorf("answer %d: %q, %v", i, got, out.Header)
		}
	}
	if err := stream.RecvMsg(new(jinapb.DataRequestProto)); !errors.Is(err, io.EOF) {
		t.Errorf("end: %v", err)
	}
	if got := stream.Trailer().Get(wire.MetadataIsError); !slices.Equal(got, []string{"true"}) {
		t.Errorf("trailer %q", got)
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

func TestBadRequestsAreTheSendersFault(t *testing.T) {
	conn := start(t, New("Upper").On(Default, upper))
	id := "r1"
	header := &jinapb.HeaderProto{RequestId: id}
	pickle := []byte{0x12, 1, 'x'} // docs_bytes
	deep := new(structpb.Value)
	for range 200 {
		deep = structpb.NewListValue(&structpb.ListValue{Values: []*structpb.Value{deep}})
	}
	garbage := new(emptypb.Empty)
	garbage.ProtoReflect().SetUnknown([]byte{0x0b, 0x0c})
	for _, test := range []struct {
		name string
		in   proto.Message
		want string
	}{
		{"garbage", garbage, "malformed request"},
		{"documents", &jinapb.DataRequestProto{Header: header, Data: []byte{0x0a, 1, 0xff}}, `request "r1": documents of generation v2: malformed message`},
		{"docs_bytes", &jinapb.DataRequestProto{Header: header, Data: pickle}, "the documents are in docs_bytes"},
		{"parameters", &jinapb.DataRequestProto{Header: header, Parameters: &structpb.Struct{Fields: map[string]*structpb.Value{"k": deep}}}, `request "r1": parameters`},
	} {
		err := conn.Invoke(t.Context(), wire.MethodProcessSingleData, test.in, new(jinapb.DataRequestProto))
		if status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", test.name, err, test.want)
		}
	}
}

func TestARequestOfNoBytesIsAnEmptyRequest(t *testing.T) {
	conn := start(t, New("Upper").On(Default, upper))
	out := new(jinapb.DataRequestProto)
	if err := conn.Invoke(t.Context(), wire.MethodProcessSingleData, new(emptypb.Empty), out); err != nil || out.Header.GetStatus() != nil {
		t.Errorf("got %v, %v", out, err)
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

func TestDiscovery(t *testing.T) {
	e := New("E").On("/b", upper).On("/a", upper).Schema("Mine", []byte(`{"properties":{"id":{"type":"string"}}}`))
	out := new(jinapb.EndpointsProto)
	if err := start(t, e).Invoke(t.Context(), wire.MethodDiscovery, new(emptypb.Empty), out); err != nil {
		t.Fatal(err)
	}
	if want := []string{"_jina_dry_run_", "/a", "/b"}; !slices.Equal(out.Endpoints, want) {
		t.Errorf("endpoints %q", out.Endpoints)
	}
	mine := map[string]any{"name": "Mine", "model": map[string]any{"properties": map[string]any{"id": map[string]any{"type": "string"}}}}
	want := map[string]any{
		"input": mine, "output": mine, "is_generator": false, "is_singleton_doc": false,
		"parameters": map[string]any{"name": nil, "model": nil},
	}
	schemas := out.Schemas.AsMap()
	if got := schemas["/a"]; !reflect.DeepEqual(got, want) {
		t.Errorf("schema of /a: %v", got)
	}
	dry, _ := schemas["_jina_dry_run_"].(map[string]any)
	if input, _ := dry["input"].(map[string]any); len(schemas) != 3 || input["name"] != "LegacyDocumentJina" {
		t.Errorf("schema of the dry run: %v", dry)
	}
}

func TestABadSchemaIsFoundAtStart(t *testing.T) {
	if _, err := newServer(New("E").On("/a", upper).Schema("Mine", []byte("{")), "exec0", nil); err == nil || !strings.Contains(err.Error(), "executor E: schema Mine") {
		t.Errorf("got %v", err)
	}
}

// Python gateways choose how to call an executor by this list, which reflection shows them.
func TestServices(t *testing.T) {
	s, err := newServer(New("E"), "exec0", nil)
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer()
	s.register(g)
	want := []string{
		"grpc.reflection.v1alpha.ServerReflection",
		"jina.JinaDataRequestRPC", "jina.JinaDiscoverEndpointsRPC", "jina.JinaInfoRPC", "jina.JinaRPC", "jina.JinaSingleDataRequestRPC",
	}
	if got := slices.Sorted(maps.Keys(g.GetServiceInfo())); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
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

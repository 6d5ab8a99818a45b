package gateway

import (
	"bytes"
	"context"
	"errors"
	"io"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/helm-flow/helm-flow/docarray"
	"github.com/helm-flow/helm-flow/internal/config"
	"github.com/helm-flow/helm-flow/internal/wire"
	"github.com/helm-flow/helm-flow/internal/wire/jinapb"
)

func endOf(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func executor(name string, handle handler, needs ...string) testExecutor {
	if needs == nil {
		needs = []string{config.GatewayName}
	}
	return testExecutor{Executor: config.Executor{Name: name, Needs: needs}, handle: handle}
}

func TestGraphs(t *testing.T) {
	floating := executor("aside", appending("!"), "a")
	floating.Floating = true
	for name, test := range map[string]struct {
		executors []testExecutor
		want      []string // texts of the answer to a document "x"
		routes    []string
	}{
		"none":  {nil, []string{"x"}, []string{"gateway"}},
		"one":   {[]testExecutor{executor("a", appending("a"))}, []string{"xa"}, []string{"gateway", "a"}},
		"chain": {[]testExecutor{executor("a", appending("a")), executor("b", appending("b"), "a"), executor("c", appending("c"), "b")}, []string{"xabc"}, []string{"gateway", "a", "b", "c"}},
		"written backwards": {[]testExecutor{executor("c", appending("c"), "b"), executor("b", appending("b"), "a"), executor("a", appending("a"))},
			[]string{"xabc"}, []string{"gateway", "a", "b", "c"}},
		// v1's reduce: the first part's text stays.
		"join": {[]testExecutor{executor("l", appending("l")), executor("r", appending("r")), executor("j", appending("j"), "l", "r")},
			[]string{"xlj"}, []string{"gateway", "l", "r", "j"}},
		"join, needs the other way": {[]testExecutor{executor("l", appending("l")), executor("r", appending("r")), executor("j", appending("j"), "r", "l")},
			[]string{"xrj"}, []string{"gateway", "l", "r", "j"}},
		"join with the gateway": {[]testExecutor{executor("a", appending("a")), executor("j", appending("j"), "a", "gateway")}, []string{"xaj"}, []string{"gateway", "a", "j"}},
		"floating":              {[]testExecutor{executor("a", appending("a")), floating}, []string{"xa"}, []string{"gateway", "a"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, config.Gateway{}, test.executors...)
			for _, way := range []string{"stream", "single"} {
				var answer *wire.Message
				var err error
				if way == "stream" {
					var answers []*wire.Message
					if answers, _, err = f.post(t.Context(), doc("1", "x")); len(answers) == 1 {
						answer = answers[0]
					}
				} else {
					answer, err = f.single(doc("1", "x"))
				}
				if err != nil || answer == nil {
					t.Fatal(way, answer, err)
				}
				if got := texts(t, answer); !slices.Equal(got, test.want) {
					t.Errorf("%s: texts %q, want %q", way, got, test.want)
				}
				var names []string
				for _, r := range routes(t, answer) {
					names = append(names, r.name)
					if !r.end || r.failed {
						t.Errorf("%s: route %+v", way, r)
					}
				}
				slices.Sort(names[1:])
				slices.Sort(test.routes[1:])
				if !slices.Equal(names, test.routes) {
					t.Errorf("%s: routes %q, want %q", way, names, test.routes)
				}
				if answer.Header.RequestID != "1" || answer.Header.TargetExecutor != wire.Some("") || answer.Header.ExecEndpoint != wire.Some("/") {
					t.Errorf("%s: header %+v", way, answer.Header)
				}
			}
		})
	}
}

// In the second generation the last part of a join wins; a branch that was passed by must not win over one that was not.
func TestJoinWithABranchPassedBy(t *testing.T) {
	suffix := func(_ context.Context, parts []*wire.Message) (*wire.Message, error) {
		data, err := parts[0].Data()
		if err != nil {
			return nil, err
		}
		list, err := docarray.Decode(docarray.V2, data)
		if err != nil {
			return nil, err
		}
		list[0].Text += "a"
		data, err = list.Encode(docarray.V2)
		parts[0].SetData(data)
		return parts[0], err
	}
	f := start(t, config.Gateway{}, executor("a", suffix), executor("late", suffix), executor("join", suffix, "a", "late"))
	request := &wire.Message{Header: wire.Header{RequestID: "1", TargetExecutor: wire.Some("a")}}
	data, err := docarray.List{{ID: "1", Text: "x"}}.Encode(docarray.V2)
	if err != nil {
		t.Fatal(err)
	}
	request.SetData(data)
	answer, err := f.single(request)
	if err != nil {
		t.Fatal(err)
	}
	if data, err = answer.Data(); err != nil {
		t.Fatal(err)
	}
	list, err := docarray.Decode(docarray.V2, data)
	if err != nil || len(list) != 1 || list[0].Text != "xa" {
		t.Errorf("got %+v, %v; want one document with a's text", list, err)
	}
}

// What executors see: no target, so that a gateway among them does not filter again, the endpoint as metadata, and metadata of their own.
func TestWhatAnExecutorSees(t *testing.T) {
	var header wire.Header
	var md metadata.MD
	a := executor("a", func(ctx context.Context, parts []*wire.Message) (*wire.Message, error) {
		header = parts[0].Header
		md, _ = metadata.FromIncomingContext(ctx)
		return parts[0], nil
	})
	a.Metadata = map[string]string{"authorization": "Bearer x"}
	f := start(t, config.Gateway{}, a)
	request := doc("1", "x")
	request.Header.TargetExecutor = wire.Some("a")
	request.Header.ExecEndpoint = wire.Some("/search")
	if _, err := f.single(request); err != nil {
		t.Fatal(err)
	}
	if header.TargetExecutor != wire.Some("") || header.ExecEndpoint != wire.Some("/search") {
		t.Errorf("header %+v", header)
	}
	if got := md.Get("endpoint"); !slices.Equal(got, []string{"/search"}) {
		t.Errorf("endpoint %q", got)
	}
	if got := md.Get("authorization"); !slices.Equal(got, []string{"Bearer x"}) {
		t.Errorf("authorization %q", got)
	}
}

func TestTargetExecutor(t *testing.T) {
	f := start(t, config.Gateway{}, executor("encoder", appending("e")), executor("indexer", appending("i"), "encoder"))
	for target, want := range map[string]string{"": "xei", "enc": "xe", "index": "xi", "coder": "x", ".*er": "xei", "encoder|indexer": "xei"} {
		request := doc("1", "x")
		request.Header.TargetExecutor = wire.Some(target)
		answer, err := f.single(request)
		if err != nil {
			t.Fatal(err)
		}
		if got := texts(t, answer); got[0] != want {
			t.Errorf("target %q: %q, want %q", target, got[0], want)
		}
		for _, r := range routes(t, answer)[1:] {
			if called := strings.Contains(want, r.name[:1]); r.end != called {
				t.Errorf("target %q: route %+v", target, r)
			}
		}
	}
	request := doc("1", "x")
	request.Header.TargetExecutor = wire.Some("(")
	if _, err := f.single(request); status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), "target_executor") {
		t.Errorf("got %v", err)
	}
}

// A node that binds neither the endpoint nor /default is passed by; one in front of which branches join still merges them.
func TestEndpointRouting(t *testing.T) {
	a, b, j := executor("a", appending("a")), executor("b", appending("b")), executor("j", appending("j"), "a", "b")
	a.endpoints, b.endpoints, j.endpoints = []string{"/index"}, []string{"/search", wire.DefaultEndpoint}, []string{"/search"}
	f := start(t, config.Gateway{}, a, b, j)
	f.discovered()
	for endpoint, want := range map[string]string{"/index": "xa", "/search": "xj", "/other": "x"} {
		request := doc("1", "x")
		request.Header.ExecEndpoint = wire.Some(endpoint)
		answer, err := f.single(request)
		if err != nil {
			t.Fatal(err)
		}
		if got := texts(t, answer); got[0] != want {
			t.Errorf("%s: %q, want %q", endpoint, got[0], want)
		}
	}
	found := new(jinapb.EndpointsProto)
	if err := f.conn.Invoke(t.Context(), wire.MethodDiscovery, new(emptypb.Empty), found); err != nil {
		t.Fatal(err)
	}
	if want := []string{wire.DefaultEndpoint, "/index", "/search"}; !slices.Equal(found.Endpoints, want) {
		t.Errorf("discovery %q, want %q", found.Endpoints, want)
	}
}

// discovered waits until the endpoints of all executors are known.
func (f *testFlow) discovered() {
	f.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for _, n := range f.gateway.current.Load().graph.nodes {
		for len(n.endpoints()) == 0 {
			if time.Now().After(deadline) {
				f.t.Fatalf("the endpoints of %s are not discovered", n.name)
			}
			runtime.Gosched()
		}
	}
}

func TestParameters(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]map[string]any{}
	note := func(name string, results map[string]any) handler {
		return func(_ context.Context, parts []*wire.Message) (*wire.Message, error) {
			mu.Lock()
			defer mu.Unlock()
			seen[name] = readStruct(t, parts[0].Parameters)
			if results != nil {
				parts[0].Parameters = mustStruct(t, map[string]any{"mine": true, resultsKey: map[string]any{name: results}})
			}
			return parts[0], nil
		}
	}
	f := start(t, config.Gateway{}, executor("a", note("a", nil)), executor("b", note("b", map[string]any{"hits": 3.0}), "a"), executor("c", note("c", nil), "b"))
	sent := map[string]any{
		"top_k": 5.0, "a__top_k": 6.0, "b": map[string]any{"top_k": 7.0}, "c": "no map: an ordinary parameter", resultsKey: map[string]any{},
	}
	request := doc("1", "x")
	request.Parameters = mustStruct(t, sent)
	answer, err := f.single(request)
	if err != nil {
		t.Fatal(err)
	}
	for name, topK := range map[string]float64{"a": 6, "b": 7, "c": 5} {
		if seen[name]["top_k"] != topK {
			t.Errorf("%s got top_k %v, want %v", name, seen[name]["top_k"], topK)
		}
		if _, ok := seen[name]["a__top_k"]; ok {
			t.Errorf("%s got a's own parameter under its long name", name)
		}
		if _, ok := seen[name]["b"]; !ok || seen[name]["c"] == nil {
			t.Errorf("%s lacks the parameters for all: %v", name, seen[name])
		}
	}
	sent[resultsKey] = map[string]any{"b": map[string]any{"hits": 3.0}}
	if got := readStruct(t, answer.Parameters); !reflect.DeepEqual(got, sent) {
		t.Errorf("answer has %v, want the client's own and b's results: %v", got, sent)
	}
}

// Failed user code is an answer like another; what comes after it in the graph is not called, other branches are.
func TestExecutorError(t *testing.T) {
	var right, join atomic.Int32
	count := func(n *atomic.Int32) handler {
		return func(_ context.Context, parts []*wire.Message) (*wire.Message, error) { n.Add(1); return parts[0], nil }
	}
	f := start(t, config.Gateway{}, executor("left", failing("ValueError('no')")), executor("right", count(&right)), executor("join", count(&join), "left", "right"))
	answers, trailer, err := f.post(t.Context(), doc("1", "x"), doc("2", "y"))
	if err != nil || len(answers) != 2 {
		t.Fatalf("%d answers, %v", len(answers), err)
	}
	for _, answer := range answers {
		s, err := answer.Header.StatusProto()
		if err != nil || s.Code != jinapb.StatusProto_ERROR || s.Description != "ValueError('no')" {
			t.Errorf("status %v, %v", s, err)
		}
		if got := routes(t, answer); len(got) != 3 || !got[1].failed || got[2].failed {
			t.Errorf("routes %+v", got)
		}
	}
	if right.Load() != 2 || join.Load() != 0 {
		t.Errorf("right was called %d times, join %d; want 2, 0", right.Load(), join.Load())
	}
	if len(trailer.Get(wire.MetadataIsError)) != 0 {
		t.Errorf("is-error is between gateway and executor: %v", trailer)
	}
}

// A request whose executor is down gets an empty answer, those under way get theirs, and then the stream ends with the error.
func TestNetworkErrorEndsTheStreamAfterTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := executor("slow", func(ctx context.Context, parts []*wire.Message) (*wire.Message, error) {
			if parts[0].Header.RequestID == "bad" {
				_ = grpc.SetTrailer(ctx, metadata.Pairs("why", "because"))
				return nil, status.Error(codes.PermissionDenied, "not you")
			}
			time.Sleep(time.Second)
			return parts[0], nil
		})
		f := start(t, config.Gateway{}, slow)
		answers, trailer, err := f.post(t.Context(), doc("1", "x"), doc("bad", "y"), doc("2", "z"))
		if status.Code(err) != codes.PermissionDenied || !strings.Contains(err.Error(), `executor "slow"`) || !strings.Contains(err.Error(), "not you") {
			t.Errorf("got %v", err)
		}
		if got := trailer.Get("why"); !slices.Equal(got, []string{"because"}) {
			t.Errorf("trailer %v", trailer)
		}
		got := map[string]int{}
		for _, a := range answers {
			got[a.Header.RequestID] = len(texts(t, a))
			if a.Header.RequestID == "bad" {
				if r := routes(t, a); len(r) != 2 || !r[1].failed || a.Header.Status != nil {
					t.Errorf("the empty answer: %+v, routes %+v", a.Header, r)
				}
			}
		}
		// The third may have come before or after the stream was ended; if it was taken, it was answered.
		if got["1"] != 1 || got["bad"] != 0 || len(answers) < 2 {
			t.Errorf("documents by request: %v", got)
		}
	})
}

func TestDryRun(t *testing.T) {
	for name, test := range map[string]struct {
		down bool
		want jinapb.StatusProto_StatusCode
	}{"ready": {false, jinapb.StatusProto_SUCCESS}, "down": {true, jinapb.StatusProto_ERROR}} {
		t.Run(name, func(t *testing.T) {
			a := executor("a", appending("a"))
			a.down = test.down
			f := start(t, config.Gateway{}, a)
			got := new(jinapb.StatusProto)
			if err := f.conn.Invoke(t.Context(), wire.MethodDryRun, new(emptypb.Empty), got); err != nil {
				t.Fatal(err)
			}
			if got.Code != test.want || test.down && !strings.Contains(got.Description, `executor "a"`) {
				t.Errorf("got %v", got)
			}
		})
	}
}

// A join in front of a node with no_reduce hands over its parts as they are, in the order of needs.
func TestNoReduce(t *testing.T) {
	j := executor("j", func(_ context.Context, parts []*wire.Message) (*wire.Message, error) {
		var all []string
		for _, p := range parts {
			all = append(all, texts(t, p)...)
		}
		out := &wire.Message{Header: parts[0].Header}
		out.SetData(docs(&docarray.Document{ID: "1", Text: strings.Join(all, " ")}))
		return out, nil
	}, "r", "l")
	j.NoReduce = true
	f := start(t, config.Gateway{}, executor("l", appending("l")), executor("r", appending("r")), j)
	answer, err := f.single(doc("1", "x"))
	if err != nil {
		t.Fatal(err)
	}
	if got := texts(t, answer); !slices.Equal(got, []string{"xr xl"}) {
		t.Errorf("got %q", got)
	}
}

// Documents that can't be merged are the sender's fault, and said so.
func TestJoinOfUnreadableDocuments(t *testing.T) {
	echo := func(_ context.Context, parts []*wire.Message) (*wire.Message, error) { return parts[0], nil }
	f := start(t, config.Gateway{}, executor("l", echo), executor("r", echo), executor("j", echo, "l", "r"))
	for name, data := range map[string][]byte{"malformed": []byte("\x0a\x7f"), "docs_bytes": []byte("\x12\x04what")} {
		request := &wire.Message{Header: wire.Header{RequestID: "1"}}
		request.SetData(data)
		_, err := f.single(request)
		if status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), `join at "j"`) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// A message beyond the limit is refused before it is read, and both sizes are named.
func TestTooBig(t *testing.T) {
	f := start(t, config.Gateway{}, executor("a", appending("a")))
	big := doc("1", strings.Repeat("x", 300<<20))
	_, single := f.single(big)
	_, _, stream := f.post(t.Context(), big)
	for way, err := range map[string]error{"single": single, "stream": stream} {
		if status.Code(err) != codes.ResourceExhausted || !strings.Contains(err.Error(), "vs. 268435456)") {
			t.Errorf("%s: %v", way, err)
		}
	}
	if _, err := f.single(doc("2", "x")); err != nil {
		t.Errorf("the next request: %v", err)
	}
}

// An answer beyond the limit names the executor and the cure.
func TestAnswerTooBig(t *testing.T) {
	f := startBounded(t, 1<<20, config.Gateway{}, executor("a", appending(strings.Repeat("x", 2<<20))))
	_, err := f.single(doc("1", ""))
	if status.Code(err) != codes.ResourceExhausted || !strings.Contains(err.Error(), `executor "a"`) || !strings.Contains(err.Error(), "maxMessageBytes") {
		t.Errorf("got %v", err)
	}
}

func TestFloatingOutlivesTheClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		done := make(chan string, 1)
		aside := executor("aside", func(_ context.Context, parts []*wire.Message) (*wire.Message, error) {
			time.Sleep(time.Minute)
			done <- parts[0].Header.RequestID
			return parts[0], nil
		})
		aside.Floating = true
		f := start(t, config.Gateway{}, executor("a", appending("a")), aside)
		began := time.Now()
		if _, err := f.single(doc("1", "x")); err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(began); waited > time.Second {
			t.Errorf("the client waited %v for a floating executor", waited)
		}
		f.conn.Close()
		if id := <-done; id != "1" {
			t.Errorf("floating executor got %q", id)
		}
	})
}

// A chain costs the same for one document as for 100,000: documents are neither decoded nor copied.
func TestChainDoesNotTouchDocuments(t *testing.T) {
	echo := func(_ context.Context, parts []*wire.Message) (*wire.Message, error) { return parts[0], nil }
	f := start(t, config.Gateway{}, executor("a", echo), executor("b", echo, "a"))
	cost := func(n int) float64 {
		request := &wire.Message{Header: wire.Header{RequestID: "1"}}
		request.SetData(bytes.Repeat([]byte("\x0a\x08\x0a\x06\x0a\x011\x22\x01x"), n))
		return testing.AllocsPerRun(200, func() {
			answer, err := f.single(request)
			if err != nil {
				t.Fatal(err)
			}
			answer.Free()
		})
	}
	one, many := cost(1), cost(1000)
	if many > one*1.2+20 {
		t.Errorf("%.0f allocations for one document, %.0f for 1,000", one, many)
	}
}

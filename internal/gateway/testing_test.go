package gateway

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/helm-flow/helm-flow/docarray"
	"github.com/helm-flow/helm-flow/internal/config"
	"github.com/helm-flow/helm-flow/internal/serve"
	"github.com/helm-flow/helm-flow/internal/wire"
	"github.com/helm-flow/helm-flow/internal/wire/jinapb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testFlow is a gateway before executors, all over memory: it runs in virtual time as well as in real.
type testFlow struct {
	t         testing.TB
	maxBytes  int        // of a message
	mu        sync.Mutex // guards listeners
	listeners map[string]*bufconn.Listener
	gateway   *Gateway
	conn      *grpc.ClientConn // to the gateway
}

const testMaxBytes = 256 << 20

// handler is an executor's work on one request, or on the parts of a join.
type handler func(ctx context.Context, parts []*wire.Message) (*wire.Message, error)

// testExecutor is a node of a testFlow. Its replicas share the handler.
type testExecutor struct {
	config.Executor
	handle    handler
	endpoints []string // "/default" if nil
	down      bool     // nothing listens
	replicas  int      // 1 if 0
}

// start brings up executors, gateway and a client of it; close takes all down again.
func start(t testing.TB, c config.Gateway, executors ...testExecutor) *testFlow {
	t.Helper()
	return startBounded(t, testMaxBytes, c, executors...)
}

func startBounded(t testing.TB, maxBytes int, c config.Gateway, executors ...testExecutor) *testFlow {
	t.Helper()
	f := &testFlow{t: t, maxBytes: maxBytes, listeners: map[string]*bufconn.Listener{}}
	port := 1
	for _, x := range executors {
		for range max(x.replicas, 1) {
			address := fmt.Sprintf("127.0.0.1:%d", port)
			port++
			x.Addresses = append(x.Addresses, "grpc://"+address)
			if !x.down {
				f.serve(address, func(s *grpc.Server) { x.register(s) })
			}
		}
		c.Executors = append(c.Executors, x.Executor)
	}
	g, err := New(&c, Options{Log: slog.New(slog.DiscardHandler), MaxMessageBytes: f.maxBytes, Dial: []grpc.DialOption{grpc.WithContextDialer(f.dial)}})
	if err != nil {
		t.Fatal(err)
	}
	f.gateway = g
	t.Cleanup(func() { // after the server's
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		g.Close(ctx)
	})
	f.serve("127.0.0.1:8080", g.Register)
	f.conn, err = grpc.NewClient("127.0.0.1:8080", grpc.WithContextDialer(f.dial), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(wire.Codec{}), grpc.MaxCallRecvMsgSize(1<<30)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.conn.Close() })
	return f
}

func (f *testFlow) serve(address string, register func(*grpc.Server)) {
	listener := bufconn.Listen(1 << 16)
	f.mu.Lock()
	f.listeners[address] = listener
	f.mu.Unlock()
	server := serve.NewServer(f.maxBytes + 1<<20)
	if address == "127.0.0.1:8080" {
		server = serve.NewServer(f.maxBytes)
	}
	register(server)
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(listener) }()
	f.t.Cleanup(func() { server.Stop(); <-done })
}

func (f *testFlow) dial(ctx context.Context, address string) (net.Conn, error) {
	f.mu.Lock()
	listener := f.listeners[address]
	f.mu.Unlock()
	if listener != nil {
		return listener.DialContext(ctx)
	}
	return nil, fmt.Errorf("nothing listens on %s", address)
}

func (x testExecutor) register(s *grpc.Server) {
	wire.RegisterSingle(s, func(ctx context.Context, in *wire.Message) (*wire.Message, error) {
		return x.handle(ctx, []*wire.Message{in})
	})
	wire.RegisterData(s, func(ctx context.Context, in *wire.List) (*wire.Message, error) { return x.handle(ctx, in.Requests) })
	wire.RegisterDiscovery(s, func(context.Context) (*jinapb.EndpointsProto, error) {
		if x.endpoints == nil {
			return &jinapb.EndpointsProto{Endpoints: []string{wire.DefaultEndpoint}}, nil
		}
		return &jinapb.EndpointsProto{Endpoints: x.endpoints}, nil
	})
}

// post sends requests on one stream and returns what came back, and how the stream ended.
func (f *testFlow) post(ctx context.Context, requests ...*wire.Message) ([]*wire.Message, metadata.MD, error) {
	f.t.Helper()
	stream, err := f.conn.NewStream(ctx, &wire.CallDesc, wire.MethodCall)
	if err != nil {
		return nil, nil, err
	}
	go func() {
		for _, r := range requests {
			if stream.SendMsg(r) != nil {
				return
			}
		}
		_ = stream.CloseSend()
	}()
	var answers []*wire.Message
	for {
		answer, err := wire.Receive(stream)
		if err != nil {
			return answers, stream.Trailer(), endOf(err)
		}
		answers = append(answers, answer)
	}
}

// single sends one request by the unary method.
func (f *testFlow) single(request *wire.Message) (*wire.Message, error) {
	return wire.Invoke(context.Background(), f.conn, wire.MethodProcessSingleData, request)
}

// doc is a request with one document.
func doc(id, text string) *wire.Message {
	m := &wire.Message{Header: wire.Header{RequestID: id, ExecEndpoint: wire.Some("/")}}
	m.SetData(docs(&docarray.Document{ID: id, Text: text}))
	return m
}

func docs(list ...*docarray.Document) []byte {
	data, err := docarray.List(list).Encode(docarray.V1)
	if err != nil {
		panic(err)
	}
	return data
}

// texts are the texts of a message's documents.
func texts(t testing.TB, m *wire.Message) []string {
	t.Helper()
	data, err := m.Data()
	if err != nil {
		t.Fatal(err)
	}
	list, err := docarray.Decode(docarray.V1, data)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, d := range list {
		out = append(out, d.Text)
	}
	return out
}

// appending is an executor that adds a suffix to the text of each document.
func appending(suffix string) handler {
	return func(_ context.Context, parts []*wire.Message) (*wire.Message, error) {
		in := parts[0]
		data, err := in.Data()
		if err != nil {
			return nil, err
		}
		list, err := docarray.Decode(docarray.V1, data)
		if err != nil {
			return nil, err
		}
		for _, d := range list {
			d.Text += suffix
		}
		out := &wire.Message{Header: in.Header, Parameters: in.Parameters, Routes: in.Routes}
		out.SetData(docs(list...))
		return out, nil
	}
}

// failing is an executor whose user code raises.
func failing(description string) handler {
	return func(ctx context.Context, parts []*wire.Message) (*wire.Message, error) {
		in := parts[0]
		err := in.Header.SetStatus(&jinapb.StatusProto{Code: jinapb.StatusProto_ERROR, Description: description})
		_ = grpc.SetTrailer(ctx, metadata.Pairs(wire.MetadataIsError, "true"))
		return in, err
	}
}

func mustStruct(t testing.TB, fields map[string]any) []byte {
	t.Helper()
	s, err := structpb.NewStruct(fields)
	if err != nil {
		t.Fatal(err)
	}
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func readStruct(t testing.TB, raw []byte) map[string]any {
	t.Helper()
	var s structpb.Struct
	if err := proto.Unmarshal(raw, &s); err != nil {
		t.Fatal(err)
	}
	return s.AsMap()
}

// route is a decoded entry of an answer's routes.
type route struct {
	name   string
	end    bool
	failed bool
}

func routes(t testing.TB, m *wire.Message) []route {
	t.Helper()
	var decoded jinapb.DataRequestProto
	if err := proto.Unmarshal(m.Routes, &decoded); err != nil {
		t.Fatal(err)
	}
	var out []route
	for _, r := range decoded.Routes {
		if r.StartTime == nil {
			t.Errorf("route of %s has no start", r.Executor)
		}
		out = append(out, route{r.Executor, r.EndTime != nil, r.Status.GetCode() == jinapb.StatusProto_ERROR})
	}
	return out
}

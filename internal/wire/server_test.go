//lint:file-ignore SA1019 Python callers speak reflection v1alpha and nothing newer.

package wire

import (
	"context"
	"net"
	"slices"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	reflection "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"google.golang.org/protobuf/types/known/emptypb"

	"go.uber.org/goleak"

	"github.com/helm-flow/helm-flow/internal/wire/jinapb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// dial starts s on an in-memory listener and returns a connection to it.
func dial(t *testing.T, s *grpc.Server) *grpc.ClientConn {
	t.Helper()
	listener := bufconn.Listen(1 << 20)
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:///memory", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(); s.Stop(); <-done })
	return conn
}

func echo() *grpc.Server {
	s := grpc.NewServer(grpc.ForceServerCodecV2(Codec{}))
	RegisterSingle(s, func(_ context.Context, in *Message) (*Message, error) { return in, nil })
	RegisterInfo(s, func(context.Context) (*jinapb.JinaInfoProto, error) {
		return &jinapb.JinaInfoProto{Jina: map[string]string{"jina": "3.34.0"}}, nil
	})
	grpc_health_v1.RegisterHealthServer(s, health.NewServer())
	RegisterReflection(s)
	return s
}

// Python gateways up to about 3.15 die of any name on the list that they do not know, health's included.
func TestReflectionListsWhatIsServedAndNothingElse(t *testing.T) {
	conn := dial(t, echo())
	stream, err := reflection.NewServerReflectionClient(conn).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&reflection.ServerReflectionRequest{MessageRequest: &reflection.ServerReflectionRequest_ListServices{}}); err != nil {
		t.Fatal(err)
	}
	answer, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range answer.GetListServicesResponse().GetService() {
		got = append(got, s.Name)
	}
	want := []string{"jina.JinaInfoRPC", "jina.JinaSingleDataRequestRPC", "grpc.reflection.v1alpha.ServerReflection"}
	if !slices.Equal(got, want) {
		t.Errorf("listed %q, want %q", got, want)
	}
	symbol := &reflection.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: "jina.JinaInfoRPC"}
	if err := stream.Send(&reflection.ServerReflectionRequest{MessageRequest: symbol}); err != nil {
		t.Fatal(err)
	}
	if answer, err = stream.Recv(); err != nil || len(answer.GetFileDescriptorResponse().GetFileDescriptorProto()) != 4 {
		t.Errorf("want jina.proto and its three imports, got %v, %v", answer, err)
	}
	symbol = &reflection.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: "jina.Nothing"}
	if err := stream.Send(&reflection.ServerReflectionRequest{MessageRequest: symbol}); err != nil {
		t.Fatal(err)
	}
	if answer, err = stream.Recv(); err != nil || answer.GetErrorResponse() == nil {
		t.Errorf("want an error for an unknown symbol, got %v, %v", answer, err)
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	_, _ = stream.Recv()
}

// grpc itself would answer INTERNAL.
func TestMalformedRequestIsInvalidArgument(t *testing.T) {
	conn := dial(t, echo())
	garbage := new(emptypb.Empty)
	garbage.ProtoReflect().SetUnknown([]byte{0x0b, 0x0c}) // a group
	err := conn.Invoke(t.Context(), MethodProcessSingleData, garbage, new(emptypb.Empty))
	if status.Code(err) != codes.InvalidArgument {
		t.Errorf("got %v", err)
	}
}

// Raw messages and generated ones go over the same connection, compressed or not, in both of Jina's ways.
func TestServicesCarryMessages(t *testing.T) {
	conn := dial(t, echo())
	for _, compressor := range []string{"identity", gzip.Name, "deflate"} {
		in := &Message{Header: Header{RequestID: "a"}}
		in.SetData([]byte("docs"))
		out, err := Invoke(t.Context(), conn, MethodProcessSingleData, in, grpc.UseCompressor(compressor))
		if err != nil {
			t.Fatal(compressor, err)
		}
		if data, err := out.Data(); err != nil || out.Header.RequestID != "a" || string(data) != "docs" {
			t.Errorf("%s: got %+v %q, %v", compressor, out.Header, data, err)
		}
		out.Free()
	}
	info := new(jinapb.JinaInfoProto)
	err := conn.Invoke(t.Context(), MethodStatus, new(emptypb.Empty), info, grpc.ForceCodecV2(Codec{}))
	if err != nil || info.Jina["jina"] != "3.34.0" {
		t.Errorf("status = %v, %v", info, err)
	}
}

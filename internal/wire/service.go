package wire

import (
	"context"
	"errors"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/helm-flow/helm-flow/internal/wire/jinapb"
)

// Full method names. They keep the spelling of the Python sources.
const (
	MethodCall              = "/jina.JinaRPC/Call"
	MethodProcessSingleData = "/jina.JinaSingleDataRequestRPC/process_single_data"
	MethodProcessData       = "/jina.JinaDataRequestRPC/process_data"
	MethodDiscovery         = "/jina.JinaDiscoverEndpointsRPC/endpoint_discovery"
	MethodDryRun            = "/jina.JinaGatewayDryRunRPC/dry_run"
	MethodStatus            = "/jina.JinaInfoRPC/_status"
)

// Metadata keys.
const (
	// MetadataPrefetch and MetadataResultsInOrder are set by clients for one stream.
	MetadataPrefetch       = "__prefetch__"
	MetadataResultsInOrder = "__results_in_order__"
	// MetadataEndpoint tells an executor the endpoint without a look into the message.
	MetadataEndpoint = "endpoint"
	// MetadataIsError is in an executor's trailer when user code failed; the rpc itself is OK.
	MetadataIsError = "is-error"
)

// DryRunEndpoint is bound by every executor and does nothing.
const DryRunEndpoint = "_jina_dry_run_"

// DefaultEndpoint is the catch-all of an executor.
const DefaultEndpoint = "/default"

// GatewayName is the gateway's own name in routes and needs.
const GatewayName = "gateway"

// CallDesc describes the bidirectional stream for clients of it.
var CallDesc = grpc.StreamDesc{StreamName: "Call", ServerStreams: true, ClientStreams: true}

// RegisterCall serves JinaRPC. The handler reads with Receive and sends *Message.
func RegisterCall(s grpc.ServiceRegistrar, handle func(grpc.ServerStream) error) {
	desc := CallDesc
	desc.Handler = func(_ any, stream grpc.ServerStream) error { return handle(stream) }
	s.RegisterService(&grpc.ServiceDesc{
		ServiceName: "jina.JinaRPC", HandlerType: (*any)(nil), Streams: []grpc.StreamDesc{desc}, Metadata: "jina.proto",
	}, nil)
}

// RegisterSingle serves JinaSingleDataRequestRPC. The request is the handler's until it returns; the answer, which may be the request, is freed once sent.
func RegisterSingle(s grpc.ServiceRegistrar, handle func(context.Context, *Message) (*Message, error)) {
	registerData(s, "jina.JinaSingleDataRequestRPC", "process_single_data", handle)
}

// RegisterData serves JinaDataRequestRPC. The requests are the handler's until it returns; the answer, which may be one of them, is freed once sent.
func RegisterData(s grpc.ServiceRegistrar, handle func(context.Context, *List) (*Message, error)) {
	registerData(s, "jina.JinaDataRequestRPC", "process_data", handle)
}

// registerData registers a method with one request and one answer as a stream, which on the wire is the same: a stream's handler reads the
// request itself, and can say what is wrong with it.
func registerData[In any, P interface {
	*In
	request
}](s grpc.ServiceRegistrar, service, method string, handle func(context.Context, P) (*Message, error)) {
	serve := func(_ any, stream grpc.ServerStream) error {
		in := P(new(In))
		if err := receive(stream, in); err != nil {
			if errors.Is(err, io.EOF) {
				return status.Errorf(codes.InvalidArgument, "%s was called without a request", method)
			}
			return err
		}
		out, err := handle(stream.Context(), in)
		if err == nil {
			err = stream.SendMsg(out)
		}
		in.free(out)
		if out != nil {
			out.Free()
		}
		return err
	}
	s.RegisterService(&grpc.ServiceDesc{
		ServiceName: service, HandlerType: (*any)(nil), Metadata: "jina.proto",
		Streams: []grpc.StreamDesc{{StreamName: method, Handler: serve}},
	}, nil)
}

// RegisterDiscovery serves JinaDiscoverEndpointsRPC.
func RegisterDiscovery(s grpc.ServiceRegistrar, handle func(context.Context) (*jinapb.EndpointsProto, error)) {
	registerAsk(s, "jina.JinaDiscoverEndpointsRPC", "endpoint_discovery", handle)
}

// RegisterDryRun serves JinaGatewayDryRunRPC.
func RegisterDryRun(s grpc.ServiceRegistrar, handle func(context.Context) (*jinapb.StatusProto, error)) {
	registerAsk(s, "jina.JinaGatewayDryRunRPC", "dry_run", handle)
}

// RegisterInfo serves JinaInfoRPC.
func RegisterInfo(s grpc.ServiceRegistrar, handle func(context.Context) (*jinapb.JinaInfoProto, error)) {
	registerAsk(s, "jina.JinaInfoRPC", "_status", handle)
}

// registerAsk registers a method whose request is empty.
func registerAsk[Out any](s grpc.ServiceRegistrar, service, method string, handle func(context.Context) (Out, error)) {
	handler := func(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		if err := decode(new(emptypb.Empty)); err != nil {
			return nil, err
		}
		return handle(ctx)
	}
	s.RegisterService(&grpc.ServiceDesc{
		ServiceName: service, HandlerType: (*any)(nil), Metadata: "jina.proto",
		Methods: []grpc.MethodDesc{{MethodName: method, Handler: handler}},
	}, nil)
}

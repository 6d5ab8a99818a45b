package wire

import (
	"context"

	"google.golang.org/grpc"
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

// RegisterCall serves JinaRPC. The handler receives and sends *Message.
func RegisterCall(s grpc.ServiceRegistrar, handle func(grpc.ServerStream) error) {
	desc := CallDesc
	desc.Handler = func(_ any, stream grpc.ServerStream) error { return handle(stream) }
	s.RegisterService(&grpc.ServiceDesc{
		ServiceName: "jina.JinaRPC", HandlerType: (*any)(nil), Streams: []grpc.StreamDesc{desc}, Metadata: "jina.proto",
	}, nil)
}

// RegisterSingle serves JinaSingleDataRequestRPC. The request is the handler's until it returns; the answer is freed once sent, and may be the request.
func RegisterSingle(s grpc.ServiceRegistrar, handle func(context.Context, *Message) (*Message, error)) {
	registerUnary(s, "jina.JinaSingleDataRequestRPC", "process_single_data", func(ctx context.Context, in *Message) (any, error) {
		out, err := handle(ctx, in)
		if out != in {
			in.Free()
		}
		if err != nil {
			return nil, err
		}
		return sent{out}, nil
	})
}

// RegisterData serves JinaDataRequestRPC. The requests are the handler's until it returns; the answer is freed once sent.
func RegisterData(s grpc.ServiceRegistrar, handle func(context.Context, *List) (*Message, error)) {
	registerUnary(s, "jina.JinaDataRequestRPC", "process_data", func(ctx context.Context, in *List) (any, error) {
		out, err := handle(ctx, in)
		for _, m := range in.Requests {
			if m != out {
				m.Free()
			}
		}
		if err != nil {
			return nil, err
		}
		return sent{out}, nil
	})
}

// RegisterDiscovery serves JinaDiscoverEndpointsRPC.
func RegisterDiscovery(s grpc.ServiceRegistrar, handle func(context.Context) (*jinapb.EndpointsProto, error)) {
	registerUnary(s, "jina.JinaDiscoverEndpointsRPC", "endpoint_discovery", func(ctx context.Context, _ *emptypb.Empty) (any, error) {
		return handle(ctx)
	})
}

// RegisterDryRun serves JinaGatewayDryRunRPC.
func RegisterDryRun(s grpc.ServiceRegistrar, handle func(context.Context) (*jinapb.StatusProto, error)) {
	registerUnary(s, "jina.JinaGatewayDryRunRPC", "dry_run", func(ctx context.Context, _ *emptypb.Empty) (any, error) {
		return handle(ctx)
	})
}

// RegisterInfo serves JinaInfoRPC.
func RegisterInfo(s grpc.ServiceRegistrar, handle func(context.Context) (*jinapb.JinaInfoProto, error)) {
	registerUnary(s, "jina.JinaInfoRPC", "_status", func(ctx context.Context, _ *emptypb.Empty) (any, error) {
		return handle(ctx)
	})
}

func registerUnary[In any](s grpc.ServiceRegistrar, service, method string, handle func(context.Context, *In) (any, error)) {
	handler := func(_ any, ctx context.Context, decode func(any) error, intercept grpc.UnaryServerInterceptor) (any, error) {
		in := new(In)
		if err := decode(in); err != nil {
			return nil, err
		}
		if intercept == nil {
			return handle(ctx, in)
		}
		info := &grpc.UnaryServerInfo{FullMethod: "/" + service + "/" + method}
		return intercept(ctx, in, info, func(ctx context.Context, req any) (any, error) { return handle(ctx, req.(*In)) })
	}
	s.RegisterService(&grpc.ServiceDesc{
		ServiceName: service, HandlerType: (*any)(nil), Metadata: "jina.proto",
		Methods: []grpc.MethodDesc{{MethodName: method, Handler: handler}},
	}, nil)
}

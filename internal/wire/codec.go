package wire

import (
	"context"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // registers the codec that Codec falls back to
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
)

// Codec carries *Message and *List without decoding their documents, and everything else as protobuf does. Servers use it by
// grpc.ForceServerCodecV2, clients by grpc.ForceCodecV2.
type Codec struct{}

// Name is protobuf's: on the wire nothing differs.
func (Codec) Name() string { return "proto" }

// Marshal implements encoding.CodecV2.
func (Codec) Marshal(v any) (mem.BufferSlice, error) {
	switch v := v.(type) {
	case *Message:
		return v.marshal(), nil
	case *List:
		return v.marshal(), nil
	}
	return encoding.GetCodecV2("proto").Marshal(v)
}

// Unmarshal implements encoding.CodecV2. It accepts malformed requests, which grpc would turn into INTERNAL: they are found by Receive and by
// the services of this package, as the sender's fault.
func (Codec) Unmarshal(data mem.BufferSlice, v any) error {
	switch v := v.(type) {
	case *Message:
		if err := v.unmarshal(data); err != nil {
			v.Free()
			v.malformed = err
		}
		return nil
	case *List:
		v.malformed = v.unmarshal(data)
		return nil
	}
	return encoding.GetCodecV2("proto").Unmarshal(data, v)
}

// request is what a method that carries documents reads.
type request interface {
	// check says what is wrong with the bytes received.
	check() error
	// free gives back the buffers, but for those of the answer.
	free(answer *Message)
}

// Receive reads one message from a stream of either side. A malformed one is INVALID_ARGUMENT, and the stream can go on.
func Receive(stream interface{ RecvMsg(any) error }) (*Message, error) {
	m := new(Message)
	if err := receive(stream, m); err != nil {
		return nil, err
	}
	return m, nil
}

func receive(stream interface{ RecvMsg(any) error }, in request) error {
	err := stream.RecvMsg(in)
	if err == nil {
		return in.check()
	}
	if s := status.Convert(err); s.Code() == codes.ResourceExhausted && strings.Contains(s.Message(), "larger than max") {
		return status.Error(codes.ResourceExhausted, s.Message()+": put fewer or smaller documents into one request, or raise maxMessageBytes of the receiver")
	}
	return err
}

func (m *Message) check() error {
	if m.malformed != nil {
		return status.Errorf(codes.InvalidArgument, "malformed request: %v; expected a serialised jina.DataRequestProto", m.malformed)
	}
	return nil
}

func (m *Message) free(answer *Message) {
	if m != answer {
		m.Free()
	}
}

func (l *List) check() error {
	if l.malformed != nil {
		return status.Errorf(codes.InvalidArgument, "malformed request: %v; expected a serialised jina.DataRequestListProto", l.malformed)
	}
	return nil
}

func (l *List) free(answer *Message) {
	for _, m := range l.Requests {
		m.free(answer)
	}
}

// Invoke sends a request (*Message or *List) and returns the answer.
func Invoke(ctx context.Context, conn grpc.ClientConnInterface, method string, in any, opts ...grpc.CallOption) (*Message, error) {
	out := new(Message)
	if err := conn.Invoke(ctx, method, in, out, append(opts, grpc.ForceCodecV2(Codec{}))...); err != nil {
		return nil, err
	}
	if out.malformed != nil {
		return nil, status.Errorf(codes.Internal, "malformed answer: %v; expected a serialised jina.DataRequestProto", out.malformed)
	}
	return out, nil
}

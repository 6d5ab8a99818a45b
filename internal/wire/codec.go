package wire

import (
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
	case sent:
		out := v.m.marshal()
		v.m.Free()
		return out, nil
	}
	return encoding.GetCodecV2("proto").Marshal(v)
}

// Unmarshal implements encoding.CodecV2. What is no protobuf message is the sender's fault: INVALID_ARGUMENT.
func (Codec) Unmarshal(data mem.BufferSlice, v any) error {
	switch v := v.(type) {
	case *Message:
		if err := v.unmarshal(data); err != nil {
			v.Free()
			return status.Errorf(codes.InvalidArgument, "malformed request: %v; expected a serialised jina.DataRequestProto", err)
		}
		return nil
	case *List:
		if err := v.unmarshal(data); err != nil {
			return status.Errorf(codes.InvalidArgument, "malformed request: %v; expected a serialised jina.DataRequestListProto", err)
		}
		return nil
	}
	return encoding.GetCodecV2("proto").Unmarshal(data, v)
}

// sent is an answer whose buffers grpc takes over: the handler that returned it will not see it again.
type sent struct{ m *Message }

package wire

import (
	"bytes"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/google/go-cmp/cmp"

	"github.com/helm-flow/helm-flow/internal/wire/jinapb"
)

// fullRequest is one with every field set, and fields of a version to come at each level.
func fullRequest(t testing.TB, data []byte) *jinapb.DataRequestProto {
	t.Helper()
	parameters, err := structpb.NewStruct(map[string]any{"top_k": 5.0, "__results__": map[string]any{}})
	if err != nil {
		t.Fatal(err)
	}
	r := &jinapb.DataRequestProto{
		Header: &jinapb.HeaderProto{
			RequestId: "0123456789abcdef", ExecEndpoint: proto.String("/search"), TargetExecutor: proto.String(""),
			Status: &jinapb.StatusProto{Code: jinapb.StatusProto_ERROR, Description: "ValueError('x')"}, Timeout: proto.Uint32(7),
		},
		Parameters: parameters,
		Routes:     []*jinapb.RouteProto{{Executor: "gateway", StartTime: timestamppb.New(time.Unix(12, 34))}},
		Data:       data,
	}
	future := protowire.AppendString(protowire.AppendTag(nil, 99, protowire.BytesType), "from the future")
	r.ProtoReflect().SetUnknown(future)
	r.Header.ProtoReflect().SetUnknown(future)
	return r
}

// inPieces cuts b into buffers of at most size bytes, as HTTP/2 frames do.
func inPieces(b []byte, size int) mem.BufferSlice {
	var out mem.BufferSlice
	for len(b) > 0 {
		n := min(size, len(b))
		out = append(out, mem.SliceBuffer(b[:n]))
		b = b[n:]
	}
	return out
}

// read is what Receive does with what a stream received.
func read(in mem.BufferSlice, v interface{ check() error }) error {
	if err := (Codec{}).Unmarshal(in, v); err != nil {
		return err
	}
	return v.check()
}

func marshal(t testing.TB, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestMessageForwardsEverything(t *testing.T) {
	want := fullRequest(t, bytes.Repeat([]byte("document"), 100))
	raw := marshal(t, want)
	for size := 1; size <= len(raw); size += 1 + size/3 {
		m := new(Message)
		if err := read(inPieces(raw, size), m); err != nil {
			t.Fatalf("buffers of %d bytes: %v", size, err)
		}
		out, err := Codec{}.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		got := new(jinapb.DataRequestProto)
		if err := proto.Unmarshal(out.Materialize(), got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
			t.Fatalf("buffers of %d bytes: (-want +got)\n%s", size, diff)
		}
	}
}

func TestMessageEnvelope(t *testing.T) {
	m := new(Message)
	if err := read(inPieces(marshal(t, fullRequest(t, []byte("docs"))), 16), m); err != nil {
		t.Fatal(err)
	}
	if m.Header.RequestID != "0123456789abcdef" || m.Header.ExecEndpoint != Some("/search") || m.Header.TargetExecutor != Some("") {
		t.Errorf("header = %+v", m.Header)
	}
	if s, err := m.Header.StatusProto(); err != nil || s.Description != "ValueError('x')" {
		t.Errorf("status = %v, %v", s, err)
	}
	if data, err := m.Data(); err != nil || string(data) != "docs" {
		t.Errorf("data = %q, %v", data, err)
	}

	m.Header.TargetExecutor = Optional{}
	m.Parameters = nil
	m.Routes = nil
	m.AddRoute(Route{Executor: "a", Start: time.Unix(1, 2), End: time.Unix(3, 4)})
	m.AddRoute(Route{Executor: "b"})
	m.SetData([]byte("other"))
	out, _ := Codec{}.Marshal(m)
	got := new(jinapb.DataRequestProto)
	if err := proto.Unmarshal(out.Materialize(), got); err != nil {
		t.Fatal(err)
	}
	want := fullRequest(t, []byte("other"))
	want.Header.TargetExecutor, want.Parameters = nil, nil
	want.Routes = []*jinapb.RouteProto{
		{Executor: "a", StartTime: timestamppb.New(time.Unix(1, 2)), EndTime: timestamppb.New(time.Unix(3, 4))}, {Executor: "b"},
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// Protobuf lets a message field occur more than once; its parts merge.
func TestMessageMergesRepeatedFields(t *testing.T) {
	a := marshal(t, &jinapb.DataRequestProto{Header: &jinapb.HeaderProto{RequestId: "a", ExecEndpoint: proto.String("/x")}, Data: []byte("one")})
	b := marshal(t, &jinapb.DataRequestProto{Header: &jinapb.HeaderProto{RequestId: "b"}, Data: []byte("two")})
	m := new(Message)
	if err := read(inPieces(append(a, b...), 5), m); err != nil {
		t.Fatal(err)
	}
	data, err := m.Data()
	if err != nil || string(data) != "onetwo" || m.Header.RequestID != "b" || m.Header.ExecEndpoint != Some("/x") {
		t.Errorf("got %q, %v, %+v", data, err, m.Header)
	}
}

func TestZeroBytesAreAnEmptyRequest(t *testing.T) {
	m := new(Message)
	if err := read(nil, m); err != nil || m.HasData() || m.Header.RequestID != "" {
		t.Errorf("got %+v, %v", m, err)
	}
}

func TestMalformedIsTheSendersFault(t *testing.T) {
	good := marshal(t, fullRequest(t, []byte("docs")))
	for name, raw := range map[string][]byte{
		"garbage":            []byte("\xff\xff\xff\xffgarbage"),
		"field zero":         {0, 0},
		"a group":            {0x0b, 0x0c},
		"cut short":          good[:len(good)-3],
		"length beyond 2 GB": {0x22, 0xff, 0xff, 0xff, 0xff, 0x7f},
		"header cut short":   {0x0a, 0x02, 0x0a, 0x7f},
	} {
		for _, size := range []int{1, 3, 1000} {
			err := read(inPieces(raw, size), new(Message))
			if status.Code(err) != codes.InvalidArgument {
				t.Errorf("%s in buffers of %d: %v", name, size, err)
			}
		}
	}
}

func TestListForwardsItsParts(t *testing.T) {
	want := &jinapb.DataRequestListProto{Requests: []*jinapb.DataRequestProto{fullRequest(t, []byte("one")), fullRequest(t, nil), fullRequest(t, []byte("three"))}}
	l := new(List)
	if err := read(inPieces(marshal(t, want), 7), l); err != nil {
		t.Fatal(err)
	}
	out, err := Codec{}.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	got := new(jinapb.DataRequestListProto)
	if err := proto.Unmarshal(out.Materialize(), got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// pool counts what is out.
type pool struct{ out int }

func (p *pool) Get(n int) *[]byte { p.out++; b := make([]byte, n); return &b }
func (p *pool) Put(*[]byte)       { p.out-- }

// Whoever holds a message, a clone of it, or what was marshalled from it, holds the buffers; when all are freed they are back in their pool.
func TestBuffersGoBackToTheirPool(t *testing.T) {
	raw := marshal(t, fullRequest(t, make([]byte, 8<<10)))
	p := new(pool)
	in := mem.BufferSlice{mem.Copy(raw[:3000], p), mem.Copy(raw[3000:], p)}
	m := new(Message)
	if err := read(in, m); err != nil {
		t.Fatal(err)
	}
	in.Free()
	clone := m.Clone()
	out, _ := Codec{}.Marshal(clone)
	m.Free()
	clone.Free()
	if p.out == 0 {
		t.Error("buffers were given back while they were being sent")
	}
	out.Free()
	if p.out != 0 {
		t.Errorf("%d buffers are not back", p.out)
	}
}

// Forwarding costs the same whatever the documents are: they are not copied, let alone decoded.
func TestForwardingDoesNotTouchDocuments(t *testing.T) {
	cost := func(docs int) float64 {
		raw := marshal(t, fullRequest(t, bytes.Repeat([]byte("\x0a\x06\x0a\x04text"), docs)))
		in := mem.BufferSlice{mem.SliceBuffer(raw)}
		return testing.AllocsPerRun(100, func() {
			m := new(Message)
			if err := read(in, m); err != nil {
				t.Fatal(err)
			}
			out, _ := Codec{}.Marshal(m)
			out.Free()
			m.Free()
		})
	}
	if one, many := cost(1), cost(100_000); one != many {
		t.Errorf("1 document: %v allocations, 100,000: %v", one, many)
	}
}

// FuzzSplice: whatever protobuf accepts we forward unchanged, however it is cut; whatever we accept we forward as we read it.
func FuzzSplice(f *testing.F) {
	f.Add(marshal(f, fullRequest(f, []byte("docs"))), uint8(3))
	f.Add([]byte{}, uint8(1))
	f.Add([]byte("\xff\xff\xff\xffgarbage"), uint8(2))
	f.Fuzz(func(t *testing.T, raw []byte, size uint8) {
		want := new(jinapb.DataRequestProto)
		valid := proto.Unmarshal(raw, want) == nil
		m := new(Message)
		if err := read(inPieces(raw, int(size)+1), m); err != nil {
			return
		}
		out, _ := Codec{}.Marshal(m)
		if !valid {
			return // protobuf looks into documents' siblings more closely than we do: UTF-8, submessages
		}
		got := new(jinapb.DataRequestProto)
		if err := proto.Unmarshal(out.Materialize(), got); err != nil {
			t.Fatalf("we wrote what protobuf refuses: %v", err)
		}
		// We write a header always and join repeated documents; protobuf keeps the last.
		if want.Header == nil {
			want.Header = new(jinapb.HeaderProto)
		}
		got.Data, want.Data = nil, nil
		if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
			t.Fatalf("(-want +got)\n%s", diff)
		}
	})
}

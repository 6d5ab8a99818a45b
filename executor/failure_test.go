package executor

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/helm-flow/helm-flow/docarray"
	"github.com/helm-flow/helm-flow/internal/wire"
	"github.com/helm-flow/helm-flow/internal/wire/jinapb"
)

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
			if hasStack := strings.Contains(strings.Join(x.GetStacks(), ""), "failure_test.go"); hasStack != (test.name == "Panic") {
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

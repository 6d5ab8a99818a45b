package main

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/helm-flow/helm-flow/docarray"
	"github.com/helm-flow/helm-flow/internal/wire"
	"github.com/helm-flow/helm-flow/internal/wire/jinapb"
)

// shape is a way to load a server. All are closed loops: a client sends its next request when an answer has come.
type shape struct {
	name     string
	clients  int // each has a connection of its own
	inFlight int // requests that a client waits for at a time
	unary    bool
}

var shapes = []shape{
	{name: "1 stream, 1 in flight", clients: 1, inFlight: 1},
	{name: "1 stream, 50 in flight", clients: 1, inFlight: 50},
	{name: "16 streams, 1 in flight", clients: 16, inFlight: 1},
	{name: "unary, 1 at a time", clients: 1, inFlight: 1, unary: true},
	{name: "unary, 16 at a time", clients: 16, inFlight: 1, unary: true},
}

// documentBytes is the size of the one text document that each request carries.
const documentBytes = 1 << 10

// load is a running shape: its clients note the time of each answer while noting is on.
type load struct {
	noting    atomic.Bool
	mu        sync.Mutex
	latencies []time.Duration // guarded by mu
}

// start loads addr until ctx ends; the group's context ends early, and Wait returns the reason, when a client fails.
func (l *load) start(ctx context.Context, addr string, s shape) (*errgroup.Group, context.Context) {
	clients, failed := errgroup.WithContext(ctx)
	for range s.clients {
		clients.Go(func() error {
			err := l.client(failed, addr, s)
			if ctx.Err() != nil {
				return nil
			}
			return err
		})
	}
	return clients, failed
}

func (l *load) client(ctx context.Context, addr string, s shape) error {
	conn, err := dial(addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	requests, err := buildRequests(s.inFlight)
	if err != nil {
		return err
	}
	if s.unary {
		return l.unary(ctx, conn, requests[0])
	}
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, wire.MethodCall)
	if err != nil {
		return err
	}
	return l.stream(ctx, stream, requests)
}

func (l *load) unary(ctx context.Context, conn *grpc.ClientConn, request raw) error {
	for {
		sent := time.Now()
		var answer raw
		if err := conn.Invoke(ctx, wire.MethodProcessSingleData, &request, &answer); err != nil {
			return err
		}
		if _, err := answerID(answer); err != nil {
			return err
		}
		l.note(time.Since(sent))
	}
}

// stream keeps every request in flight, sending each again when its answer has come; a request's id is its index.
func (l *load) stream(ctx context.Context, stream grpc.ClientStream, requests []raw) error {
	sent := make([]atomic.Int64, len(requests)) // nanoseconds since begin
	begin := time.Now()
	free := make(chan int, len(requests))
	for i := range requests {
		free <- i
	}
	go func() {
		for {
			select {
			case <-stream.Context().Done():
				return
			case i := <-free:
				sent[i].Store(int64(time.Since(begin)))
				if stream.SendMsg(&requests[i]) != nil {
					return // RecvMsg says why
				}
			}
		}
	}()
	for {
		var answer raw
		if err := stream.RecvMsg(&answer); err != nil {
			return err
		}
		i, err := answerID(answer)
		if err != nil {
			return err
		}
		l.note(time.Since(begin) - time.Duration(sent[i].Load()))
		free <- i
	}
}

func (l *load) note(latency time.Duration) {
	if l.noting.Load() {
		l.mu.Lock()
		l.latencies = append(l.latencies, latency)
		l.mu.Unlock()
	}
}

func dial(addr string) (*grpc.ClientConn, error) {
	return grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(rawCodec{})))
}

// buildRequests returns n serialised requests whose ids are their indices.
func buildRequests(n int) ([]raw, error) {
	docs := docarray.List{{ID: "document", Text: strings.Repeat("x", documentBytes)}}
	data, err := docs.Encode(docarray.V2)
	if err != nil {
		return nil, err
	}
	requests := make([]raw, n)
	for i := range requests {
		requests[i], err = proto.Marshal(&jinapb.DataRequestProto{
			Header: &jinapb.HeaderProto{RequestId: strconv.Itoa(i), ExecEndpoint: new("/")},
			Data:   data,
		})
		if err != nil {
			return nil, err
		}
	}
	return requests, nil
}

// raw is a serialised message: the load costs less than what it measures because it decodes nothing but the header.
type raw []byte

type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(*v.(*raw))}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*raw) = data.Materialize()
	return nil
}

// answerID returns the request id of an answer, a number here, and an error if the answer is one.
func answerID(answer raw) (int, error) {
	header, err := submessage(answer, 1)
	if err != nil {
		return 0, err
	}
	status, err := submessage(header, 2)
	if err != nil {
		return 0, err
	}
	if bytes.HasPrefix(status, []byte{1 << 3, byte(jinapb.StatusProto_ERROR)}) {
		return 0, fmt.Errorf("the answer is an error: %q", status)
	}
	id, err := submessage(header, 1)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(string(id))
}

// submessage returns the first length-delimited field of this number, empty if there is none.
func submessage(b []byte, want protowire.Number) ([]byte, error) {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeField(b)
		if n < 0 {
			return nil, protowire.ParseError(n)
		}
		if num == want && typ == protowire.BytesType {
			_, _, tag := protowire.ConsumeTag(b)
			value, _ := protowire.ConsumeBytes(b[tag:])
			return value, nil
		}
		b = b[n:]
	}
	return nil, nil
}

package client

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/structpb"

	"github.com/helm-flow/helm-flow/docarray"
	"github.com/helm-flow/helm-flow/internal/wire"
	"github.com/helm-flow/helm-flow/internal/wire/jinapb"
)

// Request is a batch of documents for one endpoint.
type Request struct {
	// ID is echoed in the response. Empty is a random one.
	ID string
	// Endpoint is what executors bind their methods to, such as /search. Empty is /default.
	Endpoint string
	// TargetExecutor is a regular expression, matched at the start of an executor's name: the others are skipped. Empty is all.
	TargetExecutor string
	// Parameters are for every executor, or, under an executor's name, for that one. Numbers arrive as floats.
	Parameters map[string]any
	Docs       docarray.List
	// Generation is how the documents travel; zero is docarray.V2. It must be that of the flow's executors.
	Generation docarray.Generation
}

// encode gives the request an ID if it has none.
func (r *Request) encode() (*jinapb.DataRequestProto, error) {
	if r.ID == "" {
		r.ID = NewID()
	}
	endpoint := r.Endpoint
	if endpoint == "" {
		endpoint = wire.DefaultEndpoint
	}
	out := &jinapb.DataRequestProto{Header: &jinapb.HeaderProto{RequestId: r.ID, ExecEndpoint: &endpoint}}
	if r.TargetExecutor != "" {
		out.Header.TargetExecutor = &r.TargetExecutor
	}
	if len(r.Parameters) > 0 {
		parameters, err := structpb.NewStruct(r.Parameters)
		if err != nil {
			return nil, fmt.Errorf("parameters: %w; want what JSON can hold", err)
		}
		out.Parameters = parameters
	}
	if len(r.Docs) > 0 {
		data, err := r.Docs.Encode(orV2(r.Generation))
		if err != nil {
			return nil, fmt.Errorf("request %s: %w", r.ID, err)
		}
		out.Data = data
	}
	return out, nil
}

func orV2(g docarray.Generation) docarray.Generation {
	if g == 0 {
		return docarray.V2
	}
	return g
}

// NewID returns a request or document ID as Jina's own: 32 hexadecimal digits.
func NewID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// Response is the answer to one request.
type Response struct {
	proto      *jinapb.DataRequestProto
	generation docarray.Generation
}

// ID is the request's.
func (r *Response) ID() string { return r.proto.GetHeader().GetRequestId() }

// Err is an [*ExecutorError] when the response's status is ERROR, else nil.
func (r *Response) Err() error { return statusError(r.ID(), r.proto.GetHeader().GetStatus()) }

// Docs decodes the documents; of a failed request they are as far as the flow got with them.
func (r *Response) Docs() (docarray.List, error) {
	docs, err := docarray.Decode(r.generation, r.proto.GetData())
	if err != nil {
		return nil, fmt.Errorf("response %s: %w", r.ID(), err)
	}
	return docs, nil
}

// Parameters are the request's, with what executors returned as results under __results__.
func (r *Response) Parameters() map[string]any { return r.proto.GetParameters().AsMap() }

// Route is one node's part in answering a request.
type Route struct {
	// Executor is the node's name, or "gateway".
	Executor string
	// Start and End are the gateway's times; End is zero for a node that was skipped.
	Start, End time.Time
}

// Routes lists the nodes the request went through, the gateway first.
func (r *Response) Routes() []Route {
	routes := make([]Route, 0, len(r.proto.GetRoutes()))
	for _, p := range r.proto.GetRoutes() {
		route := Route{Executor: p.GetExecutor()}
		if p.StartTime != nil {
			route.Start = p.StartTime.AsTime()
		}
		if p.EndTime != nil {
			route.End = p.EndTime.AsTime()
		}
		routes = append(routes, route)
	}
	return routes
}

// ExecutorError says that an executor's code failed. It concerns one request: a stream goes on after it.
type ExecutorError struct {
	RequestID string
	// Executor is the class name of the executor, Name that of the exception.
	Executor, Name string
	// Description is the exception in one line, Args what it was made of, Stacks the lines of its traceback.
	Description string
	Args        []string
	Stacks      []string
}

func (e *ExecutorError) Error() string {
	what := e.Description
	if what == "" {
		what = strings.TrimSpace(e.Name + " " + strings.Join(e.Args, ", "))
	}
	if what == "" {
		what = "no reason given"
	}
	if e.Executor == "" {
		return "executor failed: " + what
	}
	return fmt.Sprintf("executor %s failed: %s", e.Executor, what)
}

func statusError(requestID string, status *jinapb.StatusProto) error {
	if status.GetCode() != jinapb.StatusProto_ERROR {
		return nil
	}
	exception := status.GetException()
	return &ExecutorError{
		RequestID:   requestID,
		Executor:    exception.GetExecutor(),
		Name:        exception.GetName(),
		Description: status.GetDescription(),
		Args:        exception.GetArgs(),
		Stacks:      exception.GetStacks(),
	}
}

package executor

import (
	"fmt"
	"maps"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/helm-flow/helm-flow/docarray"
	"github.com/helm-flow/helm-flow/internal/wire"
	"github.com/helm-flow/helm-flow/internal/wire/jinapb"
)

// resultsKey is the parameter that carries results to the client.
const resultsKey = "__results__"

// Request is what a client asks of a handler and, when the handler returns, the answer. It is the handler's until then.
type Request struct {
	// Endpoint is the one that the client asked for, such as "/index"; empty if it named none.
	Endpoint string
	// Parameters are the client's, as JSON's kinds of values: all numbers are float64. Those meant for this executor only
	// stand among the others. Changes to them are not sent back.
	Parameters map[string]any
	// Results, if the handler sets it, reaches the client as parameters.__results__ under this executor's name. Values must
	// be of JSON's kinds.
	Results map[string]any

	name     string // the executor's, in the flow
	messages []*wire.Message
	params   *structpb.Struct

	// Set by decode.
	decoded   bool
	malformed error // why the documents cannot be read
	gen       docarray.Generation
	parts     []Part
	docs      docarray.List
}

// Part is what one branch of a flow brought to a join that does not merge.
type Part struct {
	// From is the last executor that the part came through.
	From string
	Docs docarray.List
}

func newRequest(name string, messages []*wire.Message) (*Request, error) {
	first := messages[0]
	r := &Request{Endpoint: first.Header.ExecEndpoint.Text, name: name, messages: messages, params: new(structpb.Struct)}
	// Python reads no deeper either.
	if err := (proto.UnmarshalOptions{RecursionLimit: 100}).Unmarshal(first.Parameters, r.params); err != nil {
		return nil, fmt.Errorf("parameters: %w", err)
	}
	r.Parameters = r.params.AsMap()
	if own, ok := r.Parameters[name].(map[string]any); ok {
		maps.Copy(r.Parameters, own)
	}
	return r, nil
}

// Docs returns the documents, of all parts one after the other if there are several. What the handler does to them goes
// into the answer; a list of other documents, or of more or fewer, must be given to SetDocs. Documents of a handler that
// does not ask for them are not decoded, but go back as they came.
//
// The error is the sender's fault and is to be returned.
func (r *Request) Docs() (docarray.List, error) {
	r.decode()
	return r.docs, r.malformed
}

// SetDocs makes docs the documents of the answer. They are written in the generation that the request's are in; if it
// came without any, as docarray.V2.
func (r *Request) SetDocs(docs docarray.List) {
	r.decode()
	r.docs = docs
}

// Parts returns the documents by the branches that brought them. There is one, unless the flow tells this executor to
// take the parts of a join unmerged (no_reduce). The documents are those that Docs returns.
func (r *Request) Parts() ([]Part, error) {
	r.decode()
	return r.parts, r.malformed
}

func (r *Request) decode() {
	if r.decoded {
		return
	}
	r.decoded = true
	if r.malformed = r.decodeParts(); r.malformed != nil {
		r.parts = nil
		return
	}
	for _, p := range r.parts {
		r.docs = append(r.docs, p.Docs...)
	}
}

func (r *Request) decodeParts() error {
	contents, err := r.contents()
	if err != nil {
		return err
	}
	r.gen = docarray.V2
	for _, content := range contents {
		if gen, ok := docarray.Detect(content); ok {
			r.gen = gen
			break
		}
	}
	for i, content := range contents {
		docs, err := docarray.Decode(r.gen, content)
		if err != nil {
			return fmt.Errorf("documents of generation %v: %w", r.gen, err)
		}
		from, err := lastExecutor(r.messages[i])
		if err != nil {
			return err
		}
		r.parts = append(r.parts, Part{From: from, Docs: docs})
	}
	return nil
}

// contents are the serialised documents of each message.
func (r *Request) contents() ([][]byte, error) {
	contents := make([][]byte, len(r.messages))
	for i, m := range r.messages {
		var err error
		if contents[i], err = m.Data(); err != nil {
			return nil, err
		}
	}
	return contents, nil
}

// lastExecutor is the name in the last of a message's routes.
func lastExecutor(m *wire.Message) (string, error) {
	var routes jinapb.DataRequestProto // the routes are fields of it
	if err := proto.Unmarshal(m.Routes, &routes); err != nil {
		return "", fmt.Errorf("routes of request %q: %w", m.Header.RequestID, err)
	}
	if n := len(routes.Routes); n > 0 {
		return routes.Routes[n-1].Executor, nil
	}
	return "", nil
}

// answer makes the first message the answer; if it fails, the message is as it came.
func (r *Request) answer() (*wire.Message, error) {
	m := r.messages[0]
	parameters := m.Parameters
	if r.Results != nil {
		var err error
		if parameters, err = r.withResults(); err != nil {
			return nil, fmt.Errorf("results: %w", err)
		}
	}
	if r.decoded || len(r.messages) > 1 {
		content, err := r.content()
		if err != nil {
			return nil, fmt.Errorf("documents of the answer: %w", err)
		}
		m.SetData(content)
	}
	m.Parameters = parameters
	m.AddRoute(wire.Route{Executor: r.name})
	return m, nil
}

// content is the serialised documents of all parts. Those that nobody read are joined unread: serialised lists that
// follow each other are one list.
func (r *Request) content() (joined []byte, err error) {
	if r.decoded {
		return r.docs.Encode(r.gen)
	}
	contents, err := r.contents()
	if err != nil {
		return nil, err
	}
	for _, content := range contents {
		if _, err := docarray.Count(content); err != nil {
			return nil, err
		}
		joined = append(joined, content...)
	}
	return joined, nil
}

// withResults are the serialised parameters with the handler's results among them.
func (r *Request) withResults() ([]byte, error) {
	own, err := structpb.NewStruct(r.Results)
	if err != nil {
		return nil, err
	}
	results := r.params.Fields[resultsKey].GetStructValue()
	if results == nil {
		results = new(structpb.Struct)
	}
	if results.Fields == nil {
		results.Fields = map[string]*structpb.Value{}
	}
	if r.params.Fields == nil {
		r.params.Fields = map[string]*structpb.Value{}
	}
	results.Fields[r.name] = structpb.NewStructValue(own)
	r.params.Fields[resultsKey] = structpb.NewStructValue(results)
	return proto.Marshal(r.params)
}

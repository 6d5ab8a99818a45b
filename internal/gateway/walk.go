package gateway

import (
	"bytes"
	"context"
	"maps"
	"regexp"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/helm-flow/helm-flow/docarray"
	"github.com/helm-flow/helm-flow/internal/wire"
	"github.com/helm-flow/helm-flow/internal/wire/jinapb"
)

// walk is one request on its way through the graph, by the rules of Jina's gateway.
//
// Branches run side by side; a chain stays on the goroutine that it began on. A branch that fails stops there and the others go on; the
// failure is the answer, since the node that joins the branches never gets all its parts.
type walk struct {
	gateway    *Gateway
	snapshot   *snapshot
	start      time.Time
	endpoint   string
	parameters *parameters
	target     *regexp.Regexp // nodes that it does not match are passed by; nil matches all
	branches   sync.WaitGroup // of nodes that the answer waits for

	mu      sync.Mutex                 // guards all below
	joins   map[*node]*join            // nodes with several parts, of which some have arrived
	worked  []bool                     // by node index: whether any executor up to there was called
	routes  []wire.Route               // by node index; those visited have a name
	results map[string]*structpb.Value // what executors returned beside documents
	answer  *wire.Message              // of the end node
	failed  *failure                   // the first in graph order
	err     error                      // of a node that gave no answer, the first to happen
}

// join collects the parts that a node waits for, in the order of its needs.
type join struct {
	parts   []*wire.Message
	missing int
}

// failure is the answer of a node whose user code failed.
type failure struct {
	node   *node
	answer *wire.Message
}

// process takes a request through the graph and returns the answer. The request is consumed. With an error there is an answer too: an
// empty one with the request's id, for streams that go on.
func (g *Gateway) process(ctx context.Context, request *wire.Message) (*wire.Message, error) {
	s := g.acquire()
	defer s.release()
	w := &walk{
		gateway: g, snapshot: s, start: time.Now(), endpoint: request.Header.ExecEndpoint.Text, routes: make([]wire.Route, len(s.graph.nodes)),
		worked: make([]bool, len(s.graph.nodes)),
	}
	g.metrics.Begin(request.Size())
	answer, err := w.through(ctx, request)
	g.metrics.End(w.start, answer.Size(), err == nil && w.failed == nil)
	return answer, err
}

// through takes the request along the graph.
func (w *walk) through(ctx context.Context, request *wire.Message) (*wire.Message, error) {
	id := request.Header.RequestID
	if err := w.prepare(request); err != nil {
		request.Free()
		return w.withoutAnswer(id), err
	}
	if len(w.snapshot.graph.nodes) == 0 {
		w.answer = request
	} else {
		w.goOn(ctx, &w.branches, w.snapshot.graph.origins, request)
		w.branches.Wait()
	}
	answer, err := w.finish()
	if err != nil {
		return w.withoutAnswer(id), err
	}
	return answer, nil
}

func (w *walk) prepare(request *wire.Message) error {
	var err error
	if w.parameters, err = readParameters(request.Parameters, w.snapshot.graph.has); err != nil {
		return status.Error(codes.InvalidArgument, err.Error())
	}
	if target := request.Header.TargetExecutor.Text; target != "" {
		// As Python's re.match: from the start of the name to anywhere in it.
		if w.target, err = regexp.Compile("^(?:" + target + ")"); err != nil {
			return status.Errorf(codes.InvalidArgument, "target_executor %q is no regular expression: %v", target, err)
		}
	}
	request.AddRoute(wire.Route{Executor: wire.GatewayName, Start: w.start})
	return nil
}

// goOn takes a message along all edges; the last one is gone along here, the others in the group. The message is consumed.
func (w *walk) goOn(ctx context.Context, group *sync.WaitGroup, edges []edge, m *wire.Message) {
	floating := &w.gateway.floating
	for i, e := range edges {
		last := i == len(edges)-1
		part := m
		if !last {
			part = m.Clone()
		}
		switch {
		case e.to.floating && group != floating:
			// No answer waits for it, so the client may be gone before it ends.
			w.snapshot.users.Add(1)
			floating.Go(func() {
				defer w.snapshot.release()
				w.arrive(context.WithoutCancel(ctx), floating, e, part)
			})
		case !last:
			group.Go(func() { w.arrive(ctx, group, e, part) })
		default:
			w.arrive(ctx, group, e, part)
		}
	}
}

// arrive hands a part to a node and, if it was the last one missing, visits the node and goes on from there.
func (w *walk) arrive(ctx context.Context, group *sync.WaitGroup, e edge, m *wire.Message) {
	n := e.to
	defer w.gateway.recoverWalk(w, n)
	parts := w.collect(e, m)
	if parts == nil {
		return
	}
	answer, err := w.visit(ctx, n, parts)
	if err != nil {
		w.fail(n, err)
		return
	}
	if answer == nil {
		return
	}
	if n.end {
		w.mu.Lock()
		w.answer = answer
		w.mu.Unlock()
		if len(n.next) == 0 {
			return
		}
		answer = answer.Clone()
	}
	if len(n.next) == 0 {
		answer.Free()
		return
	}
	w.goOn(ctx, group, n.next, answer)
}

// collect returns the parts of a node once all have arrived, and nil before.
func (w *walk) collect(e edge, m *wire.Message) []*wire.Message {
	count := len(e.to.needs)
	if count == 1 {
		return []*wire.Message{m}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.joins == nil {
		w.joins = map[*node]*join{}
	}
	j := w.joins[e.to]
	if j == nil {
		j = &join{parts: make([]*wire.Message, count), missing: count}
		w.joins[e.to] = j
	}
	j.parts[e.part] = m
	if j.missing--; j.missing > 0 {
		return nil
	}
	return j.parts
}

// visit calls a node, or passes it by where the call would do nothing. It consumes the parts. The answer is nil when user code failed.
func (w *walk) visit(ctx context.Context, n *node, parts []*wire.Message) (*wire.Message, error) {
	start := time.Now()
	passed := w.target != nil && !w.target.MatchString(n.name) || w.endpoint != "" && !n.binds(w.endpoint)
	if len(parts) > 1 && (passed || !n.noReduce) {
		if err := w.merge(n, parts); err != nil {
			return nil, err
		}
		parts = parts[:1]
	}
	w.noteWork(n, !passed)
	if passed {
		w.record(n, wire.Route{Executor: n.name, Start: start})
		return parts[0], nil
	}
	own, err := w.parameters.of(n.name)
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	for _, part := range parts {
		part.Parameters = own
		part.Header.TargetExecutor = wire.Some("") // a gateway behind this one must not filter again
	}
	answer, err := n.call(ctx, w.endpoint, parts)
	for _, part := range parts {
		part.Free()
	}
	route := wire.Route{Executor: n.name, Start: start, End: time.Now()}
	switch {
	case err != nil:
		route.Status = errorStatus(err)
	case answer.Failed:
		route.Status = answer.Header.Status
	}
	w.record(n, route)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(answer.Parameters, own) {
		if err := w.keepResults(n, answer.Parameters); err != nil {
			answer.Free()
			return nil, err
		}
	}
	if answer.Failed {
		w.failedIn(n, answer.Message)
		return nil, nil
	}
	return answer.Message, nil
}

// merge joins the documents of the parts into the first, by id. The other parts are freed.
func (w *walk) merge(n *node, parts []*wire.Message) error {
	contents := make([][]byte, len(parts))
	for i, part := range parts {
		var err error
		if contents[i], err = part.Data(); err != nil {
			return status.Errorf(codes.InvalidArgument, "join at %q: %v", n.name, err)
		}
	}
	generation := w.snapshot.generation(contents)
	if generation == docarray.V2 {
		contents = w.workLast(n, contents)
	}
	merged, err := docarray.Reduce(generation, contents)
	if err != nil {
		return status.Errorf(codes.InvalidArgument, "join at %q: %v", n.name, err)
	}
	parts[0].SetData(merged)
	for _, part := range parts[1:] {
		part.Free()
	}
	return nil
}

// workLast moves the parts that came past all executors to the front: in the second generation the last part wins, and what nobody has worked on must
// not win over what somebody has.
func (w *walk) workLast(n *node, contents [][]byte) [][]byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	var first, last [][]byte
	for i, from := range n.needs {
		if from != nil && w.worked[from.index] {
			last = append(last, contents[i])
		} else {
			first = append(first, contents[i])
		}
	}
	return append(first, last...)
}

// noteWork remembers whether an executor has worked on what leaves a node.
func (w *walk) noteWork(n *node, called bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.worked[n.index] = called
	for _, from := range n.needs {
		if from != nil && w.worked[from.index] {
			w.worked[n.index] = true
		}
	}
}

// record keeps a node's route for the answer. Floating nodes are not part of it.
func (w *walk) record(n *node, r wire.Route) {
	if n.floating {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.routes[n.index] = r
}

func (w *walk) keepResults(n *node, parameters []byte) error {
	results, err := readResults(parameters)
	if err != nil {
		return status.Errorf(codes.Internal, "answer of %q: %v", n.name, err)
	}
	if n.floating || len(results) == 0 {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.results == nil {
		w.results = map[string]*structpb.Value{}
	}
	maps.Copy(w.results, results)
	return nil
}

// failedIn keeps the answer of a node whose user code failed.
func (w *walk) failedIn(n *node, answer *wire.Message) {
	if n.floating {
		w.gateway.log.Warn("floating executor failed", "executor", n.name, "request_id", answer.Header.RequestID)
		answer.Free()
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failed == nil || n.index < w.failed.node.index {
		w.failed = &failure{node: n, answer: answer}
	}
}

// fail keeps the error of a node that gave no answer.
func (w *walk) fail(n *node, err error) {
	if n.floating {
		w.gateway.log.Warn("floating executor gave no answer", "executor", n.name, "error", err)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = err
	}
}

// errorStatus is an rpc's error as the status of a route.
func errorStatus(err error) []byte {
	var h wire.Header
	// A text that is not UTF-8 can't be a status; the rpc's own details carry it.
	_ = h.SetStatus(&jinapb.StatusProto{Code: jinapb.StatusProto_ERROR, Description: status.Convert(err).Message()})
	return h.Status
}

// finish makes the client's answer of what the walk found.
func (w *walk) finish() (*wire.Message, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	answer := w.answer
	if w.failed != nil && answer == nil {
		answer = w.failed.answer
	}
	if w.err != nil {
		if answer != nil {
			answer.Free()
		}
		return nil, w.err
	}
	raw, err := w.parameters.withResults(w.results)
	if err != nil {
		answer.Free()
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	answer.Parameters = raw
	answer.Header.TargetExecutor = wire.Some("")
	w.writeRoutes(answer)
	return answer, nil
}

// withoutAnswer is what a stream sends for a request that got no answer: its id, and in the routes the node that is to blame. Jina's clients take the error from the
// end of the stream; a status in the header would keep them from seeing it.
func (w *walk) withoutAnswer(id string) *wire.Message {
	m := &wire.Message{Header: wire.Header{RequestID: id}}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writeRoutes(m)
	return m
}

// writeRoutes writes the gateway's route and those of the nodes visited. What an answer brought is the work of the nodes themselves, or of a gateway among them.
func (w *walk) writeRoutes(m *wire.Message) {
	m.Routes = nil
	m.AddRoute(wire.Route{Executor: wire.GatewayName, Start: w.start, End: time.Now()})
	for _, r := range w.routes {
		if r.Executor != "" {
			m.AddRoute(r)
		}
	}
}

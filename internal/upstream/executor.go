// Package upstream calls executors: it spreads calls over replicas, tries again where that helps, and knows which endpoints are bound.
package upstream

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/helm-flow/helm-flow/internal/config"
	"github.com/helm-flow/helm-flow/internal/wire"
)

// Executor is one node's replicas. It is safe for concurrent use.
type Executor struct {
	name     string
	metadata []string // key, value, key, value…
	tries    int
	timeout  time.Duration // of one try; 0 is none
	replicas []*replica
	next     atomic.Uint32 // round robin

	cancel context.CancelFunc
	wg     sync.WaitGroup // the replicas' watchers
}

// New connects to the replicas of an executor in the background. Close ends it. Dial options are added to the package's own; tests
// give an in-memory dialer.
func New(e config.Executor, g *config.Gateway, opts ...grpc.DialOption) (*Executor, error) {
	ctx, cancel := context.WithCancel(context.Background())
	x := &Executor{name: e.Name, timeout: g.Timeout(), cancel: cancel}
	for key, value := range e.Metadata {
		x.metadata = append(x.metadata, key, value)
	}
	// Jina's rule: a negative number means at least three more tries, and one for each replica.
	x.tries = 1 + g.Retries
	if g.Retries < 0 {
		x.tries = 1 + max(3, len(e.Addresses))
	}
	for _, text := range e.Addresses {
		address, err := config.ParseAddress(text)
		if err == nil {
			var r *replica
			if r, err = newReplica(address, g.MaxMessageBytes, opts); err == nil {
				x.replicas = append(x.replicas, r)
				x.wg.Go(func() { r.watch(ctx) })
			}
		}
		if err != nil {
			x.Close()
			return nil, fmt.Errorf("executor %q: %w", e.Name, err)
		}
	}
	return x, nil
}

// Close ends all calls and connections.
func (x *Executor) Close() {
	x.cancel()
	for _, r := range x.replicas {
		r.conn.Close()
	}
	x.wg.Wait()
}

// Answer is what an executor made of a request.
type Answer struct {
	*wire.Message
	// Failed says that user code failed: the header's status tells how.
	Failed bool
}

// Call sends one request, or the unmerged parts of a join, to an endpoint and returns the answer. The parts stay the caller's. An error is a *Error, or the context's.
func (x *Executor) Call(ctx context.Context, endpoint string, parts []*wire.Message) (Answer, error) {
	outgoing := x.metadata
	if endpoint != "" {
		outgoing = append(slices.Clip(outgoing), wire.MetadataEndpoint, endpoint)
	}
	ctx = metadata.NewOutgoingContext(ctx, metadata.Pairs(outgoing...))

	start := int(x.next.Add(1) - 1)
	var failure *Error
	for try := range x.tries {
		if err := pause(ctx, try/len(x.replicas)); err != nil {
			return Answer{}, err
		}
		r := x.replicas[(start+try)%len(x.replicas)]
		answer, trailer, err := x.try(ctx, r, parts)
		if err == nil {
			return Answer{Message: answer, Failed: isError(trailer)}, nil
		}
		if ctx.Err() != nil {
			return Answer{}, status.FromContextError(ctx.Err()).Err()
		}
		failure = &Error{Executor: x.name, Addresses: x.tried(start, try+1), Status: status.Convert(err), Trailer: trailer, Tries: try + 1, timeout: x.timeout}
		if !worthAnotherTry(failure.Status.Code()) {
			break
		}
	}
	return Answer{}, failure
}

// try makes one call under the timeout of one.
func (x *Executor) try(ctx context.Context, r *replica, parts []*wire.Message) (*wire.Message, metadata.MD, error) {
	if x.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, x.timeout)
		defer cancel()
	}
	return r.call(ctx, parts)
}

// tried returns the addresses that n tries from start on went to.
func (x *Executor) tried(start, n int) []string {
	var addresses []string
	for i := range min(n, len(x.replicas)) {
		addresses = append(addresses, x.replicas[(start+i)%len(x.replicas)].address)
	}
	return addresses
}

// Binds says whether a call to the endpoint would do anything: true also of an executor whose endpoints are not known yet.
func (x *Executor) Binds(endpoint string) bool {
	for _, r := range x.replicas {
		known := r.endpoints.Load()
		if known == nil || slices.Contains(*known, endpoint) || slices.Contains(*known, wire.DefaultEndpoint) {
			return true
		}
	}
	return false
}

// Endpoints returns the endpoints bound by any replica that answered discovery, sorted.
func (x *Executor) Endpoints() []string {
	var all []string
	for _, r := range x.replicas {
		if known := r.endpoints.Load(); known != nil {
			all = append(all, *known...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// worthAnotherTry says whether another replica, or the same a moment later, may do better (jina-protocol: retry table).
func worthAnotherTry(code codes.Code) bool {
	switch code {
	case codes.Unavailable, codes.DeadlineExceeded, codes.NotFound, codes.Canceled, codes.Unknown, codes.Internal:
		return true
	}
	return false
}

// pause waits before another round over the same replicas, so that one that restarts can come back: 100 ms, then twice as long each round.
func pause(ctx context.Context, round int) error {
	if round == 0 {
		return nil
	}
	timer := time.NewTimer(100 * time.Millisecond << min(round-1, 4))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return status.FromContextError(ctx.Err()).Err()
	}
}

func isError(trailer metadata.MD) bool {
	v := trailer.Get(wire.MetadataIsError)
	return len(v) > 0 && strings.EqualFold(v[len(v)-1], "true")
}

// Error is a call that no try of got an answer.
type Error struct {
	Executor  string
	Addresses []string
	Status    *status.Status // of the last try
	Trailer   metadata.MD    // of the last try
	Tries     int

	timeout time.Duration
}

// Error names executor, addresses and cure; clients see it as the rpc's details.
func (e *Error) Error() string {
	where := fmt.Sprintf("executor %q at %s", e.Executor, strings.Join(e.Addresses, ", "))
	details := e.Status.Message()
	switch e.Status.Code() {
	case codes.Unavailable:
		return fmt.Sprintf("%s is not reachable (%d tries): %s; it may be starting, restarting or down", where, e.Tries, details)
	case codes.DeadlineExceeded:
		return fmt.Sprintf("%s did not answer within %v (%d tries): %s; it may be overloaded: raise timeout_send or add replicas", where, e.timeout, e.Tries, details)
	case codes.NotFound:
		return fmt.Sprintf("%s was not found: %s; does an API gateway stand between?", where, details)
	case codes.Unimplemented:
		return fmt.Sprintf("%s does not speak Jina's protocol: %s; check its address", where, details)
	}
	return fmt.Sprintf("%s: %s", where, details)
}

// GRPCStatus is the last try's code with the words of Error.
func (e *Error) GRPCStatus() *status.Status { return status.New(e.Status.Code(), e.Error()) }

// Package upstream calls executors: it spreads calls over replicas, tries again where that helps, and knows which endpoints are bound.
package upstream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/helm-flow/helm-flow/internal/config"
	"github.com/helm-flow/helm-flow/internal/wire"
)

// Options are how an executor is called.
type Options struct {
	// Name for errors.
	Name string
	// Addresses of the replicas: grpc://host:port or grpcs://host:port. A host that resolves to several addresses is as many replicas.
	Addresses []string
	// Metadata is sent with every call.
	Metadata map[string]string
	// Timeout of one try; 0 is none.
	Timeout time.Duration
	// Retries after network errors; negative means at least three and one for each replica, as Jina has it.
	Retries int
	// Compression of requests: gzip, deflate, or none.
	Compression string
	// WaitForReplicas is how long a call waits for a replica where there is none.
	WaitForReplicas time.Duration
}

// Executor is what answers behind some addresses. It is safe for concurrent use.
type Executor struct {
	opts     Options
	metadata []string // key, value, key, value…
	call     []grpc.CallOption
	pool     *Pool
	sources  []*source
	next     atomic.Uint32 // round robin
	cut      atomic.Bool   // nothing is tried again
}

// New makes an executor, whose replicas connect in the background. Close gives them back.
func New(pool *Pool, opts Options) (*Executor, error) {
	x := &Executor{opts: opts, pool: pool}
	for key, value := range opts.Metadata {
		x.metadata = append(x.metadata, key, value)
	}
	if opts.Compression != "" && opts.Compression != "none" {
		x.call = append(x.call, grpc.UseCompressor(opts.Compression))
	}
	for _, text := range opts.Addresses {
		address, err := config.ParseAddress(text)
		var s *source
		if err == nil {
			s, err = pool.take(address)
		}
		if err != nil {
			x.Close()
			return nil, fmt.Errorf("executor %q: %w", opts.Name, err)
		}
		x.sources = append(x.sources, s)
	}
	return x, nil
}

// Close gives the replicas back to the pool, which closes those that nobody else has.
func (x *Executor) Close() {
	for _, s := range x.sources {
		x.pool.give(s)
	}
}

// Cut ends the calls under way, of everybody who shares the replicas.
func (x *Executor) Cut() {
	x.cut.Store(true)
	for _, r := range x.replicas() {
		r.conn.Close()
	}
}

// Replicas is the number of replicas, and of those that are connected.
func (x *Executor) Replicas() (all, ready int) {
	for _, r := range x.replicas() {
		all++
		if r.ready.Load() {
			ready++
		}
	}
	return all, ready
}

func (x *Executor) replicas() []*replica {
	all := x.sources[0].state.Load().replicas
	for _, s := range x.sources[1:] {
		all = append(slices.Clip(all), s.state.Load().replicas...)
	}
	return all
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

	replicas, err := x.wait(ctx)
	if err != nil {
		return Answer{}, err
	}
	tried := make([]*replica, 0, 4) // so that it takes no memory for most
	var failure *Error
	for try := range x.tries(len(replicas)) {
		if err := pause(ctx, try/len(replicas)); err != nil {
			return Answer{}, err
		}
		if try > 0 && try%len(replicas) == 0 { // others may have come
			tried = tried[:0]
			if now := x.replicas(); len(now) > 0 {
				replicas = now
			}
		}
		r := x.pick(replicas, tried)
		tried = append(tried, r)
		answer, trailer, err := x.try(ctx, r, parts)
		if err == nil {
			return Answer{Message: answer, Failed: isError(trailer)}, nil
		}
		if ctx.Err() != nil {
			return Answer{}, status.FromContextError(ctx.Err()).Err()
		}
		failure = &Error{Executor: x.opts.Name, Addresses: targets(tried), Status: status.Convert(err), Trailer: trailer, Tries: try + 1, timeout: x.opts.Timeout}
		if !worthAnotherTry(failure.Status.Code()) || x.cut.Load() {
			break
		}
	}
	return Answer{}, failure
}

func (x *Executor) tries(replicas int) int {
	if x.opts.Retries < 0 {
		return 1 + max(3, replicas)
	}
	return 1 + x.opts.Retries
}

// wait returns the replicas as soon as there are any. It waits for names that are being looked up for the first time, and then as long as the options say.
func (x *Executor) wait(ctx context.Context) ([]*replica, error) {
	if replicas := x.replicas(); len(replicas) > 0 {
		return replicas, nil
	}
	var patience <-chan time.Time
	for {
		changed := x.pool.change()
		known := true
		var err error
		for _, s := range x.sources {
			now := s.state.Load()
			known = known && now.known
			err = errors.Join(err, now.err)
		}
		if replicas := x.replicas(); len(replicas) > 0 {
			return replicas, nil
		}
		if known && x.opts.WaitForReplicas == 0 {
			return nil, x.noReplicas(err)
		}
		if known && patience == nil {
			timer := time.NewTimer(x.opts.WaitForReplicas)
			defer timer.Stop()
			patience = timer.C
		}
		select {
		case <-changed:
		case <-patience:
			return nil, x.noReplicas(err)
		case <-ctx.Done():
			return nil, status.FromContextError(ctx.Err()).Err()
		}
	}
}

func (x *Executor) noReplicas(err error) error {
	what := "no replica runs"
	if err != nil {
		what = err.Error()
	}
	return &Error{Executor: x.opts.Name, Addresses: x.opts.Addresses, Status: status.New(codes.Unavailable, what)}
}

// pick is the next replica in turn, of those not tried yet, and if one is connected, a connected one.
func (x *Executor) pick(replicas, tried []*replica) *replica {
	start := int(x.next.Add(1) - 1)
	var otherwise *replica
	for i := range replicas {
		r := replicas[(start+i)%len(replicas)]
		if slices.Contains(tried, r) {
			continue
		}
		if r.ready.Load() {
			return r
		}
		if otherwise == nil {
			otherwise = r
		}
	}
	if otherwise == nil { // all have been tried
		return replicas[start%len(replicas)]
	}
	return otherwise
}

// try makes one call under the timeout of one.
func (x *Executor) try(ctx context.Context, r *replica, parts []*wire.Message) (*wire.Message, metadata.MD, error) {
	if x.opts.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, x.opts.Timeout)
		defer cancel()
	}
	return r.call(ctx, parts, x.call...)
}

func targets(replicas []*replica) []string {
	var all []string
	for _, r := range replicas {
		if !slices.Contains(all, r.target) {
			all = append(all, r.target)
		}
	}
	return all
}

// Binds says whether a call to the endpoint would do anything: true also of an executor whose endpoints are not known yet.
func (x *Executor) Binds(endpoint string) bool {
	for _, r := range x.replicas() {
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
	for _, r := range x.replicas() {
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

package upstream

import (
	"context"
	"fmt"
	"net"
	"sync"

	"google.golang.org/grpc"

	"github.com/helm-flow/helm-flow/internal/config"
)

// Pool holds the replicas behind each address, once for all executors and configurations that name it: what stays the same over a change of
// configuration stays connected. It is safe for concurrent use.
type Pool struct {
	maxBytes int
	lookup   func(ctx context.Context, host string) ([]string, error)
	opts     []grpc.DialOption

	mu      sync.Mutex // guards sources and their users
	sources map[config.Address]*source

	changes sync.Mutex    // guards changed
	changed chan struct{} // closed, and made anew, when replicas come or go
}

// NewPool makes a pool whose answers are bounded by maxBytes each. Dial options are added to the package's own; tests give an in-memory dialer.
func NewPool(maxBytes int, opts ...grpc.DialOption) *Pool {
	return &Pool{maxBytes: maxBytes, lookup: net.DefaultResolver.LookupHost, opts: opts, sources: map[config.Address]*source{}, changed: make(chan struct{})}
}

// take returns the source of an address, which give gives back.
func (p *Pool) take(address config.Address) (*source, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.sources[address]
	if s == nil {
		var err error
		if s, err = newSource(p, address); err != nil {
			return nil, fmt.Errorf("address %q: %w", address.Host, err)
		}
		p.sources[address] = s
	}
	s.users++
	return s, nil
}

// give gives back a source; the last one closes it.
func (p *Pool) give(s *source) {
	p.mu.Lock()
	s.users--
	last := s.users == 0
	if last {
		delete(p.sources, s.address)
	}
	p.mu.Unlock()
	if last {
		s.close()
	}
}

// change is a channel that is closed when replicas of any source come or go after now.
func (p *Pool) change() <-chan struct{} {
	p.changes.Lock()
	defer p.changes.Unlock()
	return p.changed
}

func (p *Pool) notify() {
	p.changes.Lock()
	defer p.changes.Unlock()
	close(p.changed)
	p.changed = make(chan struct{})
}

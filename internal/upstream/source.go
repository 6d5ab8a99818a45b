package upstream

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/helm-flow/helm-flow/internal/config"
)

const (
	// lookupEvery is how often a name is looked up again. CoreDNS lets answers live for 5 s.
	lookupEvery = 10 * time.Second
	// lookupAgain is the pause after a lookup that failed, or that a lost connection asks for.
	lookupAgain = time.Second
	// lookupTimeout bounds a lookup.
	lookupTimeout = 5 * time.Second
)

// source is what stands behind one address: one replica, or those that its name resolves to.
type source struct {
	pool    *Pool
	address config.Address
	users   int // guarded by the pool's mutex

	cancel context.CancelFunc
	wg     sync.WaitGroup // what follows the name, and the replicas' watchers
	lost   chan struct{}  // takes a token when a replica has lost its connection
	state  atomic.Pointer[state]
}

// state is what is known of a source. It is immutable.
type state struct {
	replicas []*replica
	known    bool  // whether the name has been looked up
	err      error // of the last lookup
}

func newSource(p *Pool, address config.Address) (*source, error) {
	host, port, err := net.SplitHostPort(address.Host)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &source{pool: p, address: address, cancel: cancel, lost: make(chan struct{}, 1)}
	s.state.Store(new(state))
	if net.ParseIP(host) != nil {
		if err := s.set(ctx, []string{address.Host}); err != nil {
			s.close()
			return nil, err
		}
		return s, nil
	}
	s.wg.Go(func() { s.follow(ctx, host, port) })
	return s, nil
}

func (s *source) close() {
	s.cancel()
	s.wg.Wait()
	for _, r := range s.state.Load().replicas {
		r.end()
	}
}

// follow looks the name up, again and again.
func (s *source) follow(ctx context.Context, host, port string) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		pause := lookupEvery
		select {
		case <-ctx.Done():
			return
		case <-s.lost:
			timer.Reset(lookupAgain)
			continue
		case <-timer.C:
		}
		if err := s.resolve(ctx, host, port); err != nil {
			s.fail(err)
			pause = lookupAgain
		}
		timer.Reset(pause)
	}
}

func (s *source) resolve(ctx context.Context, host, port string) error {
	bounded, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	ips, err := s.pool.lookup(bounded, host)
	if err != nil {
		return err
	}
	if v4 := slices.DeleteFunc(slices.Clone(ips), func(ip string) bool { return net.ParseIP(ip).To4() == nil }); len(v4) > 0 {
		ips = v4 // both families of one pod would be two replicas
	}
	targets := make([]string, len(ips))
	for i, ip := range ips {
		targets[i] = net.JoinHostPort(ip, port)
	}
	slices.Sort(targets)
	return s.set(ctx, slices.Compact(targets))
}

// fail notes a lookup that failed. A name server that is away does not take away replicas that answer.
func (s *source) fail(err error) {
	s.state.Store(&state{replicas: s.state.Load().replicas, known: true, err: err})
	s.pool.notify()
}

// set makes the replicas those at targets. Those that stay keep their connections, and calls under way on those that go end first.
func (s *source) set(ctx context.Context, targets []string) error {
	before := s.state.Load()
	var now, gone []*replica
	for _, r := range before.replicas {
		if slices.Contains(targets, r.target) {
			now = append(now, r)
		} else {
			gone = append(gone, r)
		}
	}
	for _, target := range targets {
		if slices.ContainsFunc(now, func(r *replica) bool { return r.target == target }) {
			continue
		}
		r, err := s.newReplica(ctx, target)
		if err != nil {
			return fmt.Errorf("replica %s: %w", target, err)
		}
		now = append(now, r)
	}
	if before.known && before.err == nil && len(gone) == 0 && len(now) == len(before.replicas) {
		return nil
	}
	s.state.Store(&state{replicas: now, known: true})
	s.pool.notify()
	for _, r := range gone {
		r.end()
	}
	return nil
}

package gateway

import (
	"errors"
	"io"
	"strconv"
	"strings"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/helm-flow/helm-flow/internal/wire"
)

// stream is one JinaRPC/Call. Up to prefetch of its requests are under way at a time: from before a request is read until its answer is written.
type stream struct {
	gateway *Gateway
	rpc     grpc.ServerStream
	slots   chan struct{}  // one for each request under way; nil if there is no bound
	answers chan answer    // to the writer; closed when no more will come
	stop    chan struct{}  // closed when no more requests are to be taken
	taken   sync.WaitGroup // requests under way

	mu      sync.Mutex // guards all below
	stopped bool
	err     error // what ends the stream
}

// answer is what became of a stream's request, by the order in which it was taken.
type answer struct {
	sequence uint64
	*wire.Message
}

// call serves one stream. A request that gets no answer for want of an executor ends it, as in Jina; other than there, the requests
// under way are answered first.
func (g *Gateway) call(rpc grpc.ServerStream) error {
	s := &stream{gateway: g, rpc: rpc, answers: make(chan answer), stop: make(chan struct{})}
	md, _ := metadata.FromIncomingContext(rpc.Context())
	if n := prefetch(md.Get(wire.MetadataPrefetch), g.config.Prefetch); n > 0 {
		s.slots = make(chan struct{}, n)
	}
	// The reader may still wait for a request when the stream ends; it takes none any more, and ends with the rpc.
	g.readers.Go(s.read)
	go func() {
		<-s.stop
		s.taken.Wait()
		close(s.answers)
	}()
	s.write(lastIs(md.Get(wire.MetadataResultsInOrder), "true"))

	s.mu.Lock()
	defer s.mu.Unlock()
	if errors.Is(s.err, io.EOF) {
		return nil
	}
	return s.err
}

// read takes requests until the client has sent all, or the stream ends.
func (s *stream) read() {
	for sequence := uint64(0); ; sequence++ {
		if s.slots != nil {
			select {
			case s.slots <- struct{}{}:
			case <-s.stop:
				return
			}
		}
		request, err := wire.Receive(s.rpc)
		if err != nil {
			s.end(err)
			return
		}
		if !s.take() {
			request.Free()
			return
		}
		go s.serve(sequence, request)
	}
}

func (s *stream) serve(sequence uint64, request *wire.Message) {
	defer s.taken.Done()
	m, err := s.gateway.process(s.rpc.Context(), request)
	if err != nil {
		if trailer := trailerOf(err); trailer != nil {
			s.rpc.SetTrailer(trailer)
		}
		s.fail(status.Convert(err).Err())
	}
	s.answers <- answer{sequence, m}
}

// write sends answers until no more will come: as they come, or each after those of earlier requests.
func (s *stream) write(inOrder bool) {
	var next uint64
	waiting := map[uint64]answer{}
	draining := s.gateway.draining
	for {
		select {
		case <-draining:
			s.end(status.Error(codes.Unavailable, "gateway is shutting down; send what got no answer again"))
			draining = nil
		case a, ok := <-s.answers:
			if !ok {
				return
			}
			if !inOrder {
				s.send(a)
				continue
			}
			waiting[a.sequence] = a
			for a, ok := waiting[next]; ok; a, ok = waiting[next] {
				s.send(a)
				delete(waiting, next)
				next++
			}
		}
	}
}

// send writes an answer and gives its slot back. A client that is gone has ended the rpc, and by that the reader.
func (s *stream) send(a answer) {
	_ = s.rpc.SendMsg(a.Message)
	a.Free()
	if s.slots != nil {
		<-s.slots
	}
}

// take counts a request as under way, unless the stream has ended.
func (s *stream) take() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return false
	}
	s.taken.Add(1)
	return true
}

// end makes the stream take no more requests. The first reason is the one that the client gets to know.
func (s *stream) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopped {
		s.stopped = true
		s.err = err
		close(s.stop)
	}
}

// fail ends the stream for a request that got no answer, which counts more than that the client has sent all of its own.
func (s *stream) fail(err error) {
	s.end(err)
	s.mu.Lock()
	defer s.mu.Unlock()
	if errors.Is(s.err, io.EOF) {
		s.err = err
	}
}

// prefetch is the number of requests of a stream under way at a time, by Jina's rules for the metadata: 0 and what is no number leave it to the
// configuration, a negative number lifts the limit. The result is 0 for no limit.
func prefetch(metadata []string, configured int) int {
	if len(metadata) == 0 {
		return configured
	}
	n, err := strconv.Atoi(metadata[len(metadata)-1])
	if err != nil || n == 0 {
		return configured
	}
	return max(n, 0)
}

func lastIs(values []string, text string) bool {
	return len(values) > 0 && strings.EqualFold(values[len(values)-1], text)
}

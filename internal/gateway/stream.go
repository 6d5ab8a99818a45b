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
	inOrder bool
	// prefetch is what the client's metadata says, by Jina's rules: 0 leaves it to the configuration, a negative number lifts the limit.
	prefetch int
	stop     chan struct{}  // closed when no more requests are to be taken
	taken    sync.WaitGroup // requests under way

	mu       sync.Mutex // guards the three below
	stopped  bool
	err      error // what ends the stream
	underway int   // requests, from before they are read
	// room tells the reader that underway, its limit, or stopped may have changed.
	room sync.Cond

	// writing holds a token while an answer is being written, and guards the two below. It is no mutex, since writing waits for the client.
	writing chan struct{}
	next    uint64                   // sequence number of the answer to be written next, in order
	waiting map[uint64]*wire.Message // answers that wait for an earlier one
}

// call serves one stream. A request that gets no answer for want of an executor ends it, as in Jina; other than there, the requests
// under way are answered first.
func (g *Gateway) call(rpc grpc.ServerStream) error {
	s := &stream{gateway: g, rpc: rpc, stop: make(chan struct{}), writing: make(chan struct{}, 1), waiting: map[uint64]*wire.Message{}}
	s.room.L = &s.mu
	md, _ := metadata.FromIncomingContext(rpc.Context())
	s.inOrder = lastIs(md.Get(wire.MetadataResultsInOrder), "true")
	s.prefetch = asked(md.Get(wire.MetadataPrefetch))
	g.addStream(s)
	defer g.removeStream(s)
	// The reader may still wait for a request when the stream ends; it takes none any more, and ends with the rpc.
	g.readers.Go(s.read)
	select {
	case <-s.stop:
	case <-g.draining:
		s.end(status.Error(codes.Unavailable, "gateway is shutting down; send what got no answer again"))
	}
	s.taken.Wait()

	s.mu.Lock()
	defer s.mu.Unlock()
	if errors.Is(s.err, io.EOF) {
		return nil
	}
	return s.err
}

func (g *Gateway) addStream(s *stream) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.streams[s] = true
}

func (g *Gateway) removeStream(s *stream) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.streams, s)
}

// limit is how many requests may be under way now; 0 is any number.
func (s *stream) limit() int {
	if s.prefetch == 0 {
		return s.gateway.current.Load().config.Prefetch
	}
	return max(s.prefetch, 0)
}

// await waits for room for one more request, and takes it. It returns false once the stream has ended.
func (s *stream) await() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.stopped {
		if limit := s.limit(); limit == 0 || s.underway < limit {
			s.underway++
			return true
		}
		s.room.Wait()
	}
	return false
}

// read takes requests until the client has sent all, or the stream ends.
func (s *stream) read() {
	for sequence := uint64(0); s.await(); sequence++ {
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
	answer, err := s.gateway.process(s.rpc.Context(), request)
	if err != nil {
		if trailer := trailerOf(err); trailer != nil {
			s.rpc.SetTrailer(trailer)
		}
		s.fail(status.Convert(err).Err())
	}
	s.writing <- struct{}{}
	defer func() { <-s.writing }()
	if !s.inOrder {
		s.write(answer)
		return
	}
	s.waiting[sequence] = answer
	for s.waiting[s.next] != nil {
		s.write(s.waiting[s.next])
		delete(s.waiting, s.next)
		s.next++
	}
}

// write writes an answer and makes room for another request. A client that is gone has ended the rpc, and by that the reader.
func (s *stream) write(answer *wire.Message) {
	_ = s.rpc.SendMsg(answer)
	answer.Free()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.underway--
	s.room.Signal()
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
		s.room.Signal()
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

// asked is the prefetch that metadata asks for, by Jina's rules: what is no number counts as 0, which leaves it to the configuration.
func asked(metadata []string) int {
	if len(metadata) == 0 {
		return 0
	}
	n, err := strconv.Atoi(metadata[len(metadata)-1])
	if err != nil {
		return 0
	}
	return n
}

func lastIs(values []string, text string) bool {
	return len(values) > 0 && strings.EqualFold(values[len(values)-1], text)
}

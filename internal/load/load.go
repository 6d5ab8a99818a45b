// Package load puts load on a flow, as several clients at a time, and measures what each of them gets.
//
// Documents are made as they are sent, and what is kept of a request is its number and time, so memory does not grow with the
// number of documents.
package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"github.com/helm-flow/helm-flow/client"
	"github.com/helm-flow/helm-flow/docarray"
)

// Config of a run.
type Config struct {
	// Target is where to, as for client.Dial.
	Target string
	// Endpoint the requests are for; empty is /default.
	Endpoint string
	// Generation of the documents; zero is docarray.V2.
	Generation docarray.Generation
	// TextBytes is the least length of a document's text.
	TextBytes int
	// Duration ends the run; 0 lets it end when every client has all its answers.
	Duration time.Duration
	Clients  []Client
	// Dial are options for every client's connection.
	Dial []grpc.DialOption
}

// Run is one load test. Report may be called at any time.
type Run struct {
	config  Config
	start   time.Time
	tallies []*tally     // one per client
	took    atomic.Int64 // nanoseconds, once Do has returned
}

// New prepares a run; its clock starts here.
func New(config Config) *Run {
	r := &Run{config: config, start: time.Now()}
	for range config.Clients {
		r.tallies = append(r.tallies, newTally(r.start))
	}
	return r
}

// Do sends until the duration is over, every client is done, or ctx ends; requests without an answer are then cancelled. A client that
// cannot go on doesn't stop the others; the error names every such client.
func (r *Run) Do(ctx context.Context) error {
	// No deadlines, neither the caller's nor the duration's: gRPC would tell them to the gateway, which may then be the first to say that it is over,
	// and no client of Jina has one.
	given := ctx
	ctx, cancel := context.WithCancel(context.WithoutCancel(given))
	defer cancel()
	defer context.AfterFunc(given, cancel)()
	if r.config.Duration > 0 {
		timer := time.AfterFunc(time.Until(r.start.Add(r.config.Duration)), cancel)
		defer timer.Stop()
	}
	errs := make([]error, len(r.config.Clients))
	var clients sync.WaitGroup
	for i, spec := range r.config.Clients {
		clients.Go(func() {
			w := worker{Client: spec, config: &r.config, tally: r.tallies[i]}
			err := w.work(ctx)
			if err != nil {
				errs[i] = fmt.Errorf("client %s: %w", spec.Name, err)
			}
			w.tally.finish(err)
		})
	}
	clients.Wait()
	r.took.Store(int64(time.Since(r.start)))
	return errors.Join(errs...)
}

func (r *Run) elapsed() time.Duration {
	if took := r.took.Load(); took > 0 {
		return time.Duration(took)
	}
	return time.Since(r.start)
}

// worker is one client at work.
type worker struct {
	Client
	config *Config
	tally  *tally
	slots  chan struct{} // one per request in flight; nil without a limit
	prefix string        // of request IDs
}

// work returns nil when all is answered or the run is over.
func (w *worker) work(ctx context.Context) error {
	if !sleepUntil(ctx, w.tally.start.Add(w.Start)) {
		return nil
	}
	c, err := client.Dial(w.config.Target, w.config.Dial...)
	if err != nil {
		return err
	}
	defer c.Close()
	streamCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.Stream(streamCtx, client.StreamOptions{Prefetch: w.Prefetch, Generation: w.config.Generation})
	if err != nil {
		return unlessOver(ctx, err)
	}
	w.prefix = client.NewID()[:16]
	if w.InFlight > 0 {
		w.slots = make(chan struct{}, w.InFlight)
	}
	sent := make(chan error, 1)
	go func() {
		err := w.send(streamCtx, stream)
		if err != nil {
			cancel()
		}
		sent <- err
	}()
	err = w.receive(stream)
	cancel()
	if sendErr := <-sent; sendErr != nil {
		err = sendErr // it is why the stream was cancelled
	}
	return unlessOver(ctx, err)
}

// unlessOver drops the errors that the end of the run makes.
func unlessOver(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// send sends every request in its time. It returns nil when the stream or ctx has ended.
func (w *worker) send(ctx context.Context, stream *client.Stream) error {
	begin := time.Now()
	for doc, n := 0, 0; w.Docs == 0 || doc < w.Docs; n++ {
		due := time.Now()
		if w.Rate > 0 {
			due = begin.Add(time.Duration(float64(n) / w.Rate * float64(time.Second)))
			if !sleepUntil(ctx, due) {
				return nil
			}
		}
		if w.slots != nil {
			select {
			case w.slots <- struct{}{}:
			case <-ctx.Done():
				return nil
			}
		}
		if w.Rate == 0 {
			due = time.Now()
		}
		size := w.RequestSize
		if w.Docs > 0 {
			size = min(size, w.Docs-doc)
		}
		request := &client.Request{Endpoint: w.config.Endpoint, Docs: w.documents(doc, size), Generation: w.config.Generation}
		request.ID = w.prefix + fmt.Sprintf("%016x", w.tally.send(due))
		doc += size
		if err := stream.Send(request); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return stream.CloseSend()
}

func (w *worker) documents(from, size int) docarray.List {
	docs := make(docarray.List, size)
	for i := range docs {
		text := "text " + strconv.Itoa(from+i)
		if pad := w.config.TextBytes - len(text); pad > 0 {
			text += strings.Repeat(".", pad)
		}
		docs[i] = &docarray.Document{ID: client.NewID(), Text: text}
	}
	return docs
}

func (w *worker) receive(stream *client.Stream) error {
	for {
		response, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		number, err := strconv.ParseUint(strings.TrimPrefix(response.ID(), w.prefix), 16, 64)
		if err != nil || !w.tally.answer(number, response.Err() != nil) {
			return fmt.Errorf("answer to request %q, which does not wait for one", response.ID())
		}
		if w.slots != nil {
			<-w.slots
		}
	}
}

// sleepUntil reports false if ctx ended first.
func sleepUntil(ctx context.Context, t time.Time) bool {
	wait := time.Until(t)
	if wait <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

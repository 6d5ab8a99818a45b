package client

import (
	"context"
	"errors"
	"io"
	"iter"

	"github.com/helm-flow/helm-flow/docarray"
)

// DefaultRequestSize is the number of documents that Jina's clients put into one request.
const DefaultRequestSize = 100

// PostOptions of one Post.
type PostOptions struct {
	StreamOptions
	// RequestSize is the number of documents per request; 0 is DefaultRequestSize, less is all in one.
	RequestSize int
	// Parameters and TargetExecutor are of every request, see [Request].
	Parameters     map[string]any
	TargetExecutor string
}

// Post sends docs to endpoint over one stream and yields the responses, each once. No documents at all are one empty request.
//
// With an [*ExecutorError] comes the response it is about, and the iteration goes on; any other error comes without a response and
// is the last thing yielded: it wraps a gRPC status, or is ctx's cause. Leaving the loop cancels what is on its way.
//
// docs is pulled as the gateway reads, in a goroutine that has ended when the iteration has. So a docs that waits for something must
// give up when ctx ends, and when the loop's body sees the last error.
func (c *Client) Post(ctx context.Context, endpoint string, docs iter.Seq[*docarray.Document], opts PostOptions) iter.Seq2[*Response, error] {
	return func(yield func(*Response, error) bool) {
		streamCtx, cancel := context.WithCancel(ctx)
		stream, err := c.Stream(streamCtx, opts.StreamOptions)
		if err != nil {
			cancel()
			yield(nil, causeOf(ctx, err))
			return
		}
		var sendErr error
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			if sendErr = stream.sendAll(endpoint, docs, &opts); sendErr != nil {
				cancel()
			}
		}()
		defer func() {
			cancel()
			<-sent
		}()
		for {
			response, err := stream.Recv()
			switch {
			case errors.Is(err, io.EOF):
				return
			case err != nil:
				// A request that could not be encoded cancelled the stream; it is the better reason.
				if streamCtx.Err() != nil && ctx.Err() == nil {
					<-sent
					err = sendErr
				}
				yield(nil, causeOf(ctx, err))
				return
			case !yield(response, response.Err()):
				return
			}
		}
	}
}

// sendAll returns nil when the stream ended early: its reason is Recv's.
func (s *Stream) sendAll(endpoint string, docs iter.Seq[*docarray.Document], opts *PostOptions) error {
	send := func(batch docarray.List) error {
		return s.Send(&Request{
			Endpoint: endpoint, TargetExecutor: opts.TargetExecutor, Parameters: opts.Parameters,
			Docs: batch, Generation: opts.Generation,
		})
	}
	size := opts.RequestSize
	if size == 0 {
		size = DefaultRequestSize
	}
	var batch docarray.List
	empty := true
	for doc := range docs {
		if s.grpc.Context().Err() != nil {
			return nil
		}
		empty = false
		batch = append(batch, doc)
		if len(batch) == size {
			if err := send(batch); err != nil {
				return ignoreEOF(err)
			}
			batch = batch[:0]
		}
	}
	if len(batch) > 0 || empty {
		if err := send(batch); err != nil {
			return ignoreEOF(err)
		}
	}
	return s.CloseSend()
}

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// causeOf prefers the reason ctx was ended for to the CANCELLED that gRPC makes of it.
func causeOf(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

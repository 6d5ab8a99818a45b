package executor

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/helm-flow/helm-flow/docarray"
)

// Builtins returns the executors that flow-executor brings.
func Builtins() []*Executor {
	return []*Executor{newEcho("echo"), newEcho("BaseExecutor"), newHeavy()}
}

// newEcho answers with the documents it got, which it never decodes: Jina's executor of a flow's node without uses.
func newEcho(class string) *Executor {
	return New(class).Concurrent().On(Default, func(context.Context, *Request) error { return nil })
}

// heavy is the executor of the Linkerd demo: it stands for a slow model, or for one with large results.
type heavy struct {
	NDim  int     `json:"n_dim"` // of the embeddings; -1 for none
	Sleep float64 `json:"sleep"` // seconds per request
}

func newHeavy() *Executor {
	h := &heavy{NDim: 256, Sleep: 3}
	return New("HeavyExecutorLinkerdDemo").With(h).On(Default, h.handle)
}

func (h *heavy) Check() error {
	const day = 24 * 60 * 60
	if h.Sleep < 0 || h.Sleep > day {
		return fmt.Errorf("sleep: is %g; expected seconds from 0 to %d", h.Sleep, day)
	}
	if h.NDim < -1 || h.NDim > 1<<20 {
		return fmt.Errorf("n_dim: is %d; expected 0 to %d, or -1 for no embeddings", h.NDim, 1<<20)
	}
	return nil
}

func (h *heavy) handle(ctx context.Context, r *Request) error {
	if h.Sleep > 0 {
		timer := time.NewTimer(time.Duration(h.Sleep * float64(time.Second)))
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if h.NDim < 0 {
		return nil
	}
	docs, err := r.Docs()
	for _, d := range docs {
		embedding := make([]float64, h.NDim)
		for i := range embedding {
			embedding[i] = rand.Float64()
		}
		d.Embedding = docarray.NewTensor(embedding)
	}
	return err
}

package executor_test

import (
	"context"
	"errors"
	"strings"

	"github.com/helm-flow/helm-flow/docarray"
	"github.com/helm-flow/helm-flow/executor"
)

// A program that serves an executor on 127.0.0.1:8080.
func Example() {
	executor.Main(executor.New("Upper").On("/upper", upper))
}

func upper(_ context.Context, r *executor.Request) error {
	docs, err := r.Docs()
	for _, d := range docs {
		d.Text = strings.ToUpper(d.Text)
	}
	return err
}

// Encoder takes n_dim from a flow's uses_with, and the client's parameters with each request.
type Encoder struct {
	NDim int `json:"n_dim"`
}

func (e *Encoder) encode(_ context.Context, r *executor.Request) error {
	scale, ok := r.Parameters["scale"].(float64)
	if !ok {
		return errors.New("parameters.scale is missing: expected a number")
	}
	docs, err := r.Docs()
	for _, d := range docs {
		v := make([]float32, e.NDim)
		for i := range v {
			v[i] = float32(scale) * float32(len(d.Text))
		}
		d.Embedding = docarray.NewTensor(v)
	}
	r.Results = map[string]any{"encoded": len(docs)}
	return err
}

// An executor with settings, several endpoints, and handlers that may run at the same time.
func Example_settings() {
	encoder := &Encoder{NDim: 8}
	executor.Main(executor.New("Encoder").With(encoder).Concurrent().
		On("/encode", encoder.encode).
		On("/upper", upper))
}

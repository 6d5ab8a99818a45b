package gateway

import (
	"errors"

	"google.golang.org/grpc/metadata"

	"github.com/helm-flow/helm-flow/internal/upstream"
)

// trailerOf returns the trailer of the executor's call that failed: as in Jina, it is the client's too.
func trailerOf(err error) metadata.MD {
	var failed *upstream.Error
	if !errors.As(err, &failed) || len(failed.Trailer) == 0 {
		return nil
	}
	trailer := failed.Trailer.Copy()
	delete(trailer, "content-type") // of an answer without a body, where header and trailer are one
	return trailer
}

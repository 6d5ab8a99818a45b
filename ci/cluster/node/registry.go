package node

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"

	"github.com/google/go-containerregistry/pkg/registry"
	"golang.org/x/sync/errgroup"
)

// registryDir holds blobs, below the node's /var. Manifests live in memory, as long as the node.
const registryDir = "/var/lib/registry"

// serveRegistry serves images to the node's container runtime and takes them from the host.
func serveRegistry(ctx context.Context, host net.Listener, address string) error {
	inside, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: registry.New(
		registry.WithBlobHandler(registry.NewDiskBlobHandler(registryDir)),
		registry.WithReferrersSupport(true),
		registry.Logger(log.New(io.Discard, "", 0)),
	)}
	defer context.AfterFunc(ctx, func() { server.Close() })()
	var group errgroup.Group
	for _, l := range []net.Listener{host, inside} {
		group.Go(func() error { return server.Serve(l) })
	}
	if err := group.Wait(); ctx.Err() == nil {
		return err
	}
	return ctx.Err()
}

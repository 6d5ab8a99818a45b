package node

import (
	"context"
	"errors"
	"io"
	"net"

	"golang.org/x/sync/errgroup"
)

// forward takes connections from a listener of the host to an address of the node, until the context ends.
func forward(ctx context.Context, from net.Listener, to string) error {
	defer context.AfterFunc(ctx, func() { from.Close() })()
	var connections errgroup.Group
	defer connections.Wait() //nolint:errcheck // they return none
	for {
		client, err := from.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return err
		}
		connections.Go(func() error {
			join(ctx, client, to)
			return nil
		})
	}
}

// join copies both ways until both sides have said all, one fails, or the context ends.
func join(ctx context.Context, client net.Conn, to string) {
	defer client.Close()
	server, err := (&net.Dialer{}).DialContext(ctx, "tcp", to)
	if err != nil {
		return // The client sees its connection closed, as it would before the server is up.
	}
	defer server.Close()
	defer context.AfterFunc(ctx, func() { client.Close(); server.Close() })()
	var both errgroup.Group
	for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
		both.Go(func() error {
			_, err := io.Copy(way[1], way[0])
			if err != nil {
				return errors.Join(err, client.Close(), server.Close())
			}
			return way[1].(*net.TCPConn).CloseWrite()
		})
	}
	_ = both.Wait()
}

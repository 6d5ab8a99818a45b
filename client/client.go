// Package client posts documents to a flow: to its gateway, or to an executor directly. It speaks gRPC as Jina 3's clients do.
//
//	c, err := client.Dial("grpc://127.0.0.1:8080")
//	…
//	defer c.Close()
//	for response, err := range c.Post(ctx, "/search", docs, client.PostOptions{}) {
//		…
//	}
//
// Post is for documents, [Client.Do] for one request, [Client.Stream] for those who send and receive by themselves.
package client

import (
	"context"
	"crypto/tls"
	"fmt"
	"math"
	"net"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/helm-flow/helm-flow/internal/wire"
	"github.com/helm-flow/helm-flow/internal/wire/jinapb"
)

// A vanished gateway is noticed within the sum of these. Python servers allow a ping every 5 s.
const (
	keepaliveTime    = 20 * time.Second
	keepaliveTimeout = 10 * time.Second
)

// Client is a connection to a gateway or an executor. It is safe for concurrent use.
type Client struct {
	conn   *grpc.ClientConn
	target string
}

// Dial returns a client of target: host:port, grpc://host[:port] (port 80) or grpcs://host[:port] (TLS with the system's roots, port 443).
// It does not connect: the first call does. The options come after the client's own and so win over them.
func Dial(target string, opts ...grpc.DialOption) (*Client, error) {
	address, secure, err := parseTarget(target)
	if err != nil {
		return nil, err
	}
	transport := insecure.NewCredentials()
	if secure {
		transport = credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS12})
	}
	conn, err := grpc.NewClient(address, append([]grpc.DialOption{
		grpc.WithTransportCredentials(transport),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: keepaliveTime, Timeout: keepaliveTimeout}),
		// Jina sets no limit in either direction.
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(math.MaxInt32), grpc.MaxCallSendMsgSize(math.MaxInt32)),
	}, opts...)...)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", target, err)
	}
	return &Client{conn: conn, target: target}, nil
}

func parseTarget(target string) (address string, secure bool, err error) {
	scheme, rest, found := strings.Cut(target, "://")
	if !found {
		scheme, rest = "grpc", target
	}
	defaultPort := "80"
	switch scheme {
	case "grpc":
	case "grpcs":
		secure, defaultPort = true, "443"
	default:
		return "", false, fmt.Errorf("target %q: scheme %q is not spoken here; use grpc://host:port, or grpcs://host:port for TLS", target, scheme)
	}
	rest = strings.TrimSuffix(rest, "/")
	host, port, err := net.SplitHostPort(rest)
	if err != nil && found && rest != "" && !strings.ContainsAny(rest, "/ :") {
		host, port, err = rest, defaultPort, nil
	}
	if err != nil || host == "" || port == "" {
		return "", false, fmt.Errorf("target %q: want host:port, for example grpc://127.0.0.1:8080", target)
	}
	return net.JoinHostPort(host, port), secure, nil
}

// Close ends the connection and every call on it.
func (c *Client) Close() error { return c.conn.Close() }

// Ready asks the gateway to send an empty request through the whole flow. It returns nil when every executor answered,
// an [*ExecutorError] when the gateway says one did not, and a gRPC status when the gateway itself could not be asked.
func (c *Client) Ready(ctx context.Context) error {
	out := new(jinapb.StatusProto)
	if err := c.conn.Invoke(ctx, wire.MethodDryRun, new(emptypb.Empty), out); err != nil {
		return fmt.Errorf("%s is not ready: %w", c.target, err)
	}
	if err := statusError("", out); err != nil {
		return fmt.Errorf("%s is not ready: %w", c.target, err)
	}
	return nil
}

// Do sends one request and waits for its answer. A response whose executor failed comes with an [*ExecutorError]; any other error,
// wrapping a gRPC status, comes without a response.
func (c *Client) Do(ctx context.Context, request *Request) (*Response, error) {
	in, err := request.encode()
	if err != nil {
		return nil, err
	}
	out := new(jinapb.DataRequestProto)
	if err := c.conn.Invoke(ctx, wire.MethodProcessSingleData, in, out); err != nil {
		return nil, fmt.Errorf("post to %s: %w", c.target, err)
	}
	response := &Response{proto: out, generation: orV2(request.Generation)}
	return response, response.Err()
}

package serve

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/helm-flow/helm-flow/internal/wire"
	"github.com/helm-flow/helm-flow/internal/wire/jinapb"
)

const commandUsage = `Without a sub-command %[1]s serves; see %[1]s --help. The sub-commands are:
  %[1]s version
  %[1]s healthcheck [--admin=127.0.0.1:9090]    whether the one that serves there is ready
  %[1]s wait-for [--timeout=60s] ADDRESS...     until all answer: grpc://HOST:PORT, http://HOST:PORT/PATH, tcp://HOST:PORT
  %[1]s check [--timeout=60s] ADDRESS           sends a request without documents through the flow behind a gateway: grpc://HOST:PORT, http://HOST:PORT
`

// command is one run of a sub-command.
type command struct {
	program string
	flags   *flag.FlagSet
	args    []string // those after its name
	stdout  io.Writer
}

var commands = map[string]func(*command, context.Context) error{
	"version":     (*command).version,
	"healthcheck": (*command).healthcheck,
	"wait-for":    (*command).waitFor,
	"check":       (*command).check,
}

// errUsage is the error of a wrong command line.
var errUsage = errors.New("wrong arguments")

// Command runs the sub-command that args begin with, and tells whether there is one: what charts use a shell for elsewhere, as
// our images have none. The exit code is 1 for what is not ready and 2 for wrong arguments.
func Command(ctx context.Context, program string, args []string, stdout, stderr io.Writer) (code int, ok bool) {
	if len(args) == 0 || commands[args[0]] == nil {
		return 0, false
	}
	c := &command{program: program, flags: flag.NewFlagSet(args[0], flag.ContinueOnError), args: args[1:], stdout: stdout}
	c.flags.SetOutput(io.Discard)
	err := commands[args[0]](c, ctx)
	switch {
	case err == nil:
		return 0, true
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintf(stderr, commandUsage, program)
		return 0, true
	case errors.Is(err, errUsage):
		fmt.Fprintf(stderr, "%s %s: %v\n"+commandUsage, program, args[0], err, program)
		return 2, true
	}
	fmt.Fprintf(stderr, "%s %s: %v\n", program, args[0], err)
	return 1, true
}

// parse reads the flags and leaves the arguments after them in c.args.
func (c *command) parse() error {
	err := c.flags.Parse(c.args)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	c.args = c.flags.Args()
	return err
}

func (c *command) version(context.Context) error {
	if err := c.parse(); err != nil {
		return err
	}
	if len(c.args) > 0 {
		return fmt.Errorf("%w: unexpected %q", errUsage, c.args[0])
	}
	_, err := fmt.Fprintf(c.stdout, "%s %s (%s, %s/%s)\n", c.program, Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

func (c *command) healthcheck(ctx context.Context) error {
	admin := c.flags.String("admin", "127.0.0.1:9090", "")
	if err := c.parse(); err != nil {
		return err
	}
	if len(c.args) > 0 {
		return fmt.Errorf("%w: unexpected %q", errUsage, c.args[0])
	}
	host, port, err := net.SplitHostPort(*admin)
	if err != nil {
		return fmt.Errorf("%w: --admin: %w; expected HOST:PORT", errUsage, err)
	}
	if host == "" { // what serves everywhere serves here
		host = "127.0.0.1"
	}
	return tryHTTP(ctx, &url.URL{Scheme: "http", Host: net.JoinHostPort(host, port), Path: "/readyz"})
}

func (c *command) waitFor(ctx context.Context) error {
	timeout := c.flags.Duration("timeout", time.Minute, "")
	if err := c.parse(); err != nil {
		return err
	}
	if len(c.args) == 0 {
		return fmt.Errorf("%w: no address to wait for", errUsage)
	}
	var addresses []*url.URL
	for _, arg := range c.args {
		address, err := url.Parse(arg)
		if err != nil || tries[address.Scheme] == nil || address.Port() == "" {
			return fmt.Errorf("%w: address %q; expected grpc://HOST:PORT, http://HOST:PORT/PATH or tcp://HOST:PORT", errUsage, arg)
		}
		addresses = append(addresses, address)
	}
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	for _, address := range addresses {
		if err := waitFor(ctx, address); err != nil {
			return err
		}
	}
	return nil
}

// check asks a gateway for its dry run.
func (c *command) check(ctx context.Context) error {
	timeout := c.flags.Duration("timeout", time.Minute, "")
	if err := c.parse(); err != nil {
		return err
	}
	if len(c.args) != 1 {
		return fmt.Errorf("%w: got %d addresses, expected one", errUsage, len(c.args))
	}
	address, err := url.Parse(c.args[0])
	if err != nil || checks[address.Scheme] == nil || address.Port() == "" {
		return fmt.Errorf("%w: address %q; expected grpc://HOST:PORT or http://HOST:PORT", errUsage, c.args[0])
	}
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	status, err := checks[address.Scheme](ctx, address)
	if err != nil {
		return err
	}
	if status.Code != jinapb.StatusProto_SUCCESS {
		return fmt.Errorf("the flow behind %s: %s", address, status.Description)
	}
	_, err = fmt.Fprintf(c.stdout, "the flow behind %s answers\n", address)
	return err
}

// checks are dry runs, by the scheme of the address.
var checks = map[string]func(context.Context, *url.URL) (*jinapb.StatusProto, error){"grpc": checkGRPC, "http": checkHTTP}

func checkGRPC(ctx context.Context, address *url.URL) (*jinapb.StatusProto, error) {
	conn, err := grpc.NewClient(address.Host, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	status := new(jinapb.StatusProto)
	return status, conn.Invoke(ctx, wire.MethodDryRun, new(emptypb.Empty), status)
}

func checkHTTP(ctx context.Context, address *url.URL) (*jinapb.StatusProto, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.JoinPath("dry_run").String(), nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	status := new(jinapb.StatusProto)
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(text, status); err != nil || answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", request.URL, answer.Status)
	}
	return status, nil
}

const (
	tryTimeout = 2 * time.Second        // of one try
	tryPause   = 100 * time.Millisecond // between two
)

// waitFor tries an address until it answers. The error is that of the last try before ctx ended.
func waitFor(ctx context.Context, address *url.URL) error {
	pause := time.NewTicker(tryPause)
	defer pause.Stop()
	var last error
	for {
		err := tries[address.Scheme](ctx, address)
		if err == nil {
			return nil
		}
		if last == nil || ctx.Err() == nil {
			last = err
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer: %w", address, last)
		}
	}
}

// tries are one try each, by the scheme of the address.
var tries = map[string]func(context.Context, *url.URL) error{"grpc": tryGRPC, "http": tryHTTP, "tcp": tryTCP}

func tryTCP(ctx context.Context, address *url.URL) error {
	conn, err := (&net.Dialer{Timeout: tryTimeout}).DialContext(ctx, "tcp", address.Host)
	if err != nil {
		return err
	}
	return conn.Close()
}

func tryHTTP(ctx context.Context, address *url.URL) error {
	client := http.Client{Timeout: tryTimeout, Transport: &http.Transport{DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return err
	}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", address, answer.Status)
	}
	return nil
}

// tryGRPC asks for gRPC's own health.
func tryGRPC(ctx context.Context, address *url.URL) error {
	conn, err := grpc.NewClient(address.Host, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	answer, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	if err != nil {
		return err
	}
	if answer.Status != grpc_health_v1.HealthCheckResponse_SERVING {
		return fmt.Errorf("health is %s", answer.Status)
	}
	return nil
}

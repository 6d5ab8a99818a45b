package plugin

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"google.golang.org/grpc"

	"github.com/helm-flow/helm-flow/internal/wire"
	"github.com/helm-flow/helm-flow/internal/wire/jinapb"
)

// An executor that fails a request has failed that request alone.
func TestPostShowsExecutorErrors(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.ForceServerCodecV2(wire.Codec{}), grpc.WaitForHandlers(true))
	wire.RegisterCall(server, failEverySecond)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})

	var stdout, stderr bytes.Buffer
	code := Main(t.Context(), &Env{
		Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, LookupEnv: os.LookupEnv,
		Args: []string{"post", listener.Addr().String(), "--request-size", "1", "--text", "one", "--text", "two", "--text", "three"},
	})
	if code != exitFailed {
		t.Errorf("exit code %d, want %d", code, exitFailed)
	}
	for _, text := range []string{"one", "three"} {
		if !strings.Contains(stdout.String(), `"text":"`+text+`"`) {
			t.Errorf("no %s in %s", text, &stdout)
		}
	}
	if strings.Contains(stdout.String(), "two") {
		t.Errorf("the failed document is in %s", &stdout)
	}
	for _, text := range []string{": executor Ranker failed: ValueError('two')\n", "Error: 1 of 3 requests failed\n"} {
		if !strings.Contains(stderr.String(), text) {
			t.Errorf("no %q in %s", text, &stderr)
		}
	}
}

func failEverySecond(stream grpc.ServerStream) error {
	for n := 1; ; n++ {
		m := new(wire.Message)
		if err := stream.RecvMsg(m); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if n%2 == 0 {
			err := m.Header.SetStatus(&jinapb.StatusProto{
				Code: jinapb.StatusProto_ERROR, Description: "ValueError('two')", Exception: &jinapb.StatusProto_ExceptionProto{Executor: "Ranker"},
			})
			if err != nil {
				return err
			}
		}
		err := stream.SendMsg(m)
		m.Free()
		if err != nil {
			return err
		}
	}
}

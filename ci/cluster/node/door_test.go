package node

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func listen(t *testing.T) *net.TCPListener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.(*net.TCPListener)
}

func startForward(t *testing.T, to string) (address string, stop func() error) {
	t.Helper()
	door := listen(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- forward(ctx, door, to) }()
	return door.Addr().String(), func() error {
		cancel()
		return <-ended
	}
}

func dial(t *testing.T, address string) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c.(*net.TCPConn)
}

// A client that has said all still hears the answer.
func TestForwardKeepsHalfClosedConnections(t *testing.T) {
	server := listen(t)
	served := make(chan error, 1)
	go func() {
		c, err := server.Accept()
		if err != nil {
			served <- err
			return
		}
		defer c.Close()
		said, err := io.ReadAll(c)
		if err == nil {
			_, err = c.Write(append([]byte("heard "), said...))
		}
		served <- err
	}()
	address, stop := startForward(t, server.Addr().String())
	client := dial(t, address)
	if _, err := client.Write([]byte("all")); err != nil {
		t.Fatal(err)
	}
	if err := client.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if answer, err := io.ReadAll(client); err != nil || string(answer) != "heard all" {
		t.Errorf("got %q, %v", answer, err)
	}
	if err := errors.Join(<-served); err != nil {
		t.Error(err)
	}
	if err := stop(); !errors.Is(err, context.Canceled) {
		t.Errorf("forward ended with %v", err)
	}
}

// A connection that nobody uses does not keep the node from ending.
func TestForwardEndsIdleConnections(t *testing.T) {
	server := listen(t)
	address, stop := startForward(t, server.Addr().String())
	client := dial(t, address)
	c, err := server.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := stop(); !errors.Is(err, context.Canceled) {
		t.Errorf("forward ended with %v", err)
	}
	if _, err := client.Read(make([]byte, 1)); err == nil {
		t.Error("the client still has its connection")
	}
}

// Before the API server listens its clients are turned away, and the door stays open.
func TestForwardToNobody(t *testing.T) {
	server := listen(t)
	server.Close()
	address, stop := startForward(t, server.Addr().String())
	for range 2 {
		if _, err := dial(t, address).Read(make([]byte, 1)); err == nil {
			t.Error("somebody answered")
		}
	}
	if err := stop(); !errors.Is(err, context.Canceled) {
		t.Errorf("forward ended with %v", err)
	}
}

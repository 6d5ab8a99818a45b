package main

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"

	"github.com/helm-flow/helm-flow/internal/wire"
	"github.com/helm-flow/helm-flow/internal/wire/jinapb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve answers requests with what answer makes of them, on streams and one by one.
func serve(t *testing.T, answer func(*wire.Message) error) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer(grpc.ForceServerCodecV2(wire.Codec{}))
	wire.RegisterCall(s, func(stream grpc.ServerStream) error {
		for {
			m, err := wire.Receive(stream)
			if err != nil {
				return err
			}
			if err := answer(m); err != nil {
				return err
			}
			if err := stream.SendMsg(m); err != nil {
				return err
			}
			m.Free()
		}
	})
	wire.RegisterSingle(s, func(_ context.Context, m *wire.Message) (*wire.Message, error) { return m, answer(m) })
	go func() { _ = s.Serve(l) }()
	t.Cleanup(s.Stop)
	return l.Addr().String()
}

func drive(t *testing.T, addr string, s shape, d time.Duration) (answers int, err error) {
	t.Helper()
	// No deadline: the server could answer with it before it is over here.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	defer time.AfterFunc(d, cancel).Stop()
	var l load
	l.noting.Store(true)
	clients, _ := l.start(ctx, addr, s)
	err = clients.Wait()
	return len(l.latencies), err
}

func TestLoadCountsAnswers(t *testing.T) {
	addr := serve(t, func(*wire.Message) error { return nil })
	for _, s := range shapes {
		t.Run(s.name, func(t *testing.T) {
			answers, err := drive(t, addr, s, 200*time.Millisecond)
			if err != nil || answers < s.clients*s.inFlight {
				t.Errorf("%d answers, %v", answers, err)
			}
		})
	}
}

// An error that came fast would look like speed.
func TestLoadStopsAtAnError(t *testing.T) {
	addr := serve(t, func(m *wire.Message) error {
		return m.Header.SetStatus(&jinapb.StatusProto{Code: jinapb.StatusProto_ERROR, Description: "no"})
	})
	for _, s := range shapes {
		t.Run(s.name, func(t *testing.T) {
			if _, err := drive(t, addr, s, time.Minute); err == nil || !strings.Contains(err.Error(), "the answer is an error") {
				t.Errorf("ended with %v", err)
			}
		})
	}
}

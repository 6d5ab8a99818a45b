package gateway

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/helm-flow/helm-flow/internal/config"
	"github.com/helm-flow/helm-flow/internal/serve"
	"github.com/helm-flow/helm-flow/internal/wire"
)

// BenchmarkHop is one request through a gateway and one executor that answers at once, client and all in this process, over loopback.
func BenchmarkHop(b *testing.B) {
	for _, size := range []int{1 << 10, 256 << 10} {
		for _, inFlight := range []int{1, 50} {
			b.Run(fmt.Sprintf("%dKiB/stream-%d", size>>10, inFlight), func(b *testing.B) { benchmarkHop(b, size, inFlight) })
		}
	}
}

func benchmarkHop(b *testing.B, size, inFlight int) {
	listen := func(register func(*grpc.Server)) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		s := serve.NewServer(testMaxBytes)
		register(s)
		done := make(chan struct{})
		go func() { defer close(done); _ = s.Serve(l) }()
		b.Cleanup(func() { s.Stop(); <-done })
		return l.Addr().String()
	}
	echo := listen(func(s *grpc.Server) {
		wire.RegisterSingle(s, func(_ context.Context, in *wire.Message) (*wire.Message, error) { return in, nil })
	})
	g, err := New(&config.Gateway{
		Retries: -1, Docarray: "auto",
		Executors: []config.Executor{{Name: "a", Needs: []string{"gateway"}, Addresses: []string{"grpc://" + echo}}},
	}, Options{Log: slog.New(slog.DiscardHandler), MaxMessageBytes: testMaxBytes})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { g.Close(context.Background()) })
	conn, err := grpc.NewClient(listen(g.Register), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(wire.Codec{}), grpc.MaxCallRecvMsgSize(1<<30)))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	request := doc("0123456789abcdef0123456789abcdef", strings.Repeat("x", size))
	stream, err := conn.NewStream(context.Background(), &wire.CallDesc, wire.MethodCall)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	slots := make(chan struct{}, inFlight)
	go func() {
		for range b.N {
			slots <- struct{}{}
			if stream.SendMsg(request) != nil {
				return
			}
		}
		_ = stream.CloseSend()
	}()
	for range b.N {
		answer, err := wire.Receive(stream)
		if err != nil {
			b.Fatal(err)
		}
		answer.Free()
		<-slots
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
}

package executor

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/helm-flow/helm-flow/docarray"
	"github.com/helm-flow/helm-flow/internal/wire"
	"github.com/helm-flow/helm-flow/internal/wire/jinapb"
)

// Virtual time: seconds pass when everybody waits.

// postAll sends n requests at the same time and returns how long each took.
func postAll(t *testing.T, conn *grpc.ClientConn, in *jinapb.DataRequestProto, n int) []time.Duration {
	t.Helper()
	begin := time.Now()
	took := make(chan time.Duration, n)
	for range n {
		go func() {
			if _, _, err := single(t, conn, in); err != nil {
				t.Error(err)
			}
			took <- time.Since(begin)
		}()
	}
	var all []time.Duration
	for range n {
		all = append(all, <-took)
	}
	return all
}

func TestRequestsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		heavy := newHeavy()
		if err := heavy.configure(map[string]any{"n_dim": -1.0, "sleep": 1.5}, nil); err != nil {
			t.Fatal(err)
		}
		conn := start(t, heavy)
		for i, took := range postAll(t, conn, request(t, "/", docarray.V1, nil), 4) {
			if want := time.Duration(i+1) * 1500 * time.Millisecond; took != want {
				t.Errorf("answer %d after %v, want %v", i, took, want)
			}
		}
	})
}

func TestTheDryRunDoesNotWaitForItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := start(t, newHeavy())
		go single(t, conn, request(t, "/", docarray.V1, nil))
		synctest.Wait()
		if took := postAll(t, conn, request(t, wire.DryRunEndpoint, docarray.V1, nil), 1)[0]; took != 0 {
			t.Errorf("took %v", took)
		}
		time.Sleep(3 * time.Second)
	})
}

func TestConcurrentExecutorsDoNotTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := start(t, New("C").Concurrent().On(Default, func(context.Context, *Request) error { time.Sleep(time.Second); return nil }))
		for i, took := range postAll(t, conn, request(t, "/", docarray.V1, nil), 4) {
			if took != time.Second {
				t.Errorf("answer %d after %v", i, took)
			}
		}
	})
}

func TestARequestThatNobodyWaitsForIsNotRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ran atomic.Int32
		conn := start(t, New("Slow").On(Default, func(context.Context, *Request) error {
			ran.Add(1)
			time.Sleep(10 * time.Second)
			return nil
		}))
		go single(t, conn, request(t, "/", docarray.V1, nil))
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := conn.Invoke(ctx, wire.MethodProcessSingleData, request(t, "/", docarray.V1, nil), new(jinapb.DataRequestProto))
		if status.Code(err) != codes.DeadlineExceeded {
			t.Errorf("got %v", err)
		}
		time.Sleep(20 * time.Second)
		if n := ran.Load(); n != 1 {
			t.Errorf("%d requests were run", n)
		}
	})
}

func TestTheDemoStopsSleepingWhenNobodyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := start(t, newHeavy())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		_ = conn.Invoke(ctx, wire.MethodProcessSingleData, request(t, "/", docarray.V1, nil), new(jinapb.DataRequestProto))
		took := postAll(t, conn, request(t, "/", docarray.V1, nil), 1)
		if all := time.Since(begin); all != 4*time.Second {
			t.Errorf("the second request was answered after %v, %v after it was sent", all, took)
		}
	})
}

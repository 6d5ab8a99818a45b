package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"google.golang.org/grpc"

	"github.com/helm-flow/helm-flow/internal/wire"
)

// sample is one measurement of one target under one shape.
type sample struct {
	perSecond float64
	p50, p99  time.Duration
	cpu       time.Duration // of the gateway, per request
	rss       int64         // of the gateway, bytes, the most that was seen
}

// rssEvery is how often memory is looked at.
const rssEvery = 50 * time.Millisecond

// measure loads t, lets it warm up and observes it for a window.
func measure(ctx context.Context, p plan, t *target, s shape) (sample, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var l load
	clients, failed := l.start(ctx, t.addr, s)
	got, err := observe(failed, p, t, &l)
	cancel()
	return got, errors.Join(clients.Wait(), err)
}

func observe(ctx context.Context, p plan, t *target, l *load) (sample, error) {
	if err := sleep(ctx, p.warmUp); err != nil {
		return sample{}, err
	}
	cpuBefore, err := t.cpu()
	if err != nil {
		return sample{}, err
	}
	begin := time.Now()
	l.noting.Store(true)
	var rss int64
	for time.Since(begin) < p.window {
		if err := sleep(ctx, rssEvery); err != nil {
			return sample{}, err
		}
		now, err := t.rss()
		if err != nil {
			return sample{}, err
		}
		rss = max(rss, now)
	}
	l.noting.Store(false)
	took := time.Since(begin)
	cpuAfter, err := t.cpu()
	if err != nil {
		return sample{}, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(l.latencies)
	if n == 0 {
		return sample{}, fmt.Errorf("no answer in %v", p.window)
	}
	slices.Sort(l.latencies)
	return sample{
		perSecond: float64(n) / took.Seconds(),
		p50:       l.latencies[n/2],
		p99:       l.latencies[n*99/100],
		cpu:       (cpuAfter - cpuBefore) / time.Duration(n),
		rss:       rss,
	}, nil
}

// flood is what happened while one client sent without waiting.
type flood struct {
	took time.Duration
	rss  []int64 // bytes, one every rssEvery
}

// floodSize is the number of requests, each of one document, that the flood sends on one stream.
const floodSize = 100_000

// floodOneStream sends floodSize requests on one stream as fast as the gateway takes them, and reads every answer.
func floodOneStream(ctx context.Context, t *target) (flood, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	conn, err := dial(t.addr)
	if err != nil {
		return flood{}, err
	}
	defer conn.Close()
	requests, err := buildRequests(1)
	if err != nil {
		return flood{}, err
	}
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, wire.MethodCall)
	if err != nil {
		return flood{}, err
	}
	begin := time.Now()
	go func() {
		for range floodSize {
			if stream.SendMsg(&requests[0]) != nil {
				return // RecvMsg says why
			}
		}
		_ = stream.CloseSend()
	}()
	received := make(chan error, 1)
	go func() { received <- receiveAll(stream) }()

	var f flood
	tick := time.NewTicker(rssEvery)
	defer tick.Stop()
	for {
		select {
		case err := <-received:
			f.took = time.Since(begin)
			return f, err
		case <-tick.C:
			now, err := t.rss()
			if err != nil {
				return f, err
			}
			f.rss = append(f.rss, now)
		}
	}
}

func receiveAll(stream grpc.ClientStream) error {
	for i := range floodSize {
		var answer raw
		err := stream.RecvMsg(&answer)
		if err == nil {
			_, err = answerID(answer)
		}
		if err != nil {
			return fmt.Errorf("after %d answers: %w", i, err)
		}
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

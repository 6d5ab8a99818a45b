package chart

import (
	"fmt"
	"testing"
)

// BenchmarkRender renders chains of executors, with the chart's loading and the check of the values.
func BenchmarkRender(b *testing.B) {
	for _, count := range []int{1, 200} {
		b.Run(fmt.Sprint(count), func(b *testing.B) {
			executors := map[string]any{}
			needs := "gateway"
			for i := range count {
				name := fmt.Sprintf("executor%03d", i)
				executors[name] = map[string]any{
					"runtime": "jina", "image": map[string]any{"repository": "me/encoder", "tag": "1"}, "usesWith": map[string]any{"model": "small"},
					"needs": []any{needs},
				}
				needs = name
			}
			for b.Loop() {
				if _, err := Render(Options{Release: "demo", Values: map[string]any{"executors": executors}}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

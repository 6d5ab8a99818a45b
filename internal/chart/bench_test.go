package chart

import "testing"

func BenchmarkRender(b *testing.B) {
	for b.Loop() {
		if _, err := Render(Options{Release: "demo"}); err != nil {
			b.Fatal(err)
		}
	}
}

package flow

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkRead reads a flow of 200 executors that say as much as people's do.
func BenchmarkRead(b *testing.B) {
	var src strings.Builder
	src.WriteString("jtype: Flow\nwith:\n  name: large\n  port: 8080\n  env: {LEVEL: info, REGION: eu}\n  timeout_send: 5000\n  monitoring: true\nexecutors:\n")
	for i := range 200 {
		fmt.Fprintf(&src, `  - name: e%d
    uses: docker://registry.example/team/executor-%d:$TAG
    needs: [e%d, gateway]
    replicas: 2
    uses_with: {size: %d, model: "all-MiniLM-L6-v2", list: [1, 2.5, true], nested: {a: b}}
    env: {MODEL: small, DEBUG: "1", TAG: "${{ ENV.TAG }}"}
    timeout_ready: 60000
    uses_requests: {/index: add, /search: find}
    when: {tags__n: {$gte: 1}}
`, i, i, max(i-1, 0), i)
	}
	text := strings.Replace(src.String(), "[e0, gateway]", "gateway", 1)
	opts := Options{LookupEnv: func(string) (string, bool) { return "v1", true }}
	b.ReportAllocs()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := Read("flow.yml", []byte(text), opts); err != nil {
			b.Fatal(err)
		}
	}
}

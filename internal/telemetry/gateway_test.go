package telemetry

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// The metrics have Jina's names and labels, as boards made for it ask for them, and tell which flow they are of.
func TestMetrics(t *testing.T) {
	executors := []Executor{{Name: "encoder", Pending: 3, Replicas: 2, Ready: 1}}
	g := NewGateway("demo", func() []Executor { return executors })
	g.Configured("abc")
	g.Begin(100)
	g.End(time.Now(), 200, true)
	g.Begin(100)
	g.End(time.Now(), 0, false)
	g.Begin(100)
	g.Calls("encoder").Observe(0.5)
	g.Calls("gone").Observe(0.5)
	g.Forget("gone")
	got := scrape(g)
	for _, line := range []string{
		`jina_receiving_request_seconds_count{flow="demo",runtime_name="gateway"} 1`,
		`jina_number_of_pending_requests{flow="demo",runtime_name="gateway"} 1`,
		`jina_successful_requests_total{flow="demo",runtime_name="gateway"} 1`,
		`jina_failed_requests_total{flow="demo",runtime_name="gateway"} 1`,
		`jina_received_request_bytes_sum{flow="demo",runtime_name="gateway"} 300`,
		`jina_request_size_bytes_sum{flow="demo",runtime_name="gateway"} 300`,
		`jina_sent_response_bytes_sum{flow="demo",runtime_name="gateway"} 200`,
		`jina_sending_request_seconds_count{deployment="encoder",flow="demo",runtime_name="gateway"} 1`,
		`flow_config_last_reload_successful{flow="demo"} 1`,
		`flow_config_info{flow="demo",hash="abc"} 1`,
		`flow_executor_pending_requests{executor="encoder",flow="demo"} 3`,
		`flow_executor_replicas{executor="encoder",flow="demo"} 2`,
		`flow_executor_ready_replicas{executor="encoder",flow="demo"} 1`,
	} {
		if !strings.Contains(got, line+"\n") {
			t.Errorf("no line %s", line)
		}
	}
	if strings.Contains(got, "gone") {
		t.Error("an executor that is gone is still told of")
	}

	g.Configured("")
	executors = nil
	got = scrape(g)
	for _, line := range []string{`flow_config_last_reload_successful{flow="demo"} 0`, `flow_config_info{flow="demo",hash="abc"} 1`} {
		if !strings.Contains(got, line+"\n") {
			t.Errorf("after a refusal: no line %s", line)
		}
	}
	if strings.Contains(got, "flow_executor") {
		t.Error("executors are told of that are none any more")
	}
}

func scrape(g *Gateway) string {
	w := httptest.NewRecorder()
	g.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return w.Body.String()
}

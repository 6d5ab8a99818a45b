// Package telemetry is what a flow's processes tell of themselves: metrics.
package telemetry

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Gateway holds the metrics of a gateway: Jina's, by Jina's names, so that boards made for it go on working, and our own, which begin with flow_. It is safe for
// concurrent use.
type Gateway struct {
	registry *prometheus.Registry

	// Jina's, with its label runtime_name. Summaries have a sum and a count.
	receiving   prometheus.Observer
	pending     prometheus.Gauge
	successful  prometheus.Counter
	failed      prometheus.Counter
	received    prometheus.Observer
	requestSize prometheus.Observer
	sent        prometheus.Observer
	sending     *prometheus.HistogramVec

	reloaded   prometheus.Gauge
	reloadedAt prometheus.Gauge
	info       *prometheus.GaugeVec
}

// runtimeName is the label that Jina's gateway has on each of its metrics.
const runtimeName = "gateway"

// NewGateway makes the metrics of the gateway of a flow. executors tells of the executors as of now, whenever metrics are read.
func NewGateway(flow string, executors func() []Executor) *Gateway {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	ours := prometheus.WrapRegistererWith(prometheus.Labels{"flow": flow}, registry)
	jinas := prometheus.WrapRegistererWith(prometheus.Labels{"runtime_name": runtimeName}, ours)
	summary := func(name, help string) prometheus.Observer {
		s := prometheus.NewSummary(prometheus.SummaryOpts{Name: name, Help: help})
		jinas.MustRegister(s)
		return s
	}
	g := &Gateway{
		registry:    registry,
		receiving:   summary("jina_receiving_request_seconds", "Time from a request to its answer, of those that were answered."),
		received:    summary("jina_received_request_bytes", "Size of requests."),
		requestSize: summary("jina_request_size_bytes", "Size of requests, by the name it had before jina_received_request_bytes."),
		sent:        summary("jina_sent_response_bytes", "Size of answers."),
		pending:     prometheus.NewGauge(prometheus.GaugeOpts{Name: "jina_number_of_pending_requests", Help: "Requests under way."}),
		successful:  prometheus.NewCounter(prometheus.CounterOpts{Name: "jina_successful_requests_total", Help: "Requests that were answered."}),
		failed:      prometheus.NewCounter(prometheus.CounterOpts{Name: "jina_failed_requests_total", Help: "Requests that failed, in an executor or for want of one."}),
		sending: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "jina_sending_request_seconds", Help: "Time of a call to an executor, tries and waiting for a replica included.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}, []string{"deployment"}),
		reloaded:   prometheus.NewGauge(prometheus.GaugeOpts{Name: "flow_config_last_reload_successful", Help: "1 if the newest configuration is the one in use, 0 if it was refused."}),
		reloadedAt: prometheus.NewGauge(prometheus.GaugeOpts{Name: "flow_config_last_reload_success_timestamp_seconds", Help: "When the configuration in use was taken."}),
		info:       prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "flow_config_info", Help: "The hash of the configuration in use; always 1."}, []string{"hash"}),
	}
	jinas.MustRegister(g.pending, g.successful, g.failed, g.sending)
	ours.MustRegister(g.reloaded, g.reloadedAt, g.info, &executorCollector{executors})
	return g
}

// Handler serves the metrics to Prometheus.
func (g *Gateway) Handler() http.Handler {
	return promhttp.HandlerFor(g.registry, promhttp.HandlerOpts{EnableOpenMetrics: true})
}

// Begin notes a request of so many bytes.
func (g *Gateway) Begin(bytes int) {
	g.pending.Inc()
	g.received.Observe(float64(bytes))
	g.requestSize.Observe(float64(bytes))
}

// End notes the end of a request that began at a time, with an answer of so many bytes.
func (g *Gateway) End(began time.Time, bytes int, ok bool) {
	g.pending.Dec()
	g.sent.Observe(float64(bytes))
	if !ok {
		g.failed.Inc()
		return
	}
	g.successful.Inc()
	g.receiving.Observe(time.Since(began).Seconds())
}

// Calls is where the times of calls to an executor are noted, in seconds.
func (g *Gateway) Calls(executor string) prometheus.Observer { return g.sending.WithLabelValues(executor) }

// Forget takes away what was noted of an executor that is gone.
func (g *Gateway) Forget(executor string) { g.sending.DeleteLabelValues(executor) }

// Configured notes the hash of the configuration that is in use from now on, or, by an empty one, that a newer one was refused.
func (g *Gateway) Configured(hash string) {
	if hash == "" {
		g.reloaded.Set(0)
		return
	}
	g.reloaded.Set(1)
	g.reloadedAt.SetToCurrentTime()
	g.info.Reset()
	g.info.WithLabelValues(hash).Set(1)
}

// Executor is what metrics tell of one executor.
type Executor struct {
	Name string
	// Pending are the requests that wait for it or are worked on by it.
	Pending int
	// Replicas are those that the gateway knows, and Ready those that it is connected to.
	Replicas, Ready int
}

// executorCollector reads the executors when metrics are asked for, as they come and go with the configuration.
type executorCollector struct{ executors func() []Executor }

var (
	pendingDesc  = prometheus.NewDesc("flow_executor_pending_requests", "Requests that wait for an executor or are worked on by it.", []string{"executor"}, nil)
	replicasDesc = prometheus.NewDesc("flow_executor_replicas", "Replicas of an executor that the gateway knows.", []string{"executor"}, nil)
	readyDesc    = prometheus.NewDesc("flow_executor_ready_replicas", "Replicas of an executor that the gateway is connected to.", []string{"executor"}, nil)
)

// Describe implements prometheus.Collector.
func (c *executorCollector) Describe(descs chan<- *prometheus.Desc) {
	descs <- pendingDesc
	descs <- replicasDesc
	descs <- readyDesc
}

// Collect implements prometheus.Collector.
func (c *executorCollector) Collect(metrics chan<- prometheus.Metric) {
	for _, e := range c.executors() {
		for desc, value := range map[*prometheus.Desc]int{pendingDesc: e.Pending, replicasDesc: e.Replicas, readyDesc: e.Ready} {
			metrics <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(value), e.Name)
		}
	}
}

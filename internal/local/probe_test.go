package local

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

func TestProbes(t *testing.T) {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/redirect":
			http.Redirect(w, r, "http://host.invalid/", http.StatusFound)
		case "/slow":
			<-r.Context().Done()
		case "/bad":
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer web.Close()
	address := strings.TrimPrefix(web.URL, "http://")
	healthy := serveHealth(t)
	nobody := loopbackAddress(freePort(t))

	for name, test := range map[string]struct {
		probe *Probe
		want  string // "" passes
	}{
		"none":                 {nil, ""},
		"HTTP":                 {&Probe{HTTP: web.URL + "/"}, ""},
		"HTTP, elsewhere":      {&Probe{HTTP: web.URL + "/redirect"}, ""},
		"HTTP, not ready":      {&Probe{HTTP: web.URL + "/bad"}, "GET " + web.URL + "/bad: 503 Service Unavailable"},
		"HTTP, too slow":       {&Probe{HTTP: web.URL + "/slow"}, "GET " + web.URL + "/slow: context deadline exceeded"},
		"HTTP, nobody":         {&Probe{HTTP: "http://" + nobody}, "connection refused"},
		"gRPC":                 {&Probe{GRPC: healthy}, ""},
		"gRPC, a service":      {&Probe{GRPC: healthy, Service: "up"}, ""},
		"gRPC, not serving":    {&Probe{GRPC: healthy, Service: "down"}, "gRPC health of " + healthy + ": NOT_SERVING"},
		"gRPC, unknown":        {&Probe{GRPC: healthy, Service: "other"}, "unknown service"},
		"gRPC, nobody":         {&Probe{GRPC: nobody}, "connection refused"},
		"gRPC, a web server":   {&Probe{GRPC: address}, "gRPC health of " + address},
		"TCP":                  {&Probe{TCP: address}, ""},
		"TCP, nobody":          {&Probe{TCP: nobody}, "connection refused"},
		"nobody waits forever": {&Probe{HTTP: web.URL + "/slow", Timeout: time.Millisecond}, "deadline exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			if test.probe != nil && test.probe.Timeout == 0 {
				test.probe.Timeout = time.Second
			}
			err := ask(t.Context(), test.probe)
			switch {
			case test.want == "" && err != nil:
				t.Error(err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("error %v, want %s", err, test.want)
			}
		})
	}
}

// serveHealth serves gRPC health; "" and "up" are serving, "down" is not.
func serveHealth(t *testing.T) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", loopback+":0")
	if err != nil {
		t.Fatal(err)
	}
	states := health.NewServer()
	states.SetServingStatus("up", healthpb.HealthCheckResponse_SERVING)
	states.SetServingStatus("down", healthpb.HealthCheckResponse_NOT_SERVING)
	server := grpc.NewServer()
	healthpb.RegisterHealthServer(server, states)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return listener.Addr().String()
}

func freePort(t *testing.T) int {
	t.Helper()
	port, err := portFinder()()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

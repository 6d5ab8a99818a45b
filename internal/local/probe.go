package local

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// Probe is a manifest's probe, with the address of the process. One of HTTP, GRPC and TCP is set.
type Probe struct {
	// HTTP is a URL that answers with a status from 200 to 399.
	HTTP string
	// GRPC is the host:port where grpc.health.v1 says that Service is serving.
	GRPC    string
	Service string
	// TCP is a host:port that accepts connections.
	TCP string

	Delay, Period, Timeout time.Duration
	// Failures and Successes in a row turn the verdict.
	Failures, Successes int
}

// newProbe reads a manifest's probe; what it leaves out has Kubernetes' defaults.
func newProbe(from *corev1.Probe, container *corev1.Container, mapped ports) (*Probe, error) {
	probe := &Probe{
		Delay:     time.Duration(from.InitialDelaySeconds) * time.Second,
		Period:    time.Duration(cmp.Or(from.PeriodSeconds, 10)) * time.Second,
		Timeout:   time.Duration(cmp.Or(from.TimeoutSeconds, 1)) * time.Second,
		Failures:  int(cmp.Or(from.FailureThreshold, 3)),
		Successes: int(cmp.Or(from.SuccessThreshold, 1)),
	}
	var port intstr.IntOrString
	switch {
	case from.HTTPGet != nil:
		port = from.HTTPGet.Port
	case from.GRPC != nil:
		port = intstr.FromInt32(from.GRPC.Port)
	case from.TCPSocket != nil:
		port = from.TCPSocket.Port
	default:
		return nil, errors.New("a probe runs a command in its container, which run cannot do")
	}
	address, err := probeAddress(port, container, mapped)
	if err != nil {
		return nil, err
	}
	switch {
	case from.HTTPGet != nil:
		probe.HTTP = strings.ToLower(cmp.Or(string(from.HTTPGet.Scheme), "http")) + "://" + address + from.HTTPGet.Path
	case from.GRPC != nil:
		probe.GRPC = address
		if from.GRPC.Service != nil {
			probe.Service = *from.GRPC.Service
		}
	default:
		probe.TCP = address
	}
	return probe, nil
}

func probeAddress(port intstr.IntOrString, container *corev1.Container, mapped ports) (string, error) {
	for _, declared := range container.Ports {
		if declared.Name == port.StrVal && port.Type == intstr.String ||
			declared.ContainerPort == port.IntVal && port.Type == intstr.Int {
			return loopbackAddress(mapped[declared.ContainerPort]), nil
		}
	}
	return "", fmt.Errorf("a probe asks port %s, which the container does not declare", port.String())
}

// budget is how long a start-up probe lets a process take.
func (p *Probe) budget() time.Duration { return p.Delay + time.Duration(p.Failures)*p.Period }

func (p *Probe) String() string {
	switch {
	case p.HTTP != "":
		return "GET " + p.HTTP
	case p.GRPC != "":
		return "gRPC health of " + p.GRPC
	}
	return "connection to " + p.TCP
}

// ask asks once. A nil probe always passes.
func ask(ctx context.Context, p *Probe) error {
	if p == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	var err error
	switch {
	case p.HTTP != "":
		err = checkHTTP(ctx, p.HTTP)
	case p.GRPC != "":
		err = checkGRPC(ctx, p.GRPC, p.Service)
	default:
		err = checkTCP(ctx, p.TCP)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", p, err)
	}
	return nil
}

// probeClient neither follows redirects nor knows of proxies: a probe asks one process on this machine.
var probeClient = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func checkHTTP(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := probeClient.Do(request)
	if err != nil {
		return errors.Unwrap(err) // without the URL, which the probe's name has
	}
	defer response.Body.Close()
	if response.StatusCode < 200 || response.StatusCode >= 400 {
		return errors.New(response.Status)
	}
	return nil
}

func checkGRPC(ctx context.Context, address, service string) error {
	conn, err := grpc.NewClient("passthrough:///"+address,
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithNoProxy())
	if err != nil {
		return err
	}
	defer conn.Close()
	answer, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{Service: service})
	if err != nil {
		return err
	}
	if answer.Status != healthpb.HealthCheckResponse_SERVING {
		return errors.New(answer.Status.String())
	}
	return nil
}

func checkTCP(ctx context.Context, address string) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return conn.Close()
}

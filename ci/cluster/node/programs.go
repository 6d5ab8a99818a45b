package node

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// Folders of the node, where Kubernetes has them by custom.
const (
	kubernetesDir = "/etc/kubernetes"
	pkiDir        = "/etc/kubernetes/pki"
	programsDir   = "/opt/cluster"
)

// runPrograms starts Kubernetes, reaps its processes, and does what programs of our own would, until the context ends.
func (s *Spec) runPrograms(ctx context.Context) error {
	var supervisor supervisor
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return supervisor.reap(ctx) })
	group.Go(func() error {
		if err := supervisor.start(s.first()...); err != nil {
			return err
		}
		// The others would give up if they found no API server.
		if err := s.waitForAPI(ctx); err != nil {
			return err
		}
		if err := supervisor.start(s.second()...); err != nil {
			return err
		}
		return s.runControllers(ctx)
	})
	return group.Wait()
}

// runControllers serves claims of volumes and, where there is no kubelet, says of pods that they run.
func (s *Spec) runControllers(ctx context.Context) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubernetesDir+"/admin.kubeconfig")
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return provisionVolumes(ctx, client) })
	if s.APIOnly {
		group.Go(func() error { return standInForKubelet(ctx, client) })
	}
	return group.Wait()
}

// first are the programs that need no API server, and the API server.
func (s *Spec) first() [][]string {
	const etcd = "http://127.0.0.1:2379"
	programs := [][]string{
		{
			programsDir + "/etcd/etcd",
			"--data-dir=/var/lib/etcd",
			"--listen-client-urls=" + etcd,
			"--advertise-client-urls=" + etcd,
			"--listen-peer-urls=http://127.0.0.1:2380",
			"--unsafe-no-fsync", // what a cluster for tests holds need not outlive the machine
			"--log-level=warn",
		},
		{
			programsDir + "/kubernetes/kube-apiserver",
			"--etcd-servers=" + etcd,
			// All addresses of the node: pods come by the one, programs of `cluster exec` by 127.0.0.1.
			"--bind-address=0.0.0.0",
			fmt.Sprintf("--secure-port=%d", s.APIPort),
			"--advertise-address=" + Address,
			"--service-cluster-ip-range=" + ServiceNet,
			"--tls-cert-file=" + pkiDir + "/apiserver.crt",
			"--tls-private-key-file=" + pkiDir + "/apiserver.key",
			"--client-ca-file=" + pkiDir + "/ca.crt",
			"--service-account-key-file=" + pkiDir + "/service-accounts.crt",
			"--service-account-signing-key-file=" + pkiDir + "/service-accounts.key",
			"--service-account-issuer=https://kubernetes.default.svc." + DNSDomain,
			"--kubelet-certificate-authority=" + pkiDir + "/ca.crt",
			"--kubelet-client-certificate=" + pkiDir + "/apiserver-kubelet-client.crt",
			"--kubelet-client-key=" + pkiDir + "/apiserver-kubelet-client.key",
			"--kubelet-preferred-address-types=InternalIP",
			"--authorization-mode=Node,RBAC",
			"--enable-admission-plugins=NodeRestriction",
			"--allow-privileged=true",
		},
	}
	if !s.APIOnly {
		programs = append(programs, []string{programsDir + "/containerd/containerd"})
	}
	return programs
}

// second are the clients of the API server.
func (s *Spec) second() [][]string {
	controllers := []string{
		programsDir + "/kubernetes/kube-controller-manager",
		"--kubeconfig=" + kubernetesDir + "/controller-manager.kubeconfig",
		"--use-service-account-credentials=true",
		"--service-account-private-key-file=" + pkiDir + "/service-accounts.key",
		"--root-ca-file=" + pkiDir + "/ca.crt",
		"--cluster-signing-cert-file=" + pkiDir + "/ca.crt",
		"--cluster-signing-key-file=" + pkiDir + "/ca.key",
		"--cluster-cidr=" + PodNet,
		"--leader-elect=false",
		// At the default rate its forty controllers take five seconds to log in.
		"--kube-api-qps=500",
		"--kube-api-burst=1000",
	}
	if s.APIOnly {
		// The node that pods seem to run on sends no heartbeat.
		return [][]string{append(controllers, "--controllers=*,-node-lifecycle-controller")}
	}
	return [][]string{
		controllers,
		{
			programsDir + "/kubernetes/kube-scheduler",
			"--kubeconfig=" + kubernetesDir + "/scheduler.kubeconfig",
			"--leader-elect=false",
		},
		{
			programsDir + "/kubernetes/kubelet",
			"--config=" + kubernetesDir + "/kubelet.yaml",
			"--kubeconfig=" + kubernetesDir + "/kubelet.kubeconfig",
			"--node-ip=" + Address,
			"--hostname-override=" + Name,
		},
		{
			programsDir + "/kubernetes/kube-proxy",
			"--config=" + kubernetesDir + "/kube-proxy.yaml",
		},
	}
}

// waitForAPI returns when the API server is ready.
func (s *Spec) waitForAPI(ctx context.Context) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for APIReady(ctx, pkiDir+"/ca.crt", s.APIPort) != nil {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// APIReady fails unless the API server at a port of 127.0.0.1 says that it is ready, which anyone may ask.
func APIReady(ctx context.Context, caFile string, port int) error {
	ca, err := os.ReadFile(caFile)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	client := &http.Client{
		Timeout:   5 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true},
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+local(port)+"/readyz", nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the API server is not ready: %s", response.Status)
	}
	return nil
}

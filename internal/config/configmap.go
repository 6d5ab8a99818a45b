package config

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// serviceAccount is where Kubernetes mounts what a process needs to talk to its API.
const serviceAccount = "/var/run/secrets/kubernetes.io/serviceaccount"

const (
	// watchFor is how long one request watches; the API server ends it then, and another follows.
	watchFor = 5 * time.Minute
	// Pauses between tries to watch, which double; those of many gateways are spread.
	leastPause = time.Second
	mostPause  = 30 * time.Second
)

// ConfigMap is one ConfigMap of the cluster that the process runs in, of which one key is a configuration. A process reads it with a plain HTTP request: Kubernetes'
// client library would double the size of the program.
type ConfigMap struct {
	namespace, name, key string
	server               *url.URL
	folder               string // of token and ca.crt
	client               *http.Client
}

// InCluster finds a ConfigMap, NAMESPACE/NAME, by what Kubernetes gives to each process that has a service account. It returns nil outside of a
// cluster.
func InCluster(reference, key string) (*ConfigMap, error) {
	host, port := os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT")
	if _, err := os.Stat(filepath.Join(serviceAccount, "token")); host == "" || errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return newConfigMap(reference, key, &url.URL{Scheme: "https", Host: net.JoinHostPort(host, port)}, serviceAccount)
}

func newConfigMap(reference, key string, server *url.URL, folder string) (*ConfigMap, error) {
	namespace, name, ok := strings.Cut(reference, "/")
	if !ok || namespace == "" || name == "" {
		return nil, fmt.Errorf("ConfigMap %q: expected NAMESPACE/NAME", reference)
	}
	authority, err := os.ReadFile(filepath.Join(folder, "ca.crt"))
	if err != nil {
		return nil, fmt.Errorf("certificate of Kubernetes' API: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(authority) {
		return nil, fmt.Errorf("certificate of Kubernetes' API: no certificate in %s", filepath.Join(folder, "ca.crt"))
	}
	transport := &http.Transport{
		TLSClientConfig:       &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:     true,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: 30 * time.Second,
		// A connection that is silently gone must not keep a change from us for long.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 10 * time.Second},
	}
	return &ConfigMap{namespace: namespace, name: name, key: key, server: server, folder: folder, client: &http.Client{Transport: transport}}, nil
}

// follow hands each text that the ConfigMap has to w, until ctx is done.
func (c *ConfigMap) follow(ctx context.Context, w *Watcher) {
	defer c.client.CloseIdleConnections()
	pause := leastPause
	said := ""
	for {
		seen, err := c.watch(ctx, w)
		w.follow(false)
		if ctx.Err() != nil {
			return
		}
		if seen {
			pause, said = leastPause, ""
		}
		if err != nil {
			if text := err.Error(); text != said { // once, not each time
				w.Log.Warn("the ConfigMap cannot be watched; its file is, which Kubernetes brings up to date within two minutes", "error", err)
				said = text
			}
			pause = min(2*pause, mostPause)
		}
		timer := time.NewTimer(pause/2 + rand.N(pause/2))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// event is a line of a watch. An ERROR's object is a Status.
type event struct {
	Type   string `json:"type"`
	Object struct {
		Data    map[string]string `json:"data"`
		Message string            `json:"message"`
	} `json:"object"`
}

// watch watches once: first comes the ConfigMap as it is, then each change. seen says whether anything came.
func (c *ConfigMap) watch(ctx context.Context, w *Watcher) (seen bool, err error) {
	response, err := c.get(ctx)
	if err != nil {
		return false, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		var status struct{ Message string }
		text, _ := io.ReadAll(io.LimitReader(response.Body, 1<<16))
		_ = json.Unmarshal(text, &status)
		return false, fmt.Errorf("ConfigMap %s/%s: %s: %s; the gateway's service account needs the verbs get, list and watch on it", c.namespace, c.name, response.Status, status.Message)
	}
	// An event is one ConfigMap, which is bounded; a watch is any number of them.
	for lines := json.NewDecoder(response.Body); ; {
		var e event
		if err := lines.Decode(&e); err != nil {
			if errors.Is(err, io.EOF) || ctx.Err() != nil {
				return seen, nil
			}
			return seen, fmt.Errorf("ConfigMap %s/%s: %w", c.namespace, c.name, err)
		}
		seen = true
		switch e.Type {
		case "ADDED", "MODIFIED":
			text, ok := e.Object.Data[c.key]
			if !ok {
				w.Log.Warn("the ConfigMap has no configuration; the old one stays", "key", c.key)
				continue
			}
			w.follow(true)
			w.takeFrom("ConfigMap", []byte(text))
		case "DELETED":
			w.Log.Warn("the ConfigMap was deleted; its last configuration stays")
		case "ERROR":
			return seen, fmt.Errorf("ConfigMap %s/%s: %s", c.namespace, c.name, e.Object.Message)
		}
	}
}

func (c *ConfigMap) get(ctx context.Context) (*http.Response, error) {
	token, err := os.ReadFile(filepath.Join(c.folder, "token")) // each time, as it is replaced before it ends
	if err != nil {
		return nil, fmt.Errorf("token for Kubernetes' API: %w", err)
	}
	u := *c.server
	u.Path = fmt.Sprintf("/api/v1/namespaces/%s/configmaps", url.PathEscape(c.namespace))
	u.RawQuery = url.Values{
		"watch": {"true"}, "fieldSelector": {"metadata.name=" + c.name}, "timeoutSeconds": {fmt.Sprint(int(watchFor.Seconds()))},
	}.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	request.Header.Set("Accept", "application/json")
	response, err := c.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("API of Kubernetes: %w", err)
	}
	return response, nil
}

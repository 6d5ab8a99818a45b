package config

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// watched is a watcher that runs, on a file laid out as the kubelet does it.
type watched struct {
	*Watcher
	t       *testing.T
	folder  string
	version int
	applied chan *Gateway
	noted   chan string
}

func watch(t *testing.T, source *ConfigMap) *watched {
	t.Helper()
	w := &watched{t: t, folder: t.TempDir(), applied: make(chan *Gateway, 100), noted: make(chan string, 100)}
	w.Watcher = &Watcher{
		Path: filepath.Join(w.folder, "gateway.yaml"), Source: source, Log: slog.New(slog.DiscardHandler),
		Apply: func(g *Gateway) error { w.applied <- g; return nil },
		Noted: func(hash string) { w.noted <- hash },
	}
	if err := os.Symlink("..data/gateway.yaml", w.Path); err != nil {
		t.Fatal(err)
	}
	w.write("prefetch: 1")
	text, err := os.ReadFile(w.Path)
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() { w.Run(t.Context(), text) })
	t.Cleanup(running.Wait) // after the test's context is done
	return w
}

// write puts a new version in place by one rename of the link ..data, as the kubelet does.
func (w *watched) write(text string) {
	w.t.Helper()
	w.version++
	version := fmt.Sprintf("..version%d", w.version)
	if err := os.Mkdir(filepath.Join(w.folder, version), 0o700); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(w.folder, version, "gateway.yaml"), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	link := filepath.Join(w.folder, "..data_tmp")
	if err := os.Symlink(version, link); err != nil {
		w.t.Fatal(err)
	}
	if err := os.Rename(link, filepath.Join(w.folder, "..data")); err != nil {
		w.t.Fatal(err)
	}
}

// next is the prefetch of the next configuration applied.
func (w *watched) next() int {
	w.t.Helper()
	select {
	case g := <-w.applied:
		return g.Prefetch
	case <-time.After(10 * time.Second):
		w.t.Fatal("nothing is applied")
		return 0
	}
}

func (w *watched) nextNoted() string {
	w.t.Helper()
	select {
	case hash := <-w.noted:
		return hash
	case <-time.After(10 * time.Second):
		w.t.Fatal("nothing is noted")
		return ""
	}
}

// A change of the file is taken whole or refused whole; a refusal is told until the file is well again.
func TestFile(t *testing.T) {
	w := watch(t, nil)
	w.write("prefetch: 2")
	if got := w.next(); got != 2 {
		t.Errorf("prefetch %d, want 2", got)
	}
	good := w.nextNoted()
	if good != Hash([]byte("prefetch: 2")) {
		t.Errorf("hash %q", good)
	}
	w.write("prefetch: -1\nretries: x")
	if hash := w.nextNoted(); hash != "" {
		t.Errorf("a bad configuration is noted as %q", hash)
	}
	if lines := strings.Join(w.Details(), "\n"); !strings.Contains(lines, "configuration "+good) || !strings.Contains(lines, "refused: the new one, from the file, is wrong") {
		t.Errorf("details:\n%s", lines)
	}
	w.write("prefetch: 3")
	if got := w.next(); got != 3 {
		t.Errorf("prefetch %d, want 3", got)
	}
	w.nextNoted()
	if lines := w.Details(); len(lines) != 1 {
		t.Errorf("details: %q", lines)
	}
	if len(w.applied) > 0 {
		t.Errorf("%d more configurations were applied", len(w.applied))
	}
}

// api is a Kubernetes API that knows one ConfigMap.
type api struct {
	t        *testing.T
	events   chan string // lines of the watch; "" ends it
	status   chan int    // of the next requests, 200 if there is none
	requests chan *http.Request
}

func newAPI(t *testing.T) (*api, *ConfigMap) {
	a := &api{t: t, events: make(chan string), status: make(chan int, 10), requests: make(chan *http.Request, 100)}
	server := httptest.NewTLSServer(a)
	t.Cleanup(server.Close)
	folder := t.TempDir()
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	for file, text := range map[string]string{"token": "secret\n", "ca.crt": string(certificate)} {
		if err := os.WriteFile(filepath.Join(folder, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	address, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	source, err := newConfigMap("flows/demo-gateway", "gateway.yaml", address, folder)
	if err != nil {
		t.Fatal(err)
	}
	return a, source
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.requests <- r
	select {
	case code := <-a.status:
		w.WriteHeader(code)
		fmt.Fprintf(w, `{"message": "configmaps is forbidden"}`)
		return
	default:
	}
	w.(http.Flusher).Flush()
	for {
		select {
		case line := <-a.events:
			if line == "" {
				return
			}
			fmt.Fprintln(w, line)
			w.(http.Flusher).Flush()
		case <-r.Context().Done():
			return
		}
	}
}

// send sends an event with the text of a configuration.
func (a *api) send(kind, text string) {
	line, err := json.Marshal(map[string]any{"type": kind, "object": map[string]any{"data": map[string]string{"gateway.yaml": text}}})
	if err != nil {
		a.t.Error(err)
	}
	select {
	case a.events <- string(line):
	case <-time.After(10 * time.Second):
		a.t.Fatal("nobody watches")
	}
}

// The ConfigMap is ahead of its file, so the file is not read while it is watched.
func TestConfigMap(t *testing.T) {
	server, source := newAPI(t)
	w := watch(t, source)
	r := <-server.requests
	if got := r.URL.Path + "?" + r.URL.Query().Get("fieldSelector"); got != "/api/v1/namespaces/flows/configmaps?metadata.name=demo-gateway" || r.URL.Query().Get("watch") != "true" {
		t.Errorf("asks for %s", r.URL)
	}
	if got := r.Header.Get("Authorization"); got != "Bearer secret" {
		t.Errorf("authorization %q", got)
	}
	server.send("ADDED", "prefetch: 1") // what it began with
	server.send("MODIFIED", "prefetch: 5")
	if got := w.next(); got != 5 {
		t.Errorf("prefetch %d, want 5", got)
	}
	w.write("prefetch: 2") // the kubelet is behind
	server.send("MODIFIED", "prefetch: 6")
	if got := w.next(); got != 6 {
		t.Errorf("prefetch %d, want 6", got)
	}
	server.send("DELETED", "prefetch: 6")
	server.events <- `{"type": "MODIFIED", "object": {"data": {}}}`
	server.events <- "" // the request has been watched long enough: another follows
	<-server.requests
	server.send("ADDED", "prefetch: 7")
	if got := w.next(); got != 7 {
		t.Errorf("after another request: prefetch %d, want 7", got)
	}
}

// Without the right to watch, the file is what counts.
func TestConfigMapForbidden(t *testing.T) {
	server, source := newAPI(t)
	server.status <- http.StatusForbidden
	w := watch(t, source)
	<-server.requests
	w.write("prefetch: 2")
	if got := w.next(); got != 2 {
		t.Errorf("prefetch %d, want 2", got)
	}
}

func TestConfigMapErrors(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		line   string
		want   string
	}{
		"forbidden": {status: http.StatusForbidden, want: "403 Forbidden: configmaps is forbidden; the gateway's service account needs the verbs get, list and watch"},
		"an error":  {line: `{"type": "ERROR", "object": {"message": "too old"}}`, want: "flows/demo-gateway: too old"},
		"no JSON":   {line: `no JSON`, want: "invalid character"},
	} {
		t.Run(name, func(t *testing.T) {
			server, source := newAPI(t)
			if test.status != 0 {
				server.status <- test.status
			} else {
				go func() { server.events <- test.line }()
			}
			_, err := source.watch(t.Context(), &Watcher{Log: slog.New(slog.DiscardHandler)})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
			source.client.CloseIdleConnections()
		})
	}
}

func TestConfigMapWithoutToken(t *testing.T) {
	_, source := newAPI(t)
	if err := os.Remove(filepath.Join(source.folder, "token")); err != nil {
		t.Fatal(err)
	}
	if _, err := source.watch(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "token") {
		t.Errorf("error %v, want one about the token", err)
	}
	for _, reference := range []string{"", "demo", "/demo", "flows/"} {
		if _, err := newConfigMap(reference, "gateway.yaml", source.server, source.folder); err == nil || !strings.Contains(err.Error(), "NAMESPACE/NAME") {
			t.Errorf("%q: %v", reference, err)
		}
	}
}

// Outside of a cluster there is no ConfigMap to watch, which is no error.
func TestInCluster(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	if source, err := InCluster("flows/demo-gateway", "gateway.yaml"); source != nil || err != nil {
		t.Errorf("got %v, %v", source, err)
	}
}

package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/helm-flow/helm-flow/client"
	"github.com/helm-flow/helm-flow/docarray"
	"github.com/helm-flow/helm-flow/images"
)

// The demo's executor in Python, on a base of Debian's packages with Jina's own, answers behind the gateway's image: all as in a cluster, without one.
func TestPythonExecutorBehindTheGateway(t *testing.T) {
	executor := freeAddress(t)
	_, port, err := net.SplitHostPort(executor)
	if err != nil {
		t.Fatal(err)
	}
	r := newRelease(t, "../..")
	r.platforms = []string{"linux/" + runtime.GOARCH}
	flow := writeConfig(t, "gateway.yaml", fmt.Sprintf("name: demo\nexecutors:\n- {name: bulky_executor, needs: [gateway], addresses: [\"grpc://%s\"]}\n", executor))
	image, pythonImage := ofThisMachine(t, buildImage(t, r, "flow-gateway")), ofThisMachine(t, buildPython(t))

	start := time.Now()
	python := startContainer(t, pythonImage, "",
		"--name", "bulky_executor", "--uses-with", `{"n_dim": 512, "sleep": 0}`, "--host", "127.0.0.1", "--port", port, "--native")
	// As an init container would.
	if err := startContainer(t, image, "", "wait-for", "--timeout=2m", "grpc://"+executor).cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	t.Logf("the executor in Python is unpacked and ready after %s", time.Since(start).Round(time.Millisecond))
	front, admin := freeAddress(t), freeAddress(t)
	gateway := startContainer(t, image, flow, "--grpc="+front, "--admin="+admin)
	if err := waitReady(t.Context(), "http://"+admin+"/readyz"); err != nil {
		t.Fatal(err)
	}
	// What a chart would use a shell for.
	gateway.exec(t, "/usr/local/bin/flow-gateway", "healthcheck", "--admin="+admin)
	if said := gateway.exec(t, "/usr/local/bin/flow-gateway", "version"); !strings.HasPrefix(said, "flow-gateway ") {
		t.Errorf("its version is %q", said)
	}

	c, err := client.Dial("grpc://" + front)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	response, err := c.Do(t.Context(), &client.Request{Generation: docarray.V1, Docs: docarray.List{{ID: "a", Text: "hello"}, {ID: "b", Text: "world"}}})
	if err != nil {
		t.Fatal(err)
	}
	docs, err := response.Docs()
	if err != nil || len(docs) != 2 {
		t.Fatalf("%d documents, %v", len(docs), err)
	}
	for i, id := range []string{"a", "b"} {
		if doc := docs[i]; doc.ID != id || doc.Embedding == nil || len(doc.Embedding.Shape) != 1 || doc.Embedding.Shape[0] != 512 {
			t.Errorf("document %d is %+v, want %s with an embedding of 512", i, doc, id)
		}
	}
	for name, c := range map[string]*container{"gateway": gateway, "Python executor": python} {
		if err := c.stop(t); err != nil {
			t.Errorf("the %s stops with %v", name, err)
		}
	}
}

// buildPython builds the demo's executor as `helm flow build --base debian` does. Layers are kept between runs.
func buildPython(t *testing.T) *images.Image {
	t.Helper()
	tools, err := filepath.Abs("../../.tools/uv/bin")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", tools+string(os.PathListSeparator)+os.Getenv("PATH"))
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	image, err := images.Build(t.Context(), images.Options{
		Dir: "../../examples/linkerd-demo/executor", Base: "debian", Platforms: []string{"linux/" + runtime.GOARCH},
		Cache: filepath.Join(cache, "helm-flow-tests"), Progress: func(string, string, bool) {}, Warn: func(text string) { t.Error(text) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := image.Close(); err != nil {
			t.Error(err)
		}
	})
	return image
}

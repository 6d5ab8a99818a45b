package plugin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"strconv"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"
)

// resources are the kinds that the test's API server knows, by group and version.
var resources = map[string][][2]string{
	"v1": {{"configmaps", "ConfigMap"}, {"namespaces", "Namespace"}, {"persistentvolumeclaims", "PersistentVolumeClaim"}, {"pods", "Pod"},
		{"secrets", "Secret"}, {"serviceaccounts", "ServiceAccount"}, {"services", "Service"}},
	"apps/v1":                      {{"deployments", "Deployment"}, {"statefulsets", "StatefulSet"}},
	"policy/v1":                    {{"poddisruptionbudgets", "PodDisruptionBudget"}},
	"autoscaling/v2":               {{"horizontalpodautoscalers", "HorizontalPodAutoscaler"}},
	"rbac.authorization.k8s.io/v1": {{"roles", "Role"}, {"rolebindings", "RoleBinding"}},
	"networking.k8s.io/v1":         {{"networkpolicies", "NetworkPolicy"}, {"ingresses", "Ingress"}},
}

// apiServer keeps objects as a Kubernetes API server does, and does nothing about them: enough for Helm to install, upgrade and list.
type apiServer struct {
	*httptest.Server

	mu      sync.Mutex // guards what follows
	objects map[string]map[string]any
	version int
}

func newAPIServer() *apiServer {
	s := &apiServer{objects: make(map[string]map[string]any)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /version", answer(map[string]any{"major": "1", "minor": "34", "gitVersion": "v1.34.0"}))
	mux.HandleFunc("GET /api", answer(map[string]any{"kind": "APIVersions", "versions": []string{"v1"}}))
	var groups []any
	for groupVersion, kinds := range resources {
		group, version, _ := strings.Cut(groupVersion, "/")
		prefix := "/apis/" + groupVersion
		if groupVersion == "v1" {
			prefix = "/api/v1"
		} else {
			v := map[string]any{"groupVersion": groupVersion, "version": version}
			groups = append(groups, map[string]any{"name": group, "versions": []any{v}, "preferredVersion": v})
		}
		var list []any
		for _, kind := range kinds {
			list = append(list, map[string]any{"name": kind[0], "kind": kind[1], "namespaced": kind[0] != "namespaces",
				"verbs": []string{"create", "delete", "get", "list", "patch", "update"}})
		}
		mux.HandleFunc("GET "+prefix, answer(map[string]any{"kind": "APIResourceList", "groupVersion": groupVersion, "resources": list}))
		mux.HandleFunc(prefix+"/", s.serve)
	}
	mux.HandleFunc("GET /openapi/v2", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/com.github.proto-openapi.spec.v2.v1.0+protobuf")
		_, _ = w.Write(noSchemas)
	})
	mux.HandleFunc("GET /apis", answer(map[string]any{"kind": "APIGroupList", "groups": groups}))
	s.Server = httptest.NewServer(mux)
	return s
}

// noSchemas is a gnostic openapi.v2.Document that describes no kind, so that clients check none: swagger, info, paths.
var noSchemas = []byte("\x0a\x032.0\x12\x06\x0a\x01x\x12\x011\x42\x00")

// kubeconfig writes the file that leads to the server.
func (s *apiServer) kubeconfig(file string) error {
	text := fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: test, users: [],
clusters: [{name: test, cluster: {server: %q}}], contexts: [{name: test, context: {cluster: test}}]}`, s.URL)
	return os.WriteFile(file, []byte(text), 0o600)
}

func answer(body any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { reply(w, http.StatusOK, body) }
}

func reply(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body)
}

func fail(w http.ResponseWriter, code int, reason, message string) {
	reply(w, code, map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code, "message": message})
}

// serve answers for /api/v1/namespaces/NAMESPACE/RESOURCE and an object of it.
func (s *apiServer) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		fail(w, http.StatusBadRequest, "BadRequest", err.Error())
		return
	}
	sent, err := decode(body)
	if err != nil {
		fail(w, http.StatusBadRequest, "BadRequest", err.Error())
		return
	}
	key := r.URL.Path
	if r.Method == http.MethodPost {
		key = path.Join(key, fmt.Sprint(metadata(sent)["name"]))
	}
	object, found := s.objects[key]
	_, list := listed(key)
	switch {
	case r.Method == http.MethodGet && list != "":
		s.list(w, r)
	case r.Method == http.MethodPost && found:
		fail(w, http.StatusConflict, "AlreadyExists", key+" already exists")
	case r.Method == http.MethodPost, r.Method == http.MethodPut, r.Method == http.MethodPatch && isApply(r):
		s.put(w, key, sent)
	case !found:
		fail(w, http.StatusNotFound, "NotFound", key+" not found")
	case r.Method == http.MethodGet:
		reply(w, http.StatusOK, object)
	case r.Method == http.MethodPatch:
		s.put(w, key, merge(object, sent))
	case r.Method == http.MethodDelete:
		delete(s.objects, key)
		reply(w, http.StatusOK, map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Success"})
	}
}

// decode reads what clients send: protobuf, JSON or YAML.
func decode(body []byte) (map[string]any, error) {
	if bytes.HasPrefix(body, []byte("k8s\x00")) {
		object, _, err := scheme.Codecs.UniversalDeserializer().Decode(body, nil, nil)
		if err != nil {
			return nil, err
		}
		if body, err = json.Marshal(object); err != nil {
			return nil, err
		}
	}
	sent := map[string]any{}
	return sent, yaml.Unmarshal(body, &sent)
}

func (s *apiServer) put(w http.ResponseWriter, key string, object map[string]any) {
	s.version++
	meta := metadata(object)
	meta["resourceVersion"] = strconv.Itoa(s.version)
	meta["uid"] = "uid-" + key
	if parts := strings.Split(key, "/namespaces/"); len(parts) == 2 {
		meta["namespace"], _, _ = strings.Cut(parts[1], "/")
	}
	if spec, ok := object["spec"].(map[string]any); ok && path.Base(path.Dir(key)) == "services" {
		spec["clusterIP"] = "10.0.0.1" // Helm 3 waits for one
	}
	s.objects[key] = object
	reply(w, http.StatusOK, object)
}

func (s *apiServer) list(w http.ResponseWriter, r *http.Request) {
	selector, err := labels.Parse(r.URL.Query().Get("labelSelector"))
	if err != nil {
		fail(w, http.StatusBadRequest, "BadRequest", err.Error())
		return
	}
	items := []any{}
	for key, object := range s.objects {
		set := labels.Set{}
		for name, value := range metadata(object)["labels"].(map[string]any) {
			set[name] = fmt.Sprint(value)
		}
		if path.Dir(key) == r.URL.Path && selector.Matches(set) {
			items = append(items, object)
		}
	}
	groupVersion, kind := listed(r.URL.Path)
	reply(w, http.StatusOK, map[string]any{"kind": kind + "List", "apiVersion": groupVersion, "metadata": map[string]any{}, "items": items})
}

// listed is the kind of the objects that a URL lists; empty for the URL of one object.
func listed(url string) (groupVersion, kind string) {
	for groupVersion, kinds := range resources {
		for _, kind := range kinds {
			if kind[0] == path.Base(url) {
				return groupVersion, kind[1]
			}
		}
	}
	return "", ""
}

func isApply(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Content-Type"), "apply-patch")
}

// metadata of an object; it always has labels.
func metadata(object map[string]any) map[string]any {
	meta, ok := object["metadata"].(map[string]any)
	if !ok {
		meta = map[string]any{}
		object["metadata"] = meta
	}
	if _, ok := meta["labels"].(map[string]any); !ok {
		meta["labels"] = map[string]any{}
	}
	return meta
}

// merge merges maps, and takes all else from patch.
func merge(object, patch map[string]any) map[string]any {
	for key, value := range patch {
		inner, isMap := value.(map[string]any)
		old, wasMap := object[key].(map[string]any)
		switch {
		case value == nil:
			delete(object, key)
		case isMap && wasMap:
			object[key] = merge(old, inner)
		default:
			object[key] = value
		}
	}
	return object
}

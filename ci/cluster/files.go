package main

import (
	"bytes"
	"embed"
	"encoding/base64"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"text/template"

	"github.com/helm-flow/helm-flow/ci/cluster/node"
	"sigs.k8s.io/yaml"
)

// files are the node's /etc, and the objects that a cluster begins with. They are templates of the values below.
//
//go:embed all:files
var files embed.FS

type values struct {
	node.Spec
	Node, Address, PodNet, DNSService, DNSDomain, StorageName string

	Architecture, Snapshotter, PauseImage, DNSImage string
}

func newValues(spec node.Spec, snapshotter string) values {
	return values{
		Spec:         spec,
		Node:         node.Name,
		Address:      node.Address,
		PodNet:       node.PodNet,
		DNSService:   node.DNSService,
		DNSDomain:    node.DNSDomain,
		StorageName:  node.StorageName,
		Architecture: runtime.GOARCH,
		Snapshotter:  snapshotter,
		PauseImage:   ownImage("pause"),
		DNSImage:     ownImage("coredns"),
	}
}

// execute fills in the template of a file.
func (v values) execute(name string) ([]byte, error) {
	t, err := template.New(filepath.Base(name)).Option("missingkey=error").ParseFS(files, name)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = t.Execute(&out, v)
	return out.Bytes(), err
}

// writeEtc lays out the node's /etc in a folder.
func (v values) writeEtc(dir string) error {
	const etc = "files/etc"
	return fs.WalkDir(files, etc, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		to := filepath.Join(dir, path[len(etc):])
		if entry.IsDir() {
			return os.MkdirAll(to, 0o755)
		}
		text, err := v.execute(path)
		if err != nil {
			return err
		}
		return os.WriteFile(to, text, 0o644)
	})
}

// writeCredentials makes a certificate authority and what it vouches for: servers, and the users that Kubernetes knows its own
// parts as.
func writeCredentials(dir string, apiPort int) error {
	pki := filepath.Join(dir, "pki")
	if err := os.MkdirAll(pki, 0o700); err != nil {
		return err
	}
	ca, err := newCA("cluster")
	if err != nil {
		return err
	}
	if err := ca.write(pki, "ca"); err != nil {
		return err
	}
	for file, s := range map[string]subject{
		"apiserver": {name: "kube-apiserver", hosts: []string{
			"localhost", "127.0.0.1", node.Address, node.APIService,
			"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc." + node.DNSDomain,
		}},
		"apiserver-kubelet-client": {name: "kube-apiserver-kubelet-client", groups: []string{"system:masters"}},
		"kubelet":                  {name: node.Name, hosts: []string{node.Name, node.Address}},
		"service-accounts":         {name: "service-accounts"},
	} {
		s.lifetime = lifetime
		pair, err := ca.issue(s)
		if err != nil {
			return err
		}
		if err := pair.write(pki, file); err != nil {
			return err
		}
	}
	for file, s := range map[string]subject{
		"admin":              {name: "admin", groups: []string{"system:masters"}},
		"controller-manager": {name: "system:kube-controller-manager"},
		"scheduler":          {name: "system:kube-scheduler"},
		"kubelet":            {name: "system:node:" + node.Name, groups: []string{"system:nodes"}},
		"kube-proxy":         {name: "system:kube-proxy"},
	} {
		s.lifetime = lifetime
		text, err := userKubeconfig(ca, s, apiPort)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, file+".kubeconfig"), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// userKubeconfig lets a user in by a certificate.
func userKubeconfig(ca keyPair, s subject, apiPort int) ([]byte, error) {
	pair, err := ca.issue(s)
	if err != nil {
		return nil, err
	}
	key, err := pair.keyPEM()
	if err != nil {
		return nil, err
	}
	return kubeconfig(ca, s.name, apiPort, map[string]any{
		"client-certificate-data": base64.StdEncoding.EncodeToString(pair.certificatePEM()),
		"client-key-data":         base64.StdEncoding.EncodeToString(key),
	})
}

// kubeconfig works on the host and in the node alike, since both have the API server at the same port of 127.0.0.1.
func kubeconfig(ca keyPair, user string, apiPort int, credentials map[string]any) ([]byte, error) {
	return yaml.Marshal(map[string]any{
		"apiVersion": "v1",
		"kind":       "Config",
		"clusters": []any{map[string]any{"name": "cluster", "cluster": map[string]any{
			"server":                     fmt.Sprintf("https://127.0.0.1:%d", apiPort),
			"certificate-authority-data": base64.StdEncoding.EncodeToString(ca.certificatePEM()),
		}}},
		"users":           []any{map[string]any{"name": user, "user": credentials}},
		"contexts":        []any{map[string]any{"name": user, "context": map[string]any{"cluster": "cluster", "user": user}}},
		"current-context": user,
	})
}

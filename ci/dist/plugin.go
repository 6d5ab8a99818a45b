package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/helm-flow/helm-flow/plugin"
	"github.com/helm-flow/helm-flow/plugins"
)

const version = plugin.Version

// file of an archive.
type file struct {
	name       string // with slashes
	content    []byte
	executable bool
}

// build gives the folder with the programs for a platform.
func (d *dist) build(ctx context.Context, p platform) (string, error) {
	if d.programs != "" {
		return filepath.Join(d.programs, p.String()), nil
	}
	dir, err := filepath.Abs(filepath.Join(d.out, "programs", p.String()))
	if err != nil {
		return "", err
	}
	// Nothing of this machine goes in: neither its folders, nor its C compiler, nor the state of its checkout.
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o", dir+string(filepath.Separator),
		"./cmd/helm-flow", "./cmd/flow-gateway", "./cmd/flow-executor")
	cmd.Dir = d.source
	cmd.Env = append(os.Environ(), "GOOS="+p.os, "GOARCH="+p.arch, "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("go build: %w", err)
	}
	return dir, nil
}

// flowFiles are those of the plugin flow.
func (d *dist) flowFiles(p platform, programs string) ([]file, error) {
	manifest, err := os.ReadFile(filepath.Join(d.source, "plugin.yaml"))
	if err != nil {
		return nil, err
	}
	// The hooks are for installs from git, which have no programs.
	manifest, _, ok := bytes.Cut(manifest, []byte("# For installs from git"))
	if !ok {
		return nil, fmt.Errorf("plugin.yaml does not say where the part for installs from git begins")
	}
	manifest = bytes.ReplaceAll(manifest, []byte("${HELM_PLUGIN_DIR}/bin/"), []byte("${HELM_PLUGIN_DIR}/"))
	files := []file{{name: "plugin.yaml", content: manifest}}
	complete := file{name: "plugin.complete", executable: true}
	if p.os == "windows" {
		complete.name = "plugin.complete.cmd"
	}
	for _, f := range []file{{name: "LICENSE"}, {name: "NOTICE"}, {name: "completion.yaml"}, complete} {
		if f.content, err = os.ReadFile(filepath.Join(d.source, f.name)); err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	for _, name := range []string{"flow-executor", "flow-gateway", "helm-flow"} {
		f, err := program(p, programs, name)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

// getterFiles are those of the plugin flow-getter.
func (d *dist) getterFiles(p platform, programs string) ([]file, error) {
	license, err := os.ReadFile(filepath.Join(d.source, "LICENSE"))
	if err != nil {
		return nil, err
	}
	f, err := program(p, programs, "helm-flow")
	return []file{{name: "plugin.yaml", content: plugins.FlowGetter}, {name: "LICENSE", content: license}, f}, err
}

func program(p platform, dir, name string) (file, error) {
	if p.os == "windows" {
		name += ".exe"
	}
	content, err := os.ReadFile(filepath.Join(dir, name))
	return file{name: name, content: content, executable: true}, err
}

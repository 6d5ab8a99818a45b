package flow

import (
	"fmt"
	"path"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// volumes are what Docker takes: SOURCE:CONTAINER[:MODE], or a path alone.
type volumes struct{ field *Field[[]Volume] }

var (
	// drive is the beginning of a folder on Windows; its colon parts nothing.
	drive      = regexp.MustCompile(`^[A-Za-z]:[\\/]`)
	volumeMode = regexp.MustCompile(`^(?:ro|rw|z|Z|cached|delegated|consistent|nocopy|r?shared|r?slave|r?private)(?:,|$)`)
)

func (t volumes) read(r *reader, key, value *yaml.Node) {
	items, ok := r.items(key, value)
	if !ok {
		return
	}
	var list []Volume
	first := map[string]bool{}
	for _, item := range items {
		text, ok := r.text(key, item)
		if !ok {
			continue
		}
		v, mode := splitVolume(text)
		v.MountPath = strings.ReplaceAll(v.MountPath, `\`, "/")
		switch {
		case v.MountPath == "" || drive.MatchString(v.MountPath) || strings.ContainsAny(v.MountPath, ":"):
			r.wrong(key, item, "CONTAINER or SOURCE:CONTAINER, with a path in the container that begins with /", "/data")
			continue
		case v.Source == "" && !path.IsAbs(v.MountPath):
			// As Docker does it for Jina: the last part of a folder of this machine, at the root.
			v.Source, v.MountPath = v.MountPath, path.Join("/", path.Base(v.MountPath))
		case !path.IsAbs(v.MountPath):
			r.wrong(key, item, "a path in the container that begins with /", "/data")
			continue
		}
		v.MountPath = path.Clean(v.MountPath)
		switch {
		case v.MountPath == "/":
			r.fault(pos(item), "a volume takes the root of the container", "a folder of its own", "write for example `volumes: /data`")
		case first[v.MountPath]:
			r.fault(pos(item), "two volumes are mounted at "+r.show(item, v.MountPath), "a folder for each", "remove one of them")
		default:
			first[v.MountPath] = true
			list = append(list, v)
		}
		if strings.HasPrefix(mode, "ro") {
			r.warn(pos(item), "ro has no effect: the volume is a claim of the executor's own, which is empty until somebody writes", "")
		}
	}
	set(r, t.field, list, key, value)
}

func splitVolume(text string) (v Volume, mode string) {
	rest := text
	prefix := drive.FindString(text)
	rest = rest[len(prefix):]
	source, target, two := strings.Cut(rest, ":")
	if !two {
		return Volume{MountPath: text}, ""
	}
	if i := strings.LastIndexByte(target, ':'); i >= 0 && volumeMode.MatchString(target[i+1:]) {
		target, mode = target[:i], target[i+1:]
	} else if volumeMode.MatchString(target) && path.IsAbs(source) && prefix == "" { // CONTAINER:MODE
		return Volume{MountPath: source}, target
	}
	return Volume{Source: prefix + source, MountPath: target}, mode
}

// gpus is a number, all, devices as Docker names them, or a map for Kubernetes.
type gpus struct{ field *Field[GPUs] }

var resourceName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$`)

const (
	expectedGPUs = "a number, all, or a map such as {amd.com/gpu: 1}"
	maxGPUs      = 1000
)

func (t gpus) read(r *reader, key, value *yaml.Node) {
	if value.Kind == yaml.MappingNode || strings.HasPrefix(strings.TrimSpace(value.Value), "{") {
		t.readMap(r, key, value)
		return
	}
	text, ok := r.scalar(key, value, expectedGPUs, "1")
	if !ok {
		return
	}
	if strings.EqualFold(text, "all") {
		set(r, t.field, GPUs{All: true}, key, value)
		return
	}
	if n, ok := decimal(text); ok && n >= 0 && n <= maxGPUs {
		set(r, t.field, GPUs{Count: n}, key, value)
		return
	}
	devices := 0
	for part := range strings.SplitSeq(text, ",") {
		switch word, option, _ := strings.Cut(strings.TrimSpace(part), "="); {
		case word == "device" && option != "":
			devices++
		case word != "runtime" && word != "capabilities" && word != "driver" || option == "":
			r.wrong(key, value, expectedGPUs, "1")
			return
		}
	}
	if devices == 0 {
		r.wrong(key, value, expectedGPUs, "1")
		return
	}
	r.warn(pos(value), fmt.Sprintf("gpus names devices: a cluster chooses them, and gives %d", devices), fmt.Sprintf("write `gpus: %d`", devices))
	set(r, t.field, GPUs{Count: devices}, key, value)
}

func (t gpus) readMap(r *reader, key, value *yaml.Node) {
	m, ok := r.mapOf(key, value)
	if !ok {
		return
	}
	counts := map[string]int{}
	for name, item := range pairs(m) {
		var count Field[int]
		within{&count, 0, maxGPUs}.read(r, name, item)
		switch {
		case !count.Set():
		case !resourceName.MatchString(name.Value):
			r.fault(pos(name), fmt.Sprintf("%q is no resource of Kubernetes", clip(name.Value)), "a name such as nvidia.com/gpu", "change it")
		case count.Value > 0:
			counts[name.Value] = count.Value
		}
	}
	set(r, t.field, GPUs{Resources: counts}, key, value)
}

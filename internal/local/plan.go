package local

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/helm-flow/helm-flow/internal/chart"
)

const loopback = "127.0.0.1"

// What the chart calls the things that a run must tell apart.
const (
	componentLabel   = "app.kubernetes.io/component"
	gatewayComponent = "gateway"
	nodeAnnotation   = "helm-flow.github.io/node"
	doorPort         = "grpc"
)

// Plan is what runs on a laptop in place of the rendered pods. It is made before anything is started or written.
type Plan struct {
	// Door is where clients reach the gateway, host:port.
	Door      string
	Executors []Process
	Gateway   Process
	// Files are the ConfigMaps that the processes read, by path.
	Files map[string]string
}

// Process is a pod as a process.
type Process struct {
	// Name of the flow's node; with a number where the node has replicas.
	Name string
	// Command is the program with its arguments, as the manifest has them until they are resolved.
	Command []string
	// Env are NAME=value: the manifest's variables until they are resolved, then all.
	Env []string
	Dir string

	// Startup must pass before the others are asked; nil ones are not in the manifest.
	Startup, Readiness, Liveness *Probe
	// Grace is the time between SIGTERM and SIGKILL.
	Grace time.Duration
}

// processes are all of the plan, the gateway last.
func (p *Plan) processes() []*Process {
	var all []*Process
	for i := range p.Executors {
		all = append(all, &p.Executors[i])
	}
	return append(all, &p.Gateway)
}

func (p *Plan) names() []string {
	var names []string
	for _, process := range p.processes() {
		names = append(names, process.Name)
	}
	return names
}

// pod is a workload's pod template, with the ports of each replica.
type pod struct {
	name      string
	labels    labels.Set
	namespace string
	spec      *corev1.PodSpec
	container *corev1.Container
	gateway   bool
	replicas  []ports
}

// ports are loopback ports by container port.
type ports map[int32]int

// newPlan plans the processes for manifests. Files are to be laid out in dir; freePort gives a loopback port nobody uses,
// another one each time.
func newPlan(manifests []chart.Manifest, dir string, freePort func() (int, error)) (*Plan, error) {
	p := &planner{dir: dir, freePort: freePort, configMaps: make(map[string]*corev1.ConfigMap)}
	for _, m := range manifests {
		if err := p.add(m); err != nil {
			return nil, fmt.Errorf("%s: %w", m.Source, err)
		}
	}
	return p.plan()
}

type planner struct {
	dir        string
	freePort   func() (int, error)
	configMaps map[string]*corev1.ConfigMap
	services   []*corev1.Service
	pods       []*pod
}

// add sorts a manifest in. What has no meaning on a laptop, such as a ServiceAccount, is left out.
func (p *planner) add(m chart.Manifest) error {
	switch object := m.Object.(type) {
	case *corev1.ConfigMap:
		p.configMaps[object.Name] = object
	case *corev1.Service:
		p.services = append(p.services, object)
	case *appsv1.Deployment:
		return p.addPods(object.ObjectMeta, object.Spec.Replicas, &object.Spec.Template)
	case *appsv1.StatefulSet:
		return p.addPods(object.ObjectMeta, object.Spec.Replicas, &object.Spec.Template)
	}
	return nil
}

func (p *planner) addPods(meta metav1.ObjectMeta, replicas *int32, template *corev1.PodTemplateSpec) error {
	w := &pod{
		name:      cmp.Or(template.Annotations[nodeAnnotation], meta.Name),
		labels:    template.Labels,
		namespace: meta.Namespace,
		spec:      &template.Spec,
		gateway:   template.Labels[componentLabel] == gatewayComponent,
	}
	if len(w.spec.Containers) != 1 || len(w.spec.InitContainers) != 0 {
		return fmt.Errorf("%s has more than one container, which run cannot start", meta.Name)
	}
	w.container = &w.spec.Containers[0]
	count := 1
	// The gateway has one door, however many replicas it has in a cluster.
	if replicas != nil && !w.gateway {
		count = int(*replicas)
	}
	for range count {
		mapped := make(ports)
		for _, port := range w.container.Ports {
			free, err := p.freePort()
			if err != nil {
				return err
			}
			mapped[port.ContainerPort] = free
		}
		w.replicas = append(w.replicas, mapped)
	}
	p.pods = append(p.pods, w)
	return nil
}

func (p *planner) plan() (*Plan, error) {
	gateway := slices.IndexFunc(p.pods, func(w *pod) bool { return w.gateway })
	if gateway < 0 {
		return nil, errors.New("the chart rendered no gateway")
	}
	plan := &Plan{Files: make(map[string]string)}
	if err := p.openDoor(plan, p.pods[gateway]); err != nil {
		return nil, err
	}
	for _, w := range p.pods {
		for i := range w.replicas {
			process, err := p.process(w, i, plan.Files)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", w.name, err)
			}
			if w.gateway {
				plan.Gateway = process
			} else {
				plan.Executors = append(plan.Executors, process)
			}
		}
	}
	return plan, nil
}

// openDoor gives the gateway's gRPC port the number of its Service's port, which is the one that users set.
func (p *planner) openDoor(plan *Plan, gateway *pod) error {
	for _, service := range p.services {
		for _, port := range service.Spec.Ports {
			target, ok := gateway.target(service, port)
			if ok && target.Name == doorPort {
				gateway.replicas[0][target.ContainerPort] = int(port.Port)
				plan.Door = loopbackAddress(int(port.Port))
			}
		}
	}
	if plan.Door == "" {
		return fmt.Errorf("the chart rendered no Service for the gateway's port %q", doorPort)
	}
	return nil
}

// target is the container port that a port of service leads to, if service selects the pod.
func (w *pod) target(service *corev1.Service, port corev1.ServicePort) (corev1.ContainerPort, bool) {
	if service.Namespace != w.namespace || len(service.Spec.Selector) == 0 ||
		!labels.SelectorFromSet(service.Spec.Selector).Matches(w.labels) {
		return corev1.ContainerPort{}, false
	}
	for _, candidate := range w.container.Ports {
		switch {
		case port.TargetPort.StrVal != "" && candidate.Name == port.TargetPort.StrVal,
			port.TargetPort.StrVal == "" && candidate.ContainerPort == cmp.Or(port.TargetPort.IntVal, port.Port):
			return candidate, true
		}
	}
	return corev1.ContainerPort{}, false
}

// process plans replica i of w, and adds the files it reads to files.
func (p *planner) process(w *pod, i int, files map[string]string) (Process, error) {
	container, mapped := w.container, w.replicas[i]
	process := Process{Name: w.name, Dir: container.WorkingDir, Grace: 30 * time.Second}
	if len(w.replicas) > 1 {
		process.Name = fmt.Sprintf("%s-%d", w.name, i)
	}
	if seconds := w.spec.TerminationGracePeriodSeconds; seconds != nil {
		process.Grace = time.Duration(*seconds) * time.Second
	}
	mounts, err := p.layOut(w, files)
	if err != nil {
		return Process{}, err
	}
	env, err := environment(w, process.Name)
	if err != nil {
		return Process{}, err
	}
	for _, name := range slices.Sorted(maps.Keys(env)) {
		process.Env = append(process.Env, name+"="+env[name])
	}
	for _, arg := range slices.Concat(container.Command, container.Args) {
		process.Command = append(process.Command, remapPort(mounts.replace(expand(arg, env)), mapped))
	}
	for to, from := range map[**Probe]*corev1.Probe{
		&process.Startup:   container.StartupProbe,
		&process.Readiness: container.ReadinessProbe,
		&process.Liveness:  container.LivenessProbe,
	} {
		if from == nil {
			continue
		}
		if *to, err = newProbe(from, container, mapped); err != nil {
			return Process{}, err
		}
	}
	return process, nil
}

// layOut adds the ConfigMaps that w mounts to files, and gives the folder that stands for each mount path.
func (p *planner) layOut(w *pod, files map[string]string) (mounts, error) {
	folders := make(mounts)
	for _, mount := range w.container.VolumeMounts {
		i := slices.IndexFunc(w.spec.Volumes, func(v corev1.Volume) bool { return v.Name == mount.Name })
		if i < 0 {
			return nil, fmt.Errorf("volume %q is mounted but not declared", mount.Name)
		}
		volume := w.spec.Volumes[i]
		switch {
		case volume.EmptyDir != nil:
			continue
		case volume.ConfigMap == nil:
			return nil, fmt.Errorf("volume %q is no ConfigMap, which run cannot mount", mount.Name)
		}
		configMap, ok := p.configMaps[volume.ConfigMap.Name]
		if !ok {
			return nil, fmt.Errorf("volume %q: no ConfigMap %q was rendered", mount.Name, volume.ConfigMap.Name)
		}
		folder := filepath.Join(p.dir, configMap.Name)
		folders[mount.MountPath] = filepath.Join(folder, mount.SubPath)
		for key, text := range configMap.Data {
			rewritten, err := p.rewriteAddresses(text)
			if err != nil {
				return nil, fmt.Errorf("ConfigMap %s, %s: %w", configMap.Name, key, err)
			}
			files[filepath.Join(folder, key)] = rewritten
		}
	}
	return folders, nil
}

func loopbackAddress(port int) string { return net.JoinHostPort(loopback, strconv.Itoa(port)) }

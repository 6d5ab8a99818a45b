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
)

// Plan is what runs on a laptop in place of the rendered pods. It is made before anything is started or written.
type Plan struct {
	// Doors are where clients reach the gateway; at least one.
	Doors     []Door
	Executors []Process
	Gateway   Process
	// Files are the ConfigMaps that the processes read, by path.
	Files map[string]string
	// Folders are the claims that the processes keep their state in.
	Folders []string
}

// Door is where clients reach the gateway.
type Door struct {
	// Protocol is the name of the gateway's port: grpc, http or websocket.
	Protocol string
	// Address is host:port.
	Address string
}

func (d Door) String() string { return d.Protocol + "://" + d.Address }

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
	claims    []string // names of volumes that each replica has a claim for
	gateway   bool
	replicas  []ports
}

// ports are loopback ports by container port.
type ports map[int32]int

// newPlan plans the processes for manifests. Files are to be laid out in dir, which ends with the run, and claims in dataDir, which stays; freePort gives a
// loopback port nobody uses, another one each time.
func newPlan(manifests []chart.Manifest, dir, dataDir string, freePort func() (int, error)) (*Plan, error) {
	p := &planner{dir: dir, dataDir: dataDir, freePort: freePort, configMaps: make(map[string]*corev1.ConfigMap)}
	for _, m := range manifests {
		if err := p.add(m); err != nil {
			return nil, fmt.Errorf("%s: %w", m.Source, err)
		}
	}
	return p.plan()
}

type planner struct {
	dir        string
	dataDir    string
	freePort   func() (int, error)
	configMaps map[string]*corev1.ConfigMap
	services   []*corev1.Service
	pods       []*pod
}

// add sorts a manifest in. What has no meaning on a laptop, such as a ServiceAccount, is left out.
func (p *planner) add(m chart.Manifest) error {
	object, err := m.Object()
	if err != nil {
		return err
	}
	switch object := object.(type) {
	case *corev1.ConfigMap:
		p.configMaps[object.Name] = object
	case *corev1.Service:
		p.services = append(p.services, object)
	case *appsv1.Deployment:
		return p.addPods(object.ObjectMeta, object.Spec.Replicas, &object.Spec.Template, nil)
	case *appsv1.StatefulSet:
		return p.addPods(object.ObjectMeta, object.Spec.Replicas, &object.Spec.Template, object.Spec.VolumeClaimTemplates)
	}
	return nil
}

func (p *planner) addPods(meta metav1.ObjectMeta, replicas *int32, template *corev1.PodTemplateSpec, claims []corev1.PersistentVolumeClaim) error {
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
	for _, claim := range claims {
		w.claims = append(w.claims, claim.Name)
	}
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
	if plan.Doors = p.openDoors(p.pods[gateway]); len(plan.Doors) == 0 {
		return nil, errors.New("the chart rendered no Service for the gateway's ports")
	}
	for _, w := range p.pods {
		for i := range w.replicas {
			process, err := p.process(w, i, plan)
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

// openDoors gives the gateway's ports the numbers of its Service's ports, which are those that users set.
func (p *planner) openDoors(gateway *pod) []Door {
	var doors []Door
	for _, service := range p.services {
		for _, port := range service.Spec.Ports {
			if target, ok := gateway.target(service, port); ok {
				gateway.replicas[0][target.ContainerPort] = int(port.Port)
				doors = append(doors, Door{target.Name, loopbackAddress(int(port.Port))})
			}
		}
	}
	return doors
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

// process plans replica i of w, and adds what it reads and keeps to the plan.
func (p *planner) process(w *pod, i int, plan *Plan) (Process, error) {
	container, mapped := w.container, w.replicas[i]
	process := Process{Name: w.name, Dir: container.WorkingDir, Grace: 30 * time.Second}
	if len(w.replicas) > 1 {
		process.Name = fmt.Sprintf("%s-%d", w.name, i)
	}
	if seconds := w.spec.TerminationGracePeriodSeconds; seconds != nil {
		process.Grace = time.Duration(*seconds) * time.Second
	}
	mounts, err := p.layOut(w, i, plan)
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
		arg, err := p.rewriteArgument(expand(arg, env))
		if err != nil {
			return Process{}, err
		}
		process.Command = append(process.Command, remapPort(mounts.replace(arg), mapped))
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

// layOut adds the ConfigMaps that w mounts and the claims of its replica i to the plan, and gives the folder that stands for each mount path.
func (p *planner) layOut(w *pod, i int, plan *Plan) (mounts, error) {
	folders := make(mounts)
	for _, mount := range w.container.VolumeMounts {
		if slices.Contains(w.claims, mount.Name) {
			folder := filepath.Join(p.dataDir, fmt.Sprintf("%s-%d", w.name, i), mount.Name)
			folders[mount.MountPath] = folder
			plan.Folders = append(plan.Folders, folder)
			continue
		}
		v := slices.IndexFunc(w.spec.Volumes, func(v corev1.Volume) bool { return v.Name == mount.Name })
		if v < 0 {
			return nil, fmt.Errorf("volume %q is mounted but not declared", mount.Name)
		}
		volume := w.spec.Volumes[v]
		switch {
		case volume.EmptyDir != nil, isToken(volume):
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
			plan.Files[filepath.Join(folder, key)] = rewritten
		}
	}
	return folders, nil
}

// isToken tells whether a volume is the way to Kubernetes' API, which is not here.
func isToken(v corev1.Volume) bool {
	return v.Projected != nil && slices.ContainsFunc(v.Projected.Sources, func(s corev1.VolumeProjection) bool { return s.ServiceAccountToken != nil })
}

func loopbackAddress(port int) string { return net.JoinHostPort(loopback, strconv.Itoa(port)) }

package node

import (
	"context"
	"fmt"
	"log"
	"net/netip"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// standIn does to pods what scheduler and kubelet would do if all went well: it binds them, says that their containers run or, if
// they are not to be started again, have succeeded, and finishes deletions. A pod with an image of the host .invalid, which no
// registry can be, waits for that image for ever. (KWOK does this for thousands of nodes; it takes minutes to build.)
type standIn struct {
	client kubernetes.Interface
	last   netip.Addr // of the addresses given to pods
}

// resync is when all pods are looked at again, as a step can fail with no event to follow.
const resync = time.Second

// standInForKubelet serves pods until the context ends.
func standInForKubelet(ctx context.Context, client kubernetes.Interface) error {
	_, err := client.CoreV1().Nodes().Create(ctx, &v1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: Name, Labels: map[string]string{v1.LabelHostname: Name}},
		Status:     v1.NodeStatus{Conditions: []v1.NodeCondition{{Type: v1.NodeReady, Status: v1.ConditionTrue, Reason: "StandIn"}}},
	}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	s := &standIn{client: client, last: netip.MustParsePrefix(PodNet).Addr()}
	factory := informers.NewSharedInformerFactory(client, resync)
	look := func(object any) {
		pod := object.(*v1.Pod)
		if err := s.step(ctx, pod); err != nil && ctx.Err() == nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			log.Printf("stand-in: pod %s/%s: %v", pod.Namespace, pod.Name, err)
		}
	}
	_, err = factory.Core().V1().Pods().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    look,
		UpdateFunc: func(_, pod any) { look(pod) },
	})
	if err != nil {
		return err
	}
	factory.Start(ctx.Done())
	<-ctx.Done()
	factory.Shutdown()
	return ctx.Err()
}

// step does the next thing for a pod, if there is one.
func (s *standIn) step(ctx context.Context, pod *v1.Pod) error {
	pods := s.client.CoreV1().Pods(pod.Namespace)
	switch {
	case pod.DeletionTimestamp != nil:
		options := metav1.NewPreconditionDeleteOptions(string(pod.UID))
		options.GracePeriodSeconds = new(int64)
		return pods.Delete(ctx, pod.Name, *options)
	case pod.Spec.NodeName == "" && len(pod.Spec.SchedulingGates) == 0:
		return pods.Bind(ctx, &v1.Binding{
			ObjectMeta: metav1.ObjectMeta{Name: pod.Name, UID: pod.UID},
			Target:     v1.ObjectReference{Kind: "Node", Name: Name},
		}, metav1.CreateOptions{})
	case pod.Spec.NodeName != Name || pod.Status.StartTime != nil:
		return nil
	}
	pod = pod.DeepCopy()
	s.setStatus(&pod.Status, &pod.Spec)
	_, err := pods.UpdateStatus(ctx, pod, metav1.UpdateOptions{})
	return err
}

// setStatus makes the status of a pod that has just been bound what it will be.
func (s *standIn) setStatus(status *v1.PodStatus, spec *v1.PodSpec) {
	now := metav1.Now()
	s.last = s.last.Next()
	status.StartTime = &now
	status.HostIP = Address
	status.PodIP = s.last.String()
	status.PodIPs = []v1.PodIP{{IP: status.PodIP}}

	running := v1.ContainerState{Running: &v1.ContainerStateRunning{StartedAt: now}}
	succeeded := v1.ContainerState{Terminated: &v1.ContainerStateTerminated{Reason: "Completed", StartedAt: now, FinishedAt: now}}
	state, phase, ready := running, v1.PodRunning, v1.ConditionTrue
	if spec.RestartPolicy != v1.RestartPolicyAlways {
		state, phase, ready = succeeded, v1.PodSucceeded, v1.ConditionFalse
	}
	for _, c := range spec.Containers {
		if invalidImage(c.Image) {
			phase, ready = v1.PodPending, v1.ConditionFalse
		}
	}
	status.Phase = phase
	status.InitContainerStatuses = nil
	for _, c := range spec.InitContainers {
		initialised := succeeded
		if c.RestartPolicy != nil && *c.RestartPolicy == v1.ContainerRestartPolicyAlways {
			initialised = state // a sidecar
		}
		status.InitContainerStatuses = append(status.InitContainerStatuses, containerStatus(c, initialised))
	}
	status.ContainerStatuses = nil
	for _, c := range spec.Containers {
		status.ContainerStatuses = append(status.ContainerStatuses, containerStatus(c, state))
	}
	for _, kind := range []v1.PodConditionType{v1.PodInitialized, v1.ContainersReady, v1.PodReady} {
		condition := v1.PodCondition{Type: kind, Status: ready, LastTransitionTime: now}
		if kind == v1.PodInitialized {
			condition.Status = v1.ConditionTrue
		}
		status.Conditions = append(status.Conditions, condition)
	}
}

func containerStatus(c v1.Container, state v1.ContainerState) v1.ContainerStatus {
	if invalidImage(c.Image) {
		state = v1.ContainerState{Waiting: &v1.ContainerStateWaiting{
			Reason:  "ImagePullBackOff",
			Message: fmt.Sprintf("Back-off pulling image %q", c.Image),
		}}
	}
	started := state.Running != nil
	return v1.ContainerStatus{Name: c.Name, Image: c.Image, State: state, Ready: started, Started: &started}
}

func invalidImage(image string) bool {
	host, _, _ := strings.Cut(image, "/")
	return strings.HasSuffix(host, ".invalid")
}

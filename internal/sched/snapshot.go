package sched

import (
	"slices"
	"strings"
	"time"
)

// Snapshot is what a scheduler does at a moment.
type Snapshot struct {
	Mode    Mode
	Pools   []PoolStatus   // by name
	Tenants []TenantStatus // by name
}

// PoolStatus is what goes on at an executor.
type PoolStatus struct {
	Name string
	// Slots of each replica, whether they were learned, and when and why they last changed.
	Slots   int
	Learned bool
	Changed time.Time
	Reason  string
	// Window is how many requests are sent to a replica per slot.
	Window   int
	Replicas []ReplicaStatus
	// Service is the mean time that a slot is taken by a request; 0 is not known yet.
	Service time.Duration
	// Waiting and InService are requests; Backlog is how long what waits keeps all slots busy.
	Waiting, InService int
	Backlog            time.Duration
	// Flows are the tenants that have been here, by name.
	Flows []FlowStatus
}

// ReplicaStatus is what goes on at a replica.
type ReplicaStatus struct {
	Name string
	// Slots is not the executor's if another number is being tried out.
	Slots, InFlight int
	Paused          bool
}

// FlowStatus is a tenant at an executor.
type FlowStatus struct {
	Tenant             Identity
	Waiting, InService int
	// Oldest is how long the first of those waiting has.
	Oldest time.Duration
	// Used is executor-seconds in all, Share the part of what all tenants used in about the last 15 seconds.
	Used    time.Duration
	Share   float64
	Refused Refusals
}

// Refusals counts by Reason.
type Refusals [reasons]uint64

// TenantStatus is what a tenant has in the gateway.
type TenantStatus struct {
	Tenant   Identity
	Requests int // under way
	Bytes    int64
	// Blocked is streams that may not take in requests for want of room.
	Blocked int
	Refused Refusals
}

// Snapshot returns what goes on. Pools are looked at one after the other, and long ones in parts, so that nobody waits for it.
func (s *Scheduler) Snapshot() Snapshot {
	s.mu.Lock()
	snapshot := Snapshot{Mode: s.config.Mode}
	pools := slices.Clone(s.pools)
	for _, t := range s.tenants {
		status := TenantStatus{Tenant: t.id, Requests: t.held, Bytes: t.bytes, Blocked: t.readers.Len()}
		for i := range status.Refused {
			status.Refused[i] = t.refused[i].Load()
		}
		snapshot.Tenants = append(snapshot.Tenants, status)
	}
	s.mu.Unlock()
	for _, p := range pools {
		if p != nil {
			snapshot.Pools = append(snapshot.Pools, p.status())
		}
	}
	slices.SortFunc(snapshot.Pools, func(a, b PoolStatus) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(snapshot.Tenants, func(a, b TenantStatus) int { return compare(a.Tenant, b.Tenant) })
	return snapshot
}

func compare(a, b Identity) int {
	if n := strings.Compare(a.Name, b.Name); n != 0 || a.Known == b.Known {
		return n
	}
	if a.Known {
		return -1
	}
	return 1
}

// part is how many flows are looked at without letting go of the mutex.
const part = 512

func (p *Pool) status() PoolStatus {
	p.mu.Lock()
	s := p.replicas
	status := PoolStatus{
		Name: p.name, Slots: s.slots, Learned: !s.given, Changed: p.clock.time(s.changed), Reason: s.reason, Window: s.window,
		Service: duration(p.service.mean), Waiting: p.waiting, InService: p.inService,
	}
	for _, r := range s.all {
		status.Replicas = append(status.Replicas, ReplicaStatus{r.Name, r.slots, r.inFlight, r.paused})
	}
	if slots := p.source.capacity(); slots > 0 {
		var docs int64
		for i := range p.roots {
			docs += p.roots[i].docs
		}
		status.Backlog = duration(float64(docs) * p.perDoc.mean / float64(slots))
	}
	all := 0.0
	for i := 0; i < len(p.listed); i++ {
		if i%part == part-1 {
			p.mu.Unlock()
			p.mu.Lock()
			if i >= len(p.listed) {
				break
			}
		}
		now := p.clock.now()
		f := p.listed[i]
		flow := FlowStatus{
			Tenant: f.tenant.id, Waiting: f.waiting, InService: f.inService, Used: duration(f.used.total), Share: f.used.lately(now), Refused: f.refused,
		}
		if w := f.arrivals.head; w != nil {
			flow.Oldest = time.Duration(now - w.arrived)
		}
		all += flow.Share
		status.Flows = append(status.Flows, flow)
	}
	p.mu.Unlock()
	for i := range status.Flows {
		if all > 0 {
			status.Flows[i].Share /= all
		}
	}
	slices.SortFunc(status.Flows, func(a, b FlowStatus) int { return compare(a.Tenant, b.Tenant) })
	return status
}

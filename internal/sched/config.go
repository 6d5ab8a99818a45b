package sched

import (
	"errors"
	"fmt"
	"time"
)

// Config of a Scheduler. The zero value is fair, with equal weights and without limits.
type Config struct {
	Mode Mode
	// Tenants by name: those with settings of their own.
	Tenants map[string]Settings
	// Default is for tenants that are known but not listed.
	Default Settings
	// Unknown is for the identities that nobody vouches for, all of them together.
	Unknown Settings
	Limits  Limits
}

// Mode is how requests of different tenants are ordered.
type Mode uint8

const (
	// Fair shares executor-seconds between tenants.
	Fair Mode = iota
	// FIFO serves in the order of arrival, whoever sends: what a gateway without a scheduler does. It is for comparison.
	FIFO
)

// String is the mode as in configuration files.
func (m Mode) String() string {
	if m == FIFO {
		return "fifo"
	}
	return "fair"
}

// Settings of a tenant.
type Settings struct {
	// Weight of its share, relative to others': 0.001 to 1000; 0 is 1.
	Weight float64
	// Priority is its band, -8 to 7. While a tenant of a higher band waits, none of a lower band is served.
	Priority int
	Order    Order
}

// Order is that of one tenant's requests.
type Order uint8

const (
	// ByStream takes its streams in turn, each first in, first out.
	ByStream Order = iota
	// ByDeadline takes the earliest deadline first, over all its streams; those without one come last.
	ByDeadline
)

// Limits of requests under way: from before they are read until their answers are written.
type Limits struct {
	Stream, Tenant, Total Limit
}

// Limit in number and in bytes; 0 is no limit. What has nothing under way may always take one request, however big.
type Limit struct {
	Requests int
	Bytes    int64
}

// PoolConfig is what is known about an executor.
type PoolConfig struct {
	// Slots is how many requests one replica works on at a time; 0 has it learned.
	Slots int
	// Turnaround is from the end of a request at a replica to the start of the next one that the gateway sends; 0 is 500 µs.
	Turnaround time.Duration
}

const (
	bands      = 16
	middleBand = bands / 2
	minWeight  = 0.001
	maxWeight  = 1000
	// maxSlots bounds what is configured or learned for one replica.
	maxSlots          = 4096
	defaultTurnaround = 500 * time.Microsecond
)

// check returns all faults.
func (c *Config) check() error {
	var faults []error
	if c.Mode > FIFO {
		faults = append(faults, fmt.Errorf("mode %d: expected Fair or FIFO", c.Mode))
	}
	faults = append(faults, c.Default.check("default"), c.Unknown.check("unknown"))
	for name, s := range c.Tenants {
		faults = append(faults, s.check(fmt.Sprintf("tenant %q", name)))
	}
	for _, l := range []struct {
		name string
		Limit
	}{{"stream", c.Limits.Stream}, {"tenant", c.Limits.Tenant}, {"total", c.Limits.Total}} {
		if l.Requests < 0 || l.Bytes < 0 {
			faults = append(faults, fmt.Errorf("%s limit of %d requests, %d bytes: expected 0 (none) or more", l.name, l.Requests, l.Bytes))
		}
	}
	return errors.Join(faults...)
}

func (s *Settings) check(name string) error {
	if s.Weight != 0 && !(s.Weight >= minWeight && s.Weight <= maxWeight) {
		return fmt.Errorf("%s: weight %v: expected a number from %v to %v", name, s.Weight, minWeight, maxWeight)
	}
	if s.Priority < -middleBand || s.Priority >= bands-middleBand {
		return fmt.Errorf("%s: priority %d: expected -%d to %d", name, s.Priority, middleBand, bands-middleBand-1)
	}
	if s.Order > ByDeadline {
		return fmt.Errorf("%s: order %d: expected ByStream or ByDeadline", name, s.Order)
	}
	return nil
}

func (s *Settings) weight() float64 {
	if s.Weight == 0 {
		return 1
	}
	return s.Weight
}

func (s *Settings) band() int { return s.Priority + middleBand }

// of are the settings of a tenant.
func (c *Config) of(id Identity) Settings {
	if s, ok := c.Tenants[id.Name]; ok && id.Known {
		return s
	}
	return c.Default
}

func (c *PoolConfig) check() error {
	if c.Slots < 0 || c.Slots > maxSlots {
		return fmt.Errorf("%d slots: expected 1 to %d, or 0 to have them learned", c.Slots, maxSlots)
	}
	if c.Turnaround < 0 {
		return fmt.Errorf("turnaround %v: expected 0 (%v) or more", c.Turnaround, defaultTurnaround)
	}
	return nil
}

func (c *PoolConfig) turnaround() float64 {
	if c.Turnaround == 0 {
		return defaultTurnaround.Seconds()
	}
	return c.Turnaround.Seconds()
}

// reached says that no more may be taken.
func (l Limit) reached(requests int, bytes int64) bool {
	return l.Requests > 0 && requests >= l.Requests || l.Bytes > 0 && bytes >= l.Bytes
}

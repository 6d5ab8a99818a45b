package local

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"syscall"
)

// Free ports are sought below the range from which systems take the ports of outgoing connections (32768 and up): one of
// those could be taken before its process listens, or again while it restarts.
const (
	firstPort = 20000
	lastPort  = 32767
)

// portFinder gives free loopback ports, each once.
func portFinder() func() (int, error) {
	next := firstPort + rand.IntN(lastPort-firstPort)
	return func() (int, error) {
		for range lastPort - firstPort {
			if next++; next > lastPort {
				next = firstPort
			}
			if checkPort(loopbackAddress(next)) == nil {
				return next, nil
			}
		}
		return 0, fmt.Errorf("no free port between %d and %d", firstPort, lastPort)
	}
}

// checkPort tells whether a process could listen on address now.
func checkPort(address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	return listener.Close()
}

// checkDoor tells whether the gateway could listen where the user wants it.
func checkDoor(door Door) error {
	err := checkPort(door.Address)
	if err == nil {
		return nil
	}
	why := err.Error()
	if errors.Is(err, syscall.EADDRINUSE) {
		why = "something else listens there"
	}
	return fmt.Errorf("the gateway cannot listen on %s: %s; end that, or choose another port: `with: port:` in the flow, or --set gateway.ports.%s=…", door.Address, why, door.Protocol)
}

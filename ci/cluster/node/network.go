package node

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// setUpNetwork gives the node its address and a way to services. It stands on the loopback device, which always exists; there
// is no route to anywhere else, so that nothing leaves the node.
func (s *Spec) setUpNetwork() error {
	steps := "link set lo up\n"
	if !s.APIOnly {
		steps += "address add " + Address + "/32 dev lo\n" +
			// A packet to a service needs some route to get as far as the rules of kube-proxy.
			"route add " + ServiceNet + " dev lo src " + Address + "\n"
	}
	if err := command(steps, "ip", "-batch", "-"); err != nil {
		return err
	}
	if s.APIOnly {
		return nil
	}
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0); err != nil {
		return fmt.Errorf("letting the node forward between pods: %w", err)
	}
	return checkKernel()
}

// checkKernel tries what pods' network is made of, so that a kernel without it is named here and not guessed from logs.
func checkKernel() error {
	for _, need := range []struct{ what, stdin, command, undo string }{
		{
			"pairs of network devices (CONFIG_VETH)", "",
			"ip link add probe0 type veth peer name probe1", "ip link delete probe0",
		},
		{
			"address translation by nftables (CONFIG_NF_TABLES, CONFIG_NFT_NAT)",
			"add table ip probe\nadd chain ip probe out { type nat hook output priority 0; }\n" +
				"add rule ip probe out ip daddr 10.96.0.9 tcp dport 80 dnat to 10.99.0.1:80\n",
			"nft -f -", "nft delete table ip probe",
		},
	} {
		if err := command(need.stdin, strings.Fields(need.command)...); err != nil {
			return fmt.Errorf("the kernel lacks %s, without which pods have no network: %w; load the module on the host, or use a machine whose kernel has it",
				need.what, err)
		}
		if err := command("", strings.Fields(need.undo)...); err != nil {
			return err
		}
	}
	return nil
}

// command runs a program of the distribution.
func command(stdin string, args ...string) error {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return nil
}

// Command dist makes what users install the plugin from, in dist/:
//
//	flow-VERSION-OS-ARCH.tgz          for helm plugin install URL, Helm 3 and 4: programs and all
//	flow-getter-VERSION-OS-ARCH.tgz   the same for flow:// alone
//	packaged/OS-ARCH/flow-VERSION.tgz as helm plugin package makes it: for Helm 4 from a file
//	oci/                              the latter as an OCI layout, a tag for each platform
//	*.prov                            signatures, if $SIGN_KEYRING is set
//	checksums.txt                     SHA-256 of all archives
//
// The same sources give the same bytes; $SOURCE_DATE_EPOCH is the time of all files.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// allPlatforms that the plugin is released for.
const allPlatforms = "linux/amd64,linux/arm64,darwin/amd64,darwin/arm64,windows/amd64,windows/arm64"

func main() {
	d := dist{sign: signer{keyring: os.Getenv("SIGN_KEYRING"), key: os.Getenv("SIGN_KEY"), passphraseFile: os.Getenv("SIGN_PASSPHRASE_FILE")}}
	var platforms, push string
	flag.StringVar(&d.source, "source", ".", "the repository")
	flag.StringVar(&d.out, "out", "dist", "folder to write to")
	flag.StringVar(&d.programs, "programs", "", "folder with programs that are built, as OS-ARCH/NAME, instead of building them")
	flag.StringVar(&platforms, "platforms", allPlatforms, "platforms, as OS/ARCH,...")
	flag.StringVar(&push, "push", "", "registry and path to push the plugin to, such as registry.example/team/plugins")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := d.run(ctx, platforms)
	if err == nil && push != "" {
		err = d.push(ctx, push)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "dist:", err)
		os.Exit(1)
	}
}

// dist is a release that is being made.
type dist struct {
	source, out, programs string
	sign                  signer
	// time of all files.
	time time.Time
	// sums of the archives, by their names in out.
	sums map[string]string
	// packaged are the archives that are for OCI too.
	packaged []archive
}

// platform is an operating system and an architecture, as Go calls them.
type platform struct{ os, arch string }

func (p platform) String() string { return p.os + "-" + p.arch }

func (d *dist) run(ctx context.Context, platforms string) error {
	seconds, err := strconv.ParseInt(cmp.Or(os.Getenv("SOURCE_DATE_EPOCH"), "0"), 10, 64)
	if err != nil {
		return fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
	}
	d.time, d.sums = time.Unix(seconds, 0).UTC(), make(map[string]string)
	if err := os.MkdirAll(d.out, 0o755); err != nil {
		return err
	}
	for name := range strings.SplitSeq(platforms, ",") {
		goos, arch, ok := strings.Cut(name, "/")
		if !ok {
			return fmt.Errorf("platform %q, expected OS/ARCH", name)
		}
		p := platform{goos, arch}
		fmt.Fprintln(os.Stderr, "dist:", p)
		if err := d.platform(ctx, p); err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
	}
	if err := d.layout(); err != nil {
		return fmt.Errorf("OCI layout: %w", err)
	}
	return d.writeSums()
}

// platform makes the archives for one platform.
func (d *dist) platform(ctx context.Context, p platform) error {
	programs, err := d.build(ctx, p)
	if err != nil {
		return err
	}
	flow, err := d.flowFiles(p, programs)
	if err != nil {
		return err
	}
	getter, err := d.getterFiles(p, programs)
	if err != nil {
		return err
	}
	if _, err := d.write(fmt.Sprintf("flow-%s-%s.tgz", version, p), "", flow); err != nil {
		return err
	}
	if _, err := d.write(fmt.Sprintf("flow-getter-%s-%s.tgz", version, p), "", getter); err != nil {
		return err
	}
	packaged, err := d.write(fmt.Sprintf("packaged/%s/flow-%s.tgz", p, version), "flow/", flow)
	packaged.platform = p
	d.packaged = append(d.packaged, packaged)
	return err
}

package images

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

// debianBase is the base that is made here, of what apt-get takes from where it takes packages on this machine.
const debianBase = "debian"

// debianPackages are a Python and what wheels expect to find beside it. Others come along because these need them.
var debianPackages = []string{"base-files", "netbase", "tzdata", "python3", "libstdc++6"}

// debianStatus is what apt-get takes to be installed: packages that others need for nothing but to be installed. Without them there is no shell in the base,
// either.
const debianStatus = `Package: dpkg
Status: install ok installed
Version: 9999
Architecture: all
Provides: awk, debconf, debconf-2.0
Maintainer: nobody
Description: what an image does without
`

const debianCure = "--base debian needs Debian or Ubuntu; elsewhere name an image with Python, such as --base python:3.11-slim"

var (
	aptGet  = tool{"apt-get", debianCure}
	dpkgDeb = tool{"dpkg-deb", debianCure}
)

// notNeeded are folders of Debian's packages that no program in an image reads.
var notNeeded = []string{
	"usr/share/applications", "usr/share/bug", "usr/share/doc-base", "usr/share/info", "usr/share/lintian", "usr/share/locale", "usr/share/man",
	"usr/share/menu", "usr/share/pixmaps",
}

// debian is a base under way.
type debian struct {
	*builder
	platform v1.Platform
	step     string
	apt      string // apt-get's own folder: what it knows of packages, and what it has fetched
	options  []string
}

// makeDebian makes a base of Debian's packages. It changes nothing of what is installed on this machine, and needs no rights.
func (b *builder) makeDebian(ctx context.Context, platform v1.Platform, step string) (*base, error) {
	if _, ok := architectures[platform.Architecture]; !ok {
		return nil, noPlatform(platform, []string{"linux/amd64", "linux/arm64"})
	}
	d := &debian{builder: b, platform: platform, step: step, apt: filepath.Join(b.Cache, "apt-"+fileName(platform))}
	status := filepath.Join(b.work, "status")
	if err := os.WriteFile(status, []byte(debianStatus), 0o644); err != nil {
		return nil, err
	}
	d.options = []string{
		"-q", "-y", "--no-install-recommends",
		"-o", "APT::Architecture=" + platform.Architecture, "-o", "APT::Architectures::=" + platform.Architecture,
		"-o", "Dir::State=" + d.apt, "-o", "Dir::State::status=" + status, "-o", "Dir::Cache=" + d.apt,
		"-o", "APT::Sandbox::User=", "-o", "Acquire::Languages=none", "-o", "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false",
	}
	archives, err := d.resolve(ctx)
	if err != nil {
		return nil, err
	}
	ingredients := []string{rootCertificates()}
	for _, a := range archives {
		ingredients = append(ingredients, a.name)
	}
	m, err := b.makeOnce(ctx, debianBase, ingredients, func() ([]entry, contents, error) { return d.collect(ctx, archives) })
	if err != nil {
		return nil, err
	}
	image, err := emptyImage(platform)
	if err != nil {
		return nil, err
	}
	image, err = mutate.Append(image, mutate.Addendum{Layer: m.layer, History: b.history("Debian's packages")})
	if err != nil {
		return nil, err
	}
	file, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	// Without SSL_CERT_FILE Debian's OpenSSL looks for the roots where only a package without use here would put them.
	file.Config.Env = []string{"PATH=" + defaultPath, "LANG=C.UTF-8", "SSL_CERT_FILE=/" + rootCertificatesFile}
	image, err = mutate.ConfigFile(image, file)
	return &base{image: image, packages: m.Packages}, err
}

// archive is a package's file, which has its name, version and architecture in its name.
type archive struct{ uri, name string }

// resolve tells the packages to take.
func (d *debian) resolve(ctx context.Context) ([]archive, error) {
	for _, dir := range []string{"lists/partial", "archives/partial"} {
		if err := os.MkdirAll(filepath.Join(d.apt, dir), 0o755); err != nil {
			return nil, err
		}
	}
	if err := d.aptGet(ctx, d.progress, "update"); err != nil {
		return nil, err
	}
	var archives []archive
	err := d.aptGet(ctx, func(line string) {
		// 'URI' FILE SIZE HASH
		if fields := strings.Fields(line); len(fields) >= 3 && strings.HasPrefix(line, "'") {
			archives = append(archives, archive{strings.Trim(fields[0], "'"), fields[1]})
		}
	}, slices.Concat([]string{"install", "--print-uris"}, debianPackages)...)
	slices.SortFunc(archives, func(a, b archive) int { return strings.Compare(a.name, b.name) })
	return archives, err
}

func (d *debian) aptGet(ctx context.Context, heard func(string), args ...string) error {
	return aptGet.run(ctx, d.work, []string{"LC_ALL=C"}, heard, slices.Concat(args, d.options)...)
}

func (d *debian) progress(line string) { d.Progress(d.step, line, false) }

// collect fetches the packages and takes them apart.
func (d *debian) collect(ctx context.Context, archives []archive) ([]entry, contents, error) {
	if err := d.aptGet(ctx, d.progress, slices.Concat([]string{"install", "--download-only"}, debianPackages)...); err != nil {
		return nil, contents{}, err
	}
	root := filepath.Join(d.work, fileName(d.platform)+"-root")
	files := map[string]entry{}
	var c contents
	for _, a := range archives {
		d.progress(a.name)
		control, err := d.extract(ctx, a, root)
		if err != nil {
			return nil, contents{}, err
		}
		p := debianPackage(control)
		c.Packages = append(c.Packages, p)
		// Where scanners look in images without dpkg.
		status := textFile("var/lib/dpkg/status.d/"+p.Name, control)
		files[status.name] = status
	}
	d.progress("pack")
	if err := addTree(files, root); err != nil {
		return nil, contents{}, err
	}
	common, err := emptyBase()
	for _, e := range common {
		files[e.name] = e
	}
	return slices.Collect(maps.Values(files)), c, errors.Join(err, d.aptGet(ctx, d.progress, "clean"))
}

// extract lays the files of a package into root, and returns what it says of itself.
func (d *debian) extract(ctx context.Context, a archive, root string) (string, error) {
	file := filepath.Join(d.apt, "archives", a.name)
	if at, err := url.Parse(a.uri); err == nil && at.Scheme == "file" {
		file = at.Path // apt-get leaves it there
	}
	control := filepath.Join(d.work, "control")
	for _, args := range [][]string{{"--extract", file, root}, {"--control", file, control}} {
		if err := dpkgDeb.run(ctx, d.work, nil, d.progress, args...); err != nil {
			return "", err
		}
	}
	text, err := os.ReadFile(filepath.Join(control, "control"))
	return string(text), err
}

// debianPackage reads what a package says of itself.
func debianPackage(control string) softwarePackage {
	p := softwarePackage{Ecosystem: "deb/debian"}
	for line := range strings.Lines(control) {
		switch key, value, _ := strings.Cut(strings.TrimSpace(line), ": "); key {
		case "Package":
			p.Name = value
		case "Version":
			p.Version = value
		}
	}
	return p
}

// addTree adds what is below root and needed.
func addTree(files map[string]entry, root string) error {
	return filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil || file == root {
			return err
		}
		name, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		info, err := d.Info()
		switch {
		case err != nil:
			return err
		case slices.Contains(notNeeded, name):
			return filepath.SkipDir
		case info.IsDir():
			files[name] = folder(name, 0o755)
		case strings.HasPrefix(name, "usr/share/doc/") && d.Name() != "copyright":
		case info.Mode().IsRegular():
			files[name] = diskFile(name, file, plainMode(info.Mode()), info.Size())
		case info.Mode().Type() == fs.ModeSymlink:
			target, err := os.Readlink(file)
			if err != nil {
				return err
			}
			files[name] = symlink(name, target)
		}
		return nil
	})
}

package images

import (
	"context"
	"errors"
	"io/fs"
	"maps"
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
	step    string
	apt     string // apt-get's own folder: what it knows of packages, and what it has fetched
	options []string
}

// makeDebian makes a base of Debian's packages. It changes nothing of what is installed on this machine, and needs no rights.
func (b *builder) makeDebian(ctx context.Context, platform v1.Platform, step string) (*base, error) {
	d := &debian{builder: b, step: step, apt: filepath.Join(b.Cache, "apt-"+fileName(platform))}
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
	m, err := b.makeOnce(ctx, debianBase, archives, func() ([]entry, []softwarePackage, error) { return d.collect(ctx, archives) })
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
	return &base{image: image, packages: m.packages}, err
}

// resolve tells the files of the packages, which have name, version and architecture in their names.
func (d *debian) resolve(ctx context.Context) ([]string, error) {
	for _, dir := range []string{"lists/partial", "archives/partial"} {
		if err := os.MkdirAll(filepath.Join(d.apt, dir), 0o755); err != nil {
			return nil, err
		}
	}
	if err := d.aptGet(ctx, d.progress, "update"); err != nil {
		return nil, err
	}
	var archives []string
	err := d.aptGet(ctx, func(line string) {
		// 'URI' FILE SIZE HASH
		if fields := strings.Fields(line); len(fields) >= 3 && strings.HasPrefix(line, "'") {
			archives = append(archives, fields[1])
		}
	}, slices.Concat([]string{"install", "--print-uris"}, debianPackages)...)
	slices.Sort(archives)
	return archives, err
}

func (d *debian) aptGet(ctx context.Context, heard func(string), args ...string) error {
	return aptGet.run(ctx, d.work, []string{"LC_ALL=C"}, heard, slices.Concat(args, d.options)...)
}

func (d *debian) progress(line string) { d.Progress(d.step, line, false) }

// collect fetches the packages and takes them apart.
func (d *debian) collect(ctx context.Context, archives []string) ([]entry, []softwarePackage, error) {
	if err := d.aptGet(ctx, d.progress, slices.Concat([]string{"install", "--download-only"}, debianPackages)...); err != nil {
		return nil, nil, err
	}
	root, control := filepath.Join(d.work, "root"), filepath.Join(d.work, "control")
	slices.SortStableFunc(archives, func(a, b string) int { return rank(a) - rank(b) })
	files := map[string]entry{}
	var packages []softwarePackage
	for _, archive := range archives {
		d.progress(archive)
		file := filepath.Join(d.apt, "archives", archive)
		for _, args := range [][]string{{"--extract", file, root}, {"--control", file, control}} {
			if err := dpkgDeb.run(ctx, d.work, nil, d.progress, args...); err != nil {
				return nil, nil, err
			}
		}
		text, err := os.ReadFile(filepath.Join(control, "control"))
		if err != nil {
			return nil, nil, err
		}
		p := debianPackage(string(text))
		packages = append(packages, p)
		// Where scanners look in images without dpkg.
		status := textFile("var/lib/dpkg/status.d/"+p.Name, string(text))
		files[status.name] = status
	}
	if err := addTree(files, root); err != nil {
		return nil, nil, err
	}
	common, err := emptyBase()
	for _, e := range common {
		files[e.name] = e
	}
	return slices.Collect(maps.Values(files)), packages, errors.Join(err, d.aptGet(ctx, d.progress, "clean"))
}

// rank is the order in which packages are taken apart: links from /lib and the like to /usr come first, so that files lie behind them.
func rank(archive string) int {
	if strings.HasPrefix(archive, "base-files_") {
		return 0
	}
	return 1
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

package images

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// uv is what installs requirements: unlike pip it resolves them for another platform and another Python than this machine's.
var uv = tool{"uv", "install it with `pip install uv`, or as docs.astral.sh/uv says"}

// architectures are the names that Python's platforms have for Go's.
var architectures = map[string]string{"amd64": "x86_64", "arm64": "aarch64"}

// requirements are those of a folder, for one platform and one Python.
type requirements struct {
	b        *builder
	python   interpreter
	platform v1.Platform
	target   []string // the platform, as uv's arguments
	step     string
}

// layer is what the requirements have become. It is made once for what they resolve to now, unless that includes a folder or a repository, which can
// become something else without being called something else.
func (r *requirements) layer(ctx context.Context) (made, error) {
	r.b.Progress(r.step, "", false)
	m, err := r.resolveAndInstall(ctx)
	if err != nil {
		return made{}, fmt.Errorf("%s for Python %s on %s: %w", filepath.Join(r.b.Dir, requirementsFile), r.python.version, r.platform, err)
	}
	for _, warning := range m.Warnings {
		r.b.Warn(warning)
	}
	size, err := m.layer.Size()
	r.b.Progress(r.step, fmt.Sprintf("%d packages, %s", len(m.Packages), megabytes(size)), true)
	return m, err
}

func newRequirements(b *builder, platform v1.Platform, python interpreter) (*requirements, error) {
	architecture, ok := architectures[platform.Architecture]
	if !ok {
		return nil, fmt.Errorf("platform %s: requirements can be installed for linux/amd64 and linux/arm64 only", platform)
	}
	libc := "gnu"
	if python.musl {
		libc = "musl"
	}
	target := []string{"--python-version", python.version, "--python-platform", architecture + "-unknown-linux-" + libc}
	return &requirements{b, python, platform, target, "install for " + platform.String()}, nil
}

func (r *requirements) resolveAndInstall(ctx context.Context) (made, error) {
	work := filepath.Join(r.b.work, fileName(r.platform))
	lock := work + "-lock.txt"
	err := r.uv(ctx, "compile", "--quiet", "--generate-hashes", "--no-header", "--no-annotate", "--output-file", lock, requirementsFile)
	if err != nil {
		return made{}, err
	}
	text, err := os.ReadFile(lock)
	if err != nil {
		return made{}, err
	}
	collect := func() ([]entry, contents, error) { return r.install(ctx, lock, work+"-site") }
	if unhashed.Match(text) {
		entries, contents, err := collect()
		if err != nil {
			return made{}, err
		}
		layer, err := writeLayer(ctx, work+"-site.tar.gz", entries, r.b.Created)
		return made{layer, contents}, err
	}
	return r.b.makeOnce(ctx, "site", append(r.target, r.python.path, string(text)), collect)
}

// install installs the requirements, of the versions that they were resolved to, into dir, which the entries are read from. A package without a wheel is
// built here, as some that Jina needs have none; uv refuses the result if it is for another platform.
func (r *requirements) install(ctx context.Context, lock, dir string) ([]entry, contents, error) {
	if err := os.Mkdir(dir, 0o755); err != nil { // uv makes none for no requirements
		return nil, contents{}, err
	}
	if err := r.uv(ctx, "install", "--target", dir, "--constraints", lock, "--requirements", requirementsFile); err != nil {
		return nil, contents{}, err
	}
	r.b.Progress(r.step, "pack", false)
	s := &site{files: map[string]entry{}}
	err := s.collect(dir, r.python.path)
	return slices.Collect(maps.Values(s.files)), s.contents, err
}

// withoutGo is a variable that makes `go version` fail. Jina's setup asks for it, and where there is a Go compiles a library for this machine's processor,
// which only its stateful executors use; without it Jina is the same everywhere.
const withoutGo = "GOTOOLCHAIN=not-for-wheels"

func (r *requirements) uv(ctx context.Context, command string, args ...string) error {
	args = slices.Concat([]string{"pip", command, "--no-progress", "--color", "never"}, r.target, args)
	return uv.run(ctx, r.b.Dir, []string{withoutGo}, func(line string) { r.b.Progress(r.step, strings.TrimSpace(line), false) }, args...)
}

// unhashed is a requirement in a lock file that is not followed by a hash.
var unhashed = regexp.MustCompile(`(?m)^[^#\s].*[^\\\n]$`)

// site is what requirements have become: files by their names in the image, and what they are.
type site struct {
	files map[string]entry
	contents
}

func (s *site) add(e entry) { s.files[e.name] = e }

// collect takes the files of dir. What in them depends on this machine's Python is written anew for that of the image.
func (s *site) collect(dir, python string) error {
	var entryPoints []entry
	err := filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(relative)
		if d.Name() == "__pycache__" {
			return filepath.SkipDir
		}
		e, err := fileEntry(path.Join(sitePrefix, name), file, d)
		if err != nil {
			return err
		}
		switch folder, base := path.Split(name); {
		case name == ".lock" || folder == "bin/" && path.Ext(base) == ".exe" || isDistInfo(folder) && slices.Contains(ofThisMachine, base):
			return nil
		case editable.MatchString(base):
			return errors.New("a requirement is editable (-e), which would lead to a folder of this machine; leave out -e")
		case folder == "bin/":
			e, err = rewrite(e, func(text []byte) []byte { return shebang.ReplaceAll(text, []byte("#!"+python)) })
		case !isDistInfo(folder):
		case base == "RECORD":
			e, err = rewrite(e, func(text []byte) []byte {
				return recordOfMachine.ReplaceAll(recordOfScript.ReplaceAll(text, []byte("$1,,")), nil)
			})
		case base == "METADATA":
			err = s.addPackage(e)
		case base == "WHEEL":
			err = s.checkWheel(e)
		case base == "entry_points.txt":
			entryPoints = append(entryPoints, e)
		}
		s.add(e)
		return err
	})
	if err != nil {
		return err
	}
	for _, e := range entryPoints {
		if err := s.addScripts(e, python); err != nil {
			return err
		}
	}
	return nil
}

// ofThisMachine are what uv notes beside a package: where it came from, and when.
var ofThisMachine = []string{"direct_url.json", "uv_cache.json"}

var (
	// shebang is also the detour by a shell, which there may be none of in the image, of a Python with a long path or blanks in it.
	shebang = regexp.MustCompile(`\A#!(/bin/sh\n'''exec' .*\n' '''|.*python.*)`)
	// recordOfScript is a line of a RECORD about a script: name, hash, size. The latter two may be empty.
	recordOfScript = regexp.MustCompile(`(?m)^(bin/[^,]+),.*$`)
	// recordOfMachine is one about what is left out.
	recordOfMachine = regexp.MustCompile(`(?m)^[^,/]+/(direct_url|uv_cache)\.json,.*\n`)
	// compiledHere is the tag of a wheel that was made on this machine for such as this; those of indexes say which libraries they need.
	compiledHere = regexp.MustCompile(`(?m)^Tag: .*-linux_\w+\s*$`)
	// editable is a file of the kind that leads to an editable package's folder.
	editable = regexp.MustCompile(`^_+editable_`)
	// consoleScript is a line of an entry_points.txt.
	consoleScript = regexp.MustCompile(`^([\w.-]+)\s*=\s*([\w.]+)\s*:\s*([\w.]+)`)
)

func isDistInfo(folder string) bool {
	ok, err := path.Match("*.dist-info/", folder)
	return ok && err == nil
}

// rewrite is the same file with another text.
func rewrite(e entry, change func([]byte) []byte) (entry, error) {
	text, err := e.read()
	if err != nil {
		return entry{}, err
	}
	changed := textFile(e.name, string(change(text)))
	changed.mode = e.mode
	return changed, nil
}

func (e entry) read() ([]byte, error) {
	content, err := e.open()
	if err != nil {
		return nil, err
	}
	defer content.Close()
	return io.ReadAll(content)
}

// addScripts adds the programs of a package: uv has made them for this machine.
func (s *site) addScripts(entryPoints entry, python string) error {
	text, err := entryPoints.read()
	if err != nil {
		return err
	}
	section := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			section = line
		}
		match := consoleScript.FindStringSubmatch(line)
		if section != "[console_scripts]" || match == nil {
			continue
		}
		name, module, function := match[1], match[2], match[3]
		imported, _, _ := strings.Cut(function, ".")
		script := textFile(sitePrefix+"/bin/"+name,
			fmt.Sprintf("#!%s\nimport sys\nfrom %s import %s\n\nif __name__ == '__main__':\n    sys.exit(%s())\n", python, module, imported, function))
		script.mode = 0o755
		s.add(script)
	}
	return nil
}

// addPackage reads what a package says of itself.
func (s *site) addPackage(metadata entry) error {
	text, err := metadata.read()
	if err != nil {
		return err
	}
	p := softwarePackage{Ecosystem: "pypi"}
	header := bufio.NewScanner(bytes.NewReader(text))
	for header.Scan() && header.Text() != "" {
		key, value, _ := strings.Cut(header.Text(), ": ")
		switch key {
		case "Name":
			p.Name = normalized(value)
		case "Version":
			p.Version = value
		case "License-Expression":
			p.License = value
		}
	}
	s.Packages = append(s.Packages, p)
	return nil
}

func (s *site) checkWheel(wheel entry) error {
	text, err := wheel.read()
	if err == nil && compiledHere.Match(text) {
		name := strings.TrimSuffix(path.Base(path.Dir(wheel.name)), ".dist-info")
		s.Warnings = append(s.Warnings, name+" has no wheel for this platform and was compiled on this machine: the image may miss libraries that it needs, and another machine builds another image")
	}
	return err
}

// normalized is a package's name as indexes write it.
func normalized(name string) string {
	return strings.ToLower(strings.NewReplacer("_", "-", ".", "-").Replace(name))
}

package images

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"maps"
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

// site is what requirements have become: files by their names in the image, and what they are.
type site struct {
	files    map[string]entry
	packages []softwarePackage
	warn     func(string)
}

// install installs the folder's requirements into dir, which the entries of the site are read from. A package without a wheel is built here,
// as some that Jina needs have none; uv refuses the result if it is for another platform.
func install(ctx context.Context, b *builder, platform v1.Platform, python interpreter, dir string) (*site, error) {
	architecture, ok := architectures[platform.Architecture]
	if !ok {
		return nil, fmt.Errorf("platform %s: requirements can be installed for linux/amd64 and linux/arm64 only", platform)
	}
	libc := "gnu"
	if python.musl {
		libc = "musl"
	}
	step := "install for " + platform.String()
	b.Progress(step, "", false)
	err := uv.run(ctx, b.Dir, nil, func(line string) { b.Progress(step, strings.TrimSpace(line), false) },
		"pip", "install", "--target", dir, "--python-version", python.version, "--python-platform", architecture+"-unknown-linux-"+libc,
		"--no-progress", "--color", "never", "-r", requirementsFile)
	if err != nil {
		return nil, fmt.Errorf("%s for Python %s on %s: %w", filepath.Join(b.Dir, requirementsFile), python.version, platform, err)
	}
	s := &site{files: map[string]entry{}, warn: b.Warn}
	if err := s.collect(dir, python.path); err != nil {
		return nil, err
	}
	var size int64
	for _, file := range s.files {
		size += file.size
	}
	b.Progress(step, fmt.Sprintf("%d packages, %s", len(s.packages), megabytes(size)), true)
	return s, nil
}

func (s *site) entries() []entry { return slices.Collect(maps.Values(s.files)) }

func (s *site) add(e entry) { s.files[e.name] = e }

// hasProgram tells whether the requirements bring a program of that name.
func (s *site) hasProgram(name string) bool {
	_, ok := s.files[sitePrefix+"/bin/"+name]
	return ok
}

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
		case name == ".lock" || folder == "bin/" && path.Ext(base) == ".exe":
			return nil
		case folder == "bin/":
			e, err = rewrite(e, func(text []byte) []byte { return shebang.ReplaceAll(text, []byte("#!"+python)) })
		case !isDistInfo(folder):
		case base == "RECORD":
			e, err = rewrite(e, func(text []byte) []byte { return recordOfScript.ReplaceAll(text, []byte("$1,,")) })
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

var (
	shebang = regexp.MustCompile(`\A#!.*python.*`)
	// recordOfScript is a line of a RECORD about a script: name, hash, size. The latter two may be empty.
	recordOfScript = regexp.MustCompile(`(?m)^(bin/[^,]+),.*$`)
	// compiledHere is the tag of a wheel that was made on this machine for such as this; those of indexes say which libraries they need.
	compiledHere = regexp.MustCompile(`(?m)^Tag: .*-linux_\w+\s*$`)
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
	p := softwarePackage{ecosystem: "pypi"}
	header := bufio.NewScanner(bytes.NewReader(text))
	for header.Scan() && header.Text() != "" {
		key, value, _ := strings.Cut(header.Text(), ": ")
		switch key {
		case "Name":
			p.name = normalized(value)
		case "Version":
			p.version = value
		case "License-Expression":
			p.license = value
		}
	}
	s.packages = append(s.packages, p)
	return nil
}

func (s *site) checkWheel(wheel entry) error {
	text, err := wheel.read()
	if err == nil && compiledHere.Match(text) {
		name := strings.TrimSuffix(path.Base(path.Dir(wheel.name)), ".dist-info")
		s.warn(name + " has no wheel for this platform and was compiled on this machine: the image may miss libraries that it needs, and another machine builds another image")
	}
	return err
}

// normalized is a package's name as indexes write it.
func normalized(name string) string {
	return strings.ToLower(strings.NewReplacer("_", "-", ".", "-").Replace(name))
}

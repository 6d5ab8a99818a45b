package images

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// The Dockerfile makes the same images as we do: the same files, configured the same, compiled by the same command.
func TestDockerfile(t *testing.T) {
	file := readDockerfile(t)
	for _, program := range []string{"flow-gateway", "flow-executor"} {
		t.Run(program, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), program)
			if err := os.CopyFS(dir, os.DirFS("testdata/hello")); err != nil {
				t.Fatal(err)
			}
			image := mustBuild(t, Options{Dir: dir}).Variants[0].Image
			var want []string
			for _, line := range listing(t, image) {
				if mode, name, _ := strings.Cut(line, " "); !strings.HasPrefix(mode, "drwx") {
					want = append(want, name)
				}
			}
			slices.Sort(want)
			config := configOf(t, image).Config
			delete(config.Labels, createdLabel)

			files, got := file.image(t, program)
			if diff := cmp.Diff(want, files); diff != "" {
				t.Errorf("files:\n%s", diff)
			}
			if diff := cmp.Diff(config, got); diff != "" {
				t.Errorf("configuration:\n%s", diff)
			}
		})
	}
	compiles := slices.ContainsFunc(file["build"], func(i instruction) bool {
		return i.name == "RUN" && strings.HasPrefix(i.text, "CGO_ENABLED=0 go ") && !slices.ContainsFunc(buildCommand, func(arg string) bool { return !strings.Contains(i.text, arg) })
	})
	if !compiles {
		t.Errorf("nothing runs CGO_ENABLED=0 go %q", buildCommand)
	}
}

// instruction is a line of a Dockerfile.
type instruction struct{ name, text string }

// dockerfile has the instructions of each stage.
type dockerfile map[string][]instruction

func readDockerfile(t *testing.T) dockerfile {
	t.Helper()
	text, err := os.ReadFile("Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	file, stage := dockerfile{}, ""
	for line := range strings.Lines(string(text)) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name == "" || name == "#" {
			continue
		}
		if fields := strings.Fields(rest); name == "FROM" {
			stage = fields[2] // FROM base AS stage
		}
		file[stage] = append(file[stage], instruction{name, rest})
	}
	return file
}

// image is what a stage makes: names of files and of folders that are there for their own sake, and the configuration.
func (d dockerfile) image(t *testing.T, stage string) ([]string, v1.Config) {
	t.Helper()
	var files []string
	config := v1.Config{Labels: map[string]string{}, ExposedPorts: map[string]struct{}{}}
	for _, i := range d[stage] {
		fields := strings.Fields(i.text)
		switch i.name {
		case "FROM":
			if _, ok := d[fields[0]]; ok {
				files, config = d.image(t, fields[0])
			}
		case "COPY":
			files = append(files, d.copied(t, fields)...)
		case "LABEL":
			name, value, _ := strings.Cut(i.text, "=")
			config.Labels[name] = value
		case "ENV":
			config.Env = append(config.Env, i.text)
		case "WORKDIR":
			config.WorkingDir = i.text
		case "USER":
			config.User = i.text
		case "EXPOSE":
			for _, port := range fields {
				config.ExposedPorts[port+"/tcp"] = struct{}{}
			}
		case "ENTRYPOINT":
			if err := json.Unmarshal([]byte(i.text), &config.Entrypoint); err != nil {
				t.Fatal(err)
			}
		default:
			t.Errorf("%s: this test does not know %s", stage, i.name)
		}
	}
	slices.Sort(files)
	return files, config
}

// copied is what a COPY puts into the image: a file, the files of a folder of the repository, or what is made in a folder of the stage "build".
func (d dockerfile) copied(t *testing.T, args []string) []string {
	t.Helper()
	if args[0] == "--from=build" {
		from, to := args[1], strings.TrimPrefix(args[2], "/")
		if !strings.HasSuffix(from, "/") {
			return []string{to}
		}
		var made []string
		for _, i := range d["build"] {
			if folder, ok := strings.CutPrefix(i.text, "mkdir -p -m 1777 "+from); ok {
				made = append(made, folder)
			}
		}
		return made
	}
	var files []string
	err := filepath.WalkDir(filepath.Join("..", args[0]), func(file string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			name, err := filepath.Rel(filepath.Join("..", args[0]), file)
			files = append(files, filepath.ToSlash(name))
			return err
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

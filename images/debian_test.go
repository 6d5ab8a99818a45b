package images

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// debianFiles are packages of the names that a base is made of, as small as can be. They are for no architecture of this world, and all.
func debianFiles() map[string]map[string]string {
	return map[string]map[string]string{
		"base-files": {"usr/lib/os-release": "ID=debian\n", "lib": "-> usr/lib", "bin": "-> usr/bin"},
		"netbase":    {"etc/services": "http 80/tcp\n"},
		"tzdata":     {"usr/share/zoneinfo/UTC": "TZif", "usr/share/man/man8/x.8": "manual", "usr/share/doc/tzdata/README": "long", "usr/share/doc/tzdata/copyright": "public domain"},
		"libstdc++6": {"usr/lib/libstdc++.so.6": "ELF"},
		"python3":    {"usr/bin/python3": "-> python3.11", "usr/bin/python3.11": "ELF", "etc/alternative": "-> /usr/bin/python3"},
	}
}

// newDebian makes a repository of packages, and apt-get take packages from there alone, by that scheme.
func newDebian(t *testing.T, scheme string, packages map[string]map[string]string) {
	t.Helper()
	repository := t.TempDir()
	var index strings.Builder
	for name, files := range packages {
		tree := filepath.Join(t.TempDir(), name)
		depends := ""
		if name == "python3" {
			depends = "Depends: dpkg (>= 1.0), debconf | debconf-2.0\n"
		}
		files["DEBIAN/control"] = "Package: " + name + "\nVersion: 1:2.0+x\nArchitecture: all\nMaintainer: nobody\n" + depends + "Description: test\n"
		for file, text := range files {
			path := filepath.Join(tree, file)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if target, ok := strings.CutPrefix(text, "-> "); ok {
				if err := os.Symlink(target, path); err != nil {
					t.Fatal(err)
				}
			} else if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		file := name + "_2.0_all.deb"
		deb := filepath.Join(repository, file)
		if out, err := exec.Command("dpkg-deb", "--build", "--root-owner-group", tree, deb).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		content, err := os.ReadFile(deb)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&index, "%sFilename: ./%s\nSize: %d\nSHA256: %x\n\n", files["DEBIAN/control"], file, len(content), sha256.Sum256(content))
	}
	if err := os.WriteFile(filepath.Join(repository, "Packages"), []byte(index.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	where := "file:" + repository
	if scheme == "http" {
		server := httptest.NewServer(http.FileServer(http.Dir(repository)))
		t.Cleanup(server.Close)
		where = server.URL
	}
	sources, config := filepath.Join(t.TempDir(), "sources.list"), filepath.Join(t.TempDir(), "apt.conf")
	for path, text := range map[string]string{
		sources: "deb [trusted=yes] " + where + " ./\n",
		config:  fmt.Sprintf("Dir::Etc::sourcelist %q;\nDir::Etc::sourceparts \"/dev/null\";\nAcquire::http::Proxy \"DIRECT\";\n", sources),
	} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("APT_CONFIG", config)
}

// A base of Debian's packages has Python and its libraries and no dpkg, which the packages say they need.
func TestDebianBase(t *testing.T) {
	var layers []string
	for _, scheme := range []string{"file", "http"} {
		newDebian(t, scheme, debianFiles())
		packages := t.TempDir()
		jinaWheel(t, packages)
		useUV(t, packages)
		files := pythonExecutorFolder()
		files["requirements.txt"] = "jina\n"
		cache := t.TempDir()
		options := Options{Dir: writeFolder(t, "shouter", files), Base: debianBase, Platforms: []string{"linux/amd64", "linux/arm64"}, Cache: cache}
		image := mustBuild(t, options)
		for _, v := range image.Variants {
			if file := configOf(t, v.Image); file.Architecture != v.Platform.Architecture || len(file.RootFS.DiffIDs) != 3 {
				t.Errorf("for %s: %+v", v.Platform, file)
			}
			got := slices.DeleteFunc(listing(t, v.Image), func(line string) bool {
				return strings.HasPrefix(line, "d") && !strings.HasSuffix(line, " tmp") || strings.Contains(line, " opt/") || strings.Contains(line, " workdir/")
			})
			want := []string{
				"-rw-r--r-- etc/group",
				"-rw-r--r-- etc/nsswitch.conf",
				"-rw-r--r-- etc/passwd",
				"-rw-r--r-- etc/services",
				"-rw-r--r-- etc/ssl/certs/ca-certificates.crt",
				"-rw-r--r-- usr/bin/python3.11",
				"-rw-r--r-- usr/lib/libstdc++.so.6",
				"-rw-r--r-- usr/lib/os-release",
				"-rw-r--r-- usr/share/doc/tzdata/copyright",
				"-rw-r--r-- usr/share/zoneinfo/UTC",
				"-rw-r--r-- var/lib/dpkg/status.d/base-files",
				"-rw-r--r-- var/lib/dpkg/status.d/libstdc++6",
				"-rw-r--r-- var/lib/dpkg/status.d/netbase",
				"-rw-r--r-- var/lib/dpkg/status.d/python3",
				"-rw-r--r-- var/lib/dpkg/status.d/tzdata",
				"Lrwxrwxrwx bin -> usr/bin",
				"Lrwxrwxrwx etc/alternative -> /usr/bin/python3",
				"Lrwxrwxrwx lib -> usr/lib",
				"Lrwxrwxrwx usr/bin/python3 -> python3.11",
				"dtrwxrwxrwx tmp",
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		}
		labels := configOf(t, image.Variants[0].Image).Config.Labels
		if labels[baseNameLabel] != "" {
			t.Errorf("labels %v name a base that nobody has", labels)
		}
		sbom, err := image.SBOM()
		if err != nil || !bytes.Contains(sbom, []byte(`"pkg:deb/debian/libstdc%2B%2B6@1:2.0%2Bx"`)) {
			t.Errorf("%v\n%s", err, sbom)
		}
		layers = append(layers, digestOf(t, image))
		// What was fetched is not kept, only what it became: the second build fetches nothing.
		if left, err := filepath.Glob(filepath.Join(cache, "apt-*", "archives", "*.deb")); err != nil || left != nil {
			t.Errorf("in the cache are %v, %v", left, err)
		}
		options.Progress = func(_, detail string, _ bool) {
			if strings.HasSuffix(detail, ".deb") {
				t.Errorf("%s is taken apart again", detail)
			}
		}
		layers = append(layers, digestOf(t, mustBuild(t, options)))
	}
	if slices.Sort(layers); layers[0] != layers[len(layers)-1] {
		t.Errorf("the digests are %v, want the same", layers)
	}
}

func TestBadDebianBase(t *testing.T) {
	withoutPython := debianFiles()
	delete(withoutPython, "python3")
	for name, test := range map[string]struct {
		packages map[string]map[string]string
		platform string
		says     []string
	}{
		"no Python":   {withoutPython, "linux/amd64", []string{"base debian: apt-get install", "Unable to locate package python3"}},
		"no platform": {debianFiles(), "linux/s390x", []string{"base debian: has no image for linux/s390x, only for linux/amd64, linux/arm64"}},
	} {
		t.Run(name, func(t *testing.T) {
			newDebian(t, "file", test.packages)
			check := nothingLeft(t)
			_, _, err := build(t, Options{Dir: writeFolder(t, "shouter", pythonExecutorFolder()), Base: debianBase, Platforms: []string{test.platform}})
			wantError(t, err, test.says...)
			check()
		})
	}
	t.Run("gone", func(t *testing.T) {
		newDebian(t, "file", debianFiles())
		text, err := os.ReadFile(os.Getenv("APT_CONFIG"))
		if err != nil {
			t.Fatal(err)
		}
		sources := strings.Split(string(text), `"`)[1]
		if err := os.WriteFile(sources, []byte("deb [trusted=yes] file:/nowhere ./\n"), fs.FileMode(0o644)); err != nil {
			t.Fatal(err)
		}
		_, _, err = build(t, Options{Dir: writeFolder(t, "shouter", pythonExecutorFolder()), Base: debianBase})
		wantError(t, err, "base debian: apt-get", "/nowhere")
	})
	t.Run("no apt-get", func(t *testing.T) {
		t.Setenv("PATH", t.TempDir())
		_, _, err := build(t, Options{Dir: writeFolder(t, "shouter", pythonExecutorFolder()), Base: debianBase})
		wantError(t, err, "base debian: apt-get is not on PATH", "--base python:3.11-slim")
	})
}

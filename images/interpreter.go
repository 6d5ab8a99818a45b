package images

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// interpreter is the Python of a base.
type interpreter struct {
	path    string // such as /usr/local/bin/python3
	version string // such as 3.11
	musl    bool   // has musl in the place of glibc, as Alpine
}

// fileTree are the files of an image by their names, without a slash at their head; a symbolic link's value is its target, any other's is empty.
type fileTree map[string]string

// inspect looks for Python and jina, as a container would find them on its PATH.
func (b *base) inspect(ctx context.Context) error {
	file, err := b.image.ConfigFile()
	if err != nil {
		return err
	}
	tree, err := readTree(ctx, b.image)
	if err != nil {
		return err
	}
	env := environment(file.Config.Env)
	searched := env.get("PATH", defaultPath)
	_, _, b.jina = tree.lookPath(searched, jinaName)
	for _, program := range []string{"python3", "python"} {
		link, target, ok := tree.lookPath(searched, program)
		if !ok {
			continue
		}
		if b.python.version = versionOf(target, env); b.python.version == "" {
			return fmt.Errorf("cannot tell the version of its %s, which is %s; expected python3.N, or PYTHON_VERSION in its environment", link, target)
		}
		b.python.path = link
		b.python.musl = tree.hasMusl()
		return nil
	}
	return fmt.Errorf("has no Python 3 on its PATH (%s); choose a base with Python, such as python:3.11-slim", searched)
}

var versioned = regexp.MustCompile(`/python(3\.\d+)$`)

// versionOf tells Python's version by the name of the program, or by what Python's own images say.
func versionOf(program string, env environment) string {
	if match := versioned.FindStringSubmatch(program); match != nil {
		return match[1]
	}
	parts := strings.SplitN(env.get("PYTHON_VERSION", ""), ".", 3)
	if len(parts) < 2 || parts[0] != "3" {
		return ""
	}
	return parts[0] + "." + parts[1]
}

// lookPath finds a program in the folders of a PATH: where it stands, and what it is once links are followed.
func (t fileTree) lookPath(folders, program string) (link, target string, ok bool) {
	for folder := range strings.SplitSeq(folders, ":") {
		link = path.Join("/", folder, program)
		if target, ok = t.resolve(link); ok {
			return link, target, true
		}
	}
	return "", "", false
}

// maxLinks is how many links Linux follows.
const maxLinks = 40

// resolve follows symbolic links in all parts of an absolute name. It tells the final name, and whether there is such a file.
func (t fileTree) resolve(name string) (string, bool) {
	rest := strings.Split(strings.Trim(path.Clean(name), "/"), "/")
	at := "/"
	for links := 0; len(rest) > 0; {
		at, rest = path.Join(at, rest[0]), rest[1:]
		target, ok := t[strings.TrimPrefix(at, "/")]
		if !ok || target == "" {
			continue
		}
		if links++; links > maxLinks {
			return "", false
		}
		if !path.IsAbs(target) {
			target = path.Join(path.Dir(at), target)
		}
		at, rest = "/", append(strings.Split(strings.Trim(path.Clean(target), "/"), "/"), rest...)
	}
	_, ok := t[strings.TrimPrefix(at, "/")]
	return at, ok
}

func (t fileTree) hasMusl() bool {
	for name := range t {
		if ok, err := path.Match("lib/ld-musl-*.so.1", name); ok && err == nil {
			return true
		}
	}
	return false
}

// readTree reads the names of an image's files, layer on layer.
func readTree(ctx context.Context, image v1.Image) (fileTree, error) {
	layers, err := image.Layers()
	if err != nil {
		return nil, err
	}
	tree := fileTree{}
	for _, layer := range layers {
		if err := tree.add(ctx, layer); err != nil {
			return nil, err
		}
	}
	return tree, nil
}

// whiteout is the head of names by which a layer takes away what is below it.
const (
	whiteout       = ".wh."
	opaqueWhiteout = ".wh..wh..opq"
)

func (t fileTree) add(ctx context.Context, layer v1.Layer) error {
	content, err := layer.Uncompressed()
	if err != nil {
		return err
	}
	defer content.Close()
	added := fileTree{}
	archive := tar.NewReader(untilDone{ctx, content})
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(path.Clean("/"+header.Name), "/")
		folder, file := path.Split(name)
		switch {
		case file == opaqueWhiteout:
			t.removeBelow(folder)
		case strings.HasPrefix(file, whiteout):
			gone := folder + strings.TrimPrefix(file, whiteout)
			delete(t, gone)
			t.removeBelow(gone + "/")
		case header.Typeflag == tar.TypeSymlink:
			added[name] = header.Linkname
		default:
			added[name] = ""
		}
	}
	for name, target := range added {
		t[name] = target
	}
	return nil
}

func (t fileTree) removeBelow(folder string) {
	for name := range t {
		if strings.HasPrefix(name, folder) {
			delete(t, name)
		}
	}
}

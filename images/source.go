package images

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// ignoreFile names what stays out of the image, as it does for `docker build`.
const ignoreFile = ".dockerignore"

// neverIn are patterns of what is of no use in an image, and different each time.
var neverIn = []string{ignoreFile, ".git", "**/__pycache__", "**/*.pyc", "**/.DS_Store"}

// secretNames are patterns of files that often hold secrets.
var secretNames = []string{
	".env", ".env.*", "*.pem", "*.key", "*.p12", "*.pfx", "id_rsa", "id_ecdsa", "id_ed25519", ".netrc", ".pypirc", ".npmrc",
	".git-credentials", "kubeconfig", "credentials.json", "service-account*.json", ".aws", ".ssh", ".docker",
}

// sourceEntries are the files of a folder, as they are to be below prefix, without what .dockerignore names.
func sourceEntries(dir, prefix string, warn func(string)) ([]entry, error) {
	ignored, err := readIgnoreFile(dir)
	if err != nil {
		return nil, err
	}
	entries := []entry{folder(prefix, 0o755)}
	err = filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil || file == dir {
			return err
		}
		relative, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(relative)
		out, err := ignored.MatchesOrParentMatches(name)
		if err != nil {
			return err
		}
		if out || isVirtualEnvironment(file, d) {
			// A later pattern may let in files of an ignored folder.
			if d.IsDir() && (!out || !ignored.Exclusions()) {
				return filepath.SkipDir
			}
			return nil
		}
		if looksSecret(d.Name()) {
			warn(fmt.Sprintf("%s looks like a secret, and will be in the image; name it in %s if it should not be", name, ignoreFile))
		}
		e, err := fileEntry(path.Join(prefix, name), file, d)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		entries = append(entries, e)
		return nil
	})
	return entries, err
}

func fileEntry(name, file string, d fs.DirEntry) (entry, error) {
	info, err := d.Info()
	if err != nil {
		return entry{}, err
	}
	switch {
	case info.IsDir():
		return folder(name, 0o755), nil
	case info.Mode().IsRegular():
		return diskFile(name, file, plainMode(info.Mode()), info.Size()), nil
	case info.Mode().Type() == fs.ModeSymlink:
		target, err := os.Readlink(file)
		target = filepath.ToSlash(target)
		if prefix, _, _ := strings.Cut(name, "/"); path.IsAbs(target) || !strings.HasPrefix(path.Join(path.Dir(name), target)+"/", prefix+"/") {
			return entry{}, fmt.Errorf("is a link to %s, outside the folder; copy what it leads to, or name it in %s", target, ignoreFile)
		}
		return symlink(name, target), err
	}
	return entry{}, fmt.Errorf("is a %s, which an image cannot hold; name it in %s", info.Mode().Type(), ignoreFile)
}

func readIgnoreFile(dir string) (*patternmatcher.PatternMatcher, error) {
	file, err := os.Open(filepath.Join(dir, ignoreFile))
	if errors.Is(err, fs.ErrNotExist) {
		return patternmatcher.New(neverIn)
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	patterns, err := ignorefile.ReadAll(bufio.NewReader(file))
	if err == nil {
		var matcher *patternmatcher.PatternMatcher
		if matcher, err = patternmatcher.New(append(patterns, neverIn...)); err == nil {
			return matcher, nil
		}
	}
	return nil, fmt.Errorf("%s: %w", file.Name(), err)
}

// isVirtualEnvironment tells whether a folder is one of Python's, which works on this machine only.
func isVirtualEnvironment(file string, d fs.DirEntry) bool {
	if !d.IsDir() {
		return false
	}
	_, err := os.Stat(filepath.Join(file, "pyvenv.cfg"))
	return err == nil
}

func looksSecret(name string) bool {
	for _, pattern := range secretNames {
		if ok, err := path.Match(pattern, name); ok && err == nil {
			return !strings.HasSuffix(name, ".example")
		}
	}
	return false
}

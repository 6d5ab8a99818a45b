package images

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// entry is a file, folder or symbolic link of a layer.
type entry struct {
	name string      // slash-separated, without a slash at its ends
	mode fs.FileMode // its type, permissions and sticky bit
	link string      // target of a symbolic link
	size int64
	open func() (io.ReadCloser, error) // content of a file
}

func folder(name string, mode fs.FileMode) entry { return entry{name: name, mode: mode | fs.ModeDir} }

func symlink(name, target string) entry {
	return entry{name: name, mode: fs.ModeSymlink | 0o777, link: target}
}

func textFile(name, text string) entry {
	open := func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }
	return entry{name: name, mode: 0o644, size: int64(len(text)), open: open}
}

func diskFile(name, path string, mode fs.FileMode, size int64) entry {
	return entry{name: name, mode: mode, size: size, open: func() (io.ReadCloser, error) { return os.Open(path) }}
}

// plainMode is one of two modes for files, whatever the umask was that a folder was checked out under.
func plainMode(mode fs.FileMode) fs.FileMode {
	if mode&0o111 != 0 {
		return 0o755
	}
	return 0o644
}

// writeLayer writes entries to a file at path, as a whole or not at all. The layer depends on nothing but the entries and the time: they are sorted
// and belong to root.
func writeLayer(ctx context.Context, path string, entries []entry, modified time.Time) (v1.Layer, error) {
	digest, diffID := sha256.New(), sha256.New()
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	err := saveFile(path, func(w io.Writer) error {
		zipped := gzip.NewWriter(io.MultiWriter(w, digest))
		archive := tar.NewWriter(io.MultiWriter(zipped, diffID))
		for _, e := range entries {
			if err := e.write(ctx, archive, modified); err != nil {
				return fmt.Errorf("%s: %w", e.name, err)
			}
		}
		return errors.Join(archive.Close(), zipped.Close())
	})
	if err != nil {
		return nil, err
	}
	return newFileLayer(path, sum(digest), sum(diffID), types.OCILayer)
}

func (e entry) write(ctx context.Context, archive *tar.Writer, modified time.Time) error {
	header := &tar.Header{Name: e.name, Mode: int64(e.mode.Perm()), ModTime: modified, Format: tar.FormatPAX}
	if e.mode&fs.ModeSticky != 0 {
		header.Mode |= 0o1000
	}
	switch e.mode.Type() {
	case fs.ModeDir:
		header.Typeflag, header.Name = tar.TypeDir, e.name+"/"
		return archive.WriteHeader(header)
	case fs.ModeSymlink:
		header.Typeflag, header.Linkname = tar.TypeSymlink, e.link
		return archive.WriteHeader(header)
	}
	header.Typeflag, header.Size = tar.TypeReg, e.size
	if err := archive.WriteHeader(header); err != nil {
		return err
	}
	content, err := e.open()
	if err != nil {
		return err
	}
	defer content.Close()
	_, err = io.Copy(archive, untilDone{ctx, content})
	return err
}

// untilDone is a reader that fails when ctx has ended.
type untilDone struct {
	ctx context.Context
	r   io.Reader
}

func (u untilDone) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.r.Read(p)
}

// untilDoneWriter is a writer that fails when ctx has ended.
type untilDoneWriter struct {
	ctx context.Context
	w   io.Writer
}

func (u untilDoneWriter) Write(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.w.Write(p)
}

func sum(h hash.Hash) v1.Hash {
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(h.Sum(nil))}
}

// fileLayer is a layer in a file, compressed or not.
type fileLayer struct {
	path           string
	digest, diffID v1.Hash
	size           int64
	mediaType      types.MediaType
}

func newFileLayer(path string, digest, diffID v1.Hash, mediaType types.MediaType) (v1.Layer, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	return partial.CompressedToLayer(&fileLayer{path, digest, diffID, info.Size(), mediaType})
}

func (l *fileLayer) Digest() (v1.Hash, error)            { return l.digest, nil }
func (l *fileLayer) DiffID() (v1.Hash, error)            { return l.diffID, nil }
func (l *fileLayer) Size() (int64, error)                { return l.size, nil }
func (l *fileLayer) MediaType() (types.MediaType, error) { return l.mediaType, nil }
func (l *fileLayer) Compressed() (io.ReadCloser, error)  { return os.Open(l.path) }

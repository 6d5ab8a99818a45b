package images

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// contents tell what is in a layer.
type contents struct {
	Packages []softwarePackage
	Warnings []string
}

// made is a layer that was made here.
type made struct {
	layer v1.Layer
	contents
}

// receipt is what the cache keeps beside such a layer.
type receipt struct {
	Digest, DiffID v1.Hash
	Size           int64
	Contents       contents
}

// receiptFormat is another one whenever what receipts or layers have in them becomes something else.
const receiptFormat = "1"

// makeOnce makes a layer, unless the cache has it from an earlier build. The ingredients name all that the layer depends on.
func (b *builder) makeOnce(ctx context.Context, kind string, ingredients []string, collect func() ([]entry, contents, error)) (made, error) {
	// Go's version stands for its gzip, by which the digest is another one.
	key := sha256.Sum256([]byte(strings.Join(slices.Concat(ingredients, []string{b.Created.String(), runtime.Version(), receiptFormat}), "\x00")))
	path := filepath.Join(b.Cache, kind+"-"+hex.EncodeToString(key[:]))
	if m, ok := kept(path); ok {
		return m, nil
	}
	entries, contents, err := collect()
	if err != nil {
		return made{}, err
	}
	if err := os.MkdirAll(b.Cache, 0o755); err != nil {
		return made{}, err
	}
	layer, err := writeLayer(ctx, path, entries, b.Created)
	if err != nil {
		return made{}, err
	}
	return made{layer, contents}, keep(path, layer, contents)
}

// kept is the layer at path, if it is whole.
func kept(path string) (made, bool) {
	text, err := os.ReadFile(path + ".json")
	var r receipt
	if err != nil || json.Unmarshal(text, &r) != nil {
		return made{}, false
	}
	if info, err := os.Stat(path); err != nil || info.Size() != r.Size {
		return made{}, false
	}
	layer, err := newFileLayer(path, r.Digest, r.DiffID, types.OCILayer)
	return made{layer, r.Contents}, err == nil
}

func keep(path string, layer v1.Layer, contents contents) error {
	r := receipt{Contents: contents}
	var err error
	if r.Digest, err = layer.Digest(); err != nil {
		return err
	}
	if r.DiffID, err = layer.DiffID(); err != nil {
		return err
	}
	if r.Size, err = layer.Size(); err != nil {
		return err
	}
	return saveFile(path+".json", func(w io.Writer) error { return json.NewEncoder(w).Encode(r) })
}

// cached is a layer as a file in the cache, where it is read several times, and again by the next build.
func (b *builder) cached(ctx context.Context, layer v1.Layer, diffID v1.Hash, step string) (v1.Layer, error) {
	digest, err := layer.Digest()
	if err != nil {
		return nil, err
	}
	size, err := layer.Size()
	if err != nil {
		return nil, err
	}
	mediaType, err := layer.MediaType()
	if err != nil {
		return nil, err
	}
	path := filepath.Join(b.Cache, digest.Algorithm+"-"+digest.Hex)
	if info, err := os.Stat(path); err != nil || info.Size() != size {
		if err := b.download(ctx, layer, size, path, step); err != nil {
			return nil, err
		}
	}
	return newFileLayer(path, digest, diffID, ociLayer(mediaType))
}

func (b *builder) download(ctx context.Context, layer v1.Layer, size int64, path, step string) error {
	if err := os.MkdirAll(b.Cache, 0o755); err != nil {
		return err
	}
	content, err := layer.Compressed()
	if err != nil {
		return err
	}
	defer content.Close()
	return saveFile(path, func(w io.Writer) error {
		var done int64
		counted := countWriter(func(n int) {
			done += int64(n)
			b.Progress(step, fmt.Sprintf("%s of %s", megabytes(done), megabytes(size)), false)
		})
		_, err := io.Copy(io.MultiWriter(w, counted), untilDone{ctx, content})
		return err
	})
}

// countWriter hears how much is written.
type countWriter func(n int)

func (c countWriter) Write(p []byte) (int, error) { c(len(p)); return len(p), nil }

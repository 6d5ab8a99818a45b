package images

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync/atomic"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// push sends the image to a registry, and its SBOM after it.
func (i *Image) push(ctx context.Context, o Outputs, progress func(step, detail string, done bool)) error {
	to, err := name.ParseReference(o.Push)
	if err != nil {
		return fmt.Errorf("--push %w", err)
	}
	size, err := i.size()
	if err != nil {
		return err
	}
	const step = "push"
	var sent atomic.Int64
	counted := countingTransport{remote.DefaultTransport, func(n int) {
		progress(step, megabytes(min(sent.Add(int64(n)), size))+" of "+megabytes(size), false)
	}}
	err = remote.Push(to, i.top, append(remoteOptions(ctx), remote.WithTransport(counted))...)
	if err == nil && o.SBOM != "" {
		err = i.pushSBOM(ctx, to.Context())
	}
	if err != nil {
		return registryError(err, to)
	}
	progress(step, to.String()+", "+megabytes(size), true)
	return nil
}

// size of all layers, in bytes.
func (i *Image) size() (int64, error) {
	var size int64
	for _, v := range i.Variants {
		manifest, err := v.Image.Manifest()
		if err != nil {
			return 0, err
		}
		for _, layer := range manifest.Layers {
			size += layer.Size
		}
	}
	return size, nil
}

// countingTransport hears how much is sent. The library's own progress is not used: it panics if the registry refuses one layer while another is being sent.
type countingTransport struct {
	next http.RoundTripper
	sent func(n int)
}

func (t countingTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Body != nil {
		request = request.Clone(request.Context())
		request.Body = countingBody{request.Body, t.sent}
	}
	return t.next.RoundTrip(request)
}

type countingBody struct {
	io.ReadCloser
	read func(n int)
}

func (b countingBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.read(n)
	return n, err
}

func (i *Image) pushSBOM(ctx context.Context, to name.Repository) error {
	referrer, err := i.sbomReferrer()
	if err != nil {
		return err
	}
	digest, err := referrer.Digest()
	if err != nil {
		return err
	}
	return remote.Push(to.Digest(digest.String()), referrer, remoteOptions(ctx)...)
}

// checkPush tells whether the registry would take an image of that name.
func checkPush(ctx context.Context, ref string) error {
	to, err := name.ParseReference(ref)
	if err != nil {
		return fmt.Errorf("--push %w", err)
	}
	return registryError(remote.CheckPushPermission(to, authn.DefaultKeychain, withContext{ctx}), to)
}

// withContext sends requests that end with a context, for calls that take none.
type withContext struct{ ctx context.Context }

func (t withContext) RoundTrip(request *http.Request) (*http.Response, error) {
	return remote.DefaultTransport.RoundTrip(request.WithContext(t.ctx))
}

// remoteOptions log in as `docker login` and `podman login` left it.
func remoteOptions(ctx context.Context) []remote.Option {
	return []remote.Option{remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain), remote.WithUserAgent("helm-flow")}
}

// registryError says what a registry's error means.
func registryError(err error, ref name.Reference) error {
	host := ref.Context().RegistryStr()
	if errors.Is(err, context.Canceled) {
		return err
	}
	if answer, ok := errors.AsType[*transport.Error](err); ok {
		switch answer.StatusCode {
		case http.StatusUnauthorized, http.StatusForbidden:
			return fmt.Errorf("registry %s refuses %s: %w; log in with `docker login %s`", host, ref, err, host)
		case http.StatusNotFound:
			return fmt.Errorf("registry %s has no %s", host, ref)
		}
	}
	if _, ok := errors.AsType[*url.Error](err); ok {
		return fmt.Errorf("registry %s cannot be reached: %w", host, err)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", ref, err)
	}
	return nil
}

package values

import (
	"cmp"
	"strings"
)

// sourceImage stands where a manifest needs an image and the executor is Python source; no registry can serve it.
var sourceImage = Image{Registry: "source.invalid", Repository: "python"}

// parseImage takes registry/repository:tag@digest apart, by the rules of container engines: the first part is a registry
// if it looks like a host.
func parseImage(reference string) Image {
	var i Image
	reference, i.Digest, _ = strings.Cut(reference, "@")
	if colon := strings.LastIndex(reference, ":"); colon > strings.LastIndex(reference, "/") {
		reference, i.Tag = reference[:colon], reference[colon+1:]
	}
	i.Repository = reference
	if host, path, ok := strings.Cut(reference, "/"); ok && (strings.ContainsAny(host, ".:") || host == "localhost") {
		i.Registry, i.Repository = host, path
	}
	return i
}

// over is i where it says something, else base.
func (i Image) over(base Image) Image {
	return Image{
		Registry:   cmp.Or(i.Registry, base.Registry),
		Repository: cmp.Or(i.Repository, base.Repository),
		Tag:        cmp.Or(i.Tag, base.Tag),
		Digest:     cmp.Or(i.Digest, base.Digest),
		PullPolicy: cmp.Or(i.PullPolicy, base.PullPolicy),
	}
}

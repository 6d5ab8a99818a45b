package flow

import (
	"fmt"
	"regexp"
	"strings"
)

// hubURI is an executor of Jina's Hub.
type hubURI struct {
	scheme          string
	user, name, tag string
	// bare is the URI without a secret, untagged without its tag too.
	bare, untagged string
}

var (
	hubScheme = regexp.MustCompile(`^(?:jinahub|jinaai)(?:\+[a-z]+)?://`)
	// jinahub://NAME[:SECRET][/TAG] and jinaai://USER/NAME[:TAG]
	oldHubURI = regexp.MustCompile(`^(jinahub(?:\+docker|\+sandbox)?)://([\w.-]+)(?::[^/]*)?(?:/([\w.-]+))?/?$`)
	newHubURI = regexp.MustCompile(`^(jinaai(?:\+docker|\+sandbox)?)://([\w.-]+)/([\w.-]+)(?::([\w.-]+))?/?$`)
)

func isHub(text string) bool { return hubScheme.MatchString(text) }

func parseHubURI(text string) (u hubURI, ok bool) {
	if m := oldHubURI.FindStringSubmatch(text); m != nil {
		u = hubURI{scheme: m[1], name: m[2], tag: m[3], untagged: m[1] + "://" + m[2]}
		u.bare = u.untagged
		if u.tag != "" {
			u.bare += "/" + u.tag
		}
		return u, true
	}
	if m := newHubURI.FindStringSubmatch(text); m != nil {
		u = hubURI{scheme: m[1], user: m[2], name: m[3], tag: m[4], untagged: m[1] + "://" + m[2] + "/" + m[3]}
		u.bare = u.untagged
		if u.tag != "" {
			u.bare += ":" + u.tag
		}
		return u, true
	}
	return hubURI{}, false
}

// image is what the map has for an executor of the Hub; explicit, if it names it and not only has a template.
func (h HubMap) image(u hubURI) (reference string, explicit bool) {
	for _, key := range []string{u.bare, u.untagged, u.name} {
		if reference, ok := h.Images[key]; ok {
			return u.fill(reference), true
		}
	}
	if h.Template == "" {
		return "", false
	}
	return u.fill(h.Template), false
}

// fill puts the executor into a template. Users and names are lower-case there, as images' are; what has no user leaves its part of the
// path out.
func (u hubURI) fill(template string) string {
	tag := u.tag
	if tag == "" {
		tag = "latest"
	}
	if u.user == "" {
		template = strings.ReplaceAll(template, "{user}/", "")
	}
	return strings.NewReplacer("{user}", strings.ToLower(u.user), "{name}", strings.ToLower(u.name), "{tag}", tag).Replace(template)
}

// hub resolves a URI of Jina's Hub. A secret in it is never shown.
func (r *reader) hub(u usesOf, text string) (Kind, string) {
	at := pos(u.node)
	uri, ok := parseHubURI(text)
	if !ok {
		r.fault(at, u.key+" is no executor of Jina's Hub", "jinahub+docker://NAME[/TAG] or jinaai+docker://USER/NAME[:TAG]", "change it, or name an image: docker://IMAGE[:TAG]")
		return Image, ""
	}
	reference, explicit := r.opts.Hub.image(uri)
	if uri.name == demo && !explicit && u.executor {
		return Builtin, demo
	}
	if reference == "" {
		line := fmt.Sprintf("`  %s: registry.example/%s`", uri.bare, uri.fill("{user}/{name}:{tag}"))
		r.fault(at, uri.name+" is an executor of Jina's Hub, which is gone", "an image for it",
			"name an image that you built of it: docker://IMAGE[:TAG], or add to flow.hub.yaml under `images:` the line "+line)
		return Image, ""
	}
	reference = strings.TrimPrefix(reference, "docker://")
	if !image.MatchString(reference) {
		r.fault(at, fmt.Sprintf("the hub map has %q for %s, which is no image", clip(reference), uri.name), "IMAGE[:TAG], in lower case", "change it in flow.hub.yaml")
		return Image, ""
	}
	return Image, reference
}

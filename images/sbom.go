package images

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// softwarePackage is something in an image that has a name and a version of its own.
type softwarePackage struct {
	Ecosystem string // golang, pypi or deb/debian, as package URLs call it
	Name      string
	Version   string
	License   string // an SPDX expression, or empty
}

func (p softwarePackage) purl() string {
	segments := strings.Split(p.Name, "/")
	for i := range segments {
		segments[i] = purlEscape(segments[i])
	}
	return fmt.Sprintf("pkg:%s/%s@%s", p.Ecosystem, strings.Join(segments, "/"), purlEscape(p.Version))
}

func purlEscape(text string) string { return strings.ReplaceAll(url.PathEscape(text), "+", "%2B") }

// The parts of SPDX 2.3 that are used here: spdx.github.io/spdx-spec/v2.3.
type spdxDocument struct {
	SPDXVersion       string             `json:"spdxVersion"`
	DataLicense       string             `json:"dataLicense"`
	SPDXID            string             `json:"SPDXID"`
	Name              string             `json:"name"`
	DocumentNamespace string             `json:"documentNamespace"`
	CreationInfo      spdxCreation       `json:"creationInfo"`
	Packages          []spdxPackage      `json:"packages"`
	Relationships     []spdxRelationship `json:"relationships"`
}

type spdxCreation struct {
	Created  string   `json:"created"`
	Creators []string `json:"creators"`
}

type spdxPackage struct {
	SPDXID                string         `json:"SPDXID"`
	Name                  string         `json:"name"`
	VersionInfo           string         `json:"versionInfo,omitempty"`
	DownloadLocation      string         `json:"downloadLocation"`
	FilesAnalyzed         bool           `json:"filesAnalyzed"`
	PrimaryPackagePurpose string         `json:"primaryPackagePurpose,omitempty"`
	Checksums             []spdxChecksum `json:"checksums,omitempty"`
	LicenseConcluded      string         `json:"licenseConcluded"`
	LicenseDeclared       string         `json:"licenseDeclared"`
	CopyrightText         string         `json:"copyrightText"`
	ExternalRefs          []spdxRef      `json:"externalRefs,omitempty"`
}

type spdxChecksum struct {
	Algorithm string `json:"algorithm"`
	Value     string `json:"checksumValue"`
}

type spdxRef struct {
	Category string `json:"referenceCategory"`
	Type     string `json:"referenceType"`
	Locator  string `json:"referenceLocator"`
}

type spdxRelationship struct {
	Element string `json:"spdxElementId"`
	Type    string `json:"relationshipType"`
	Related string `json:"relatedSpdxElement"`
}

const noAssertion = "NOASSERTION"

// SBOM is the list of what is in the image, as SPDX 2.3 in JSON: for each platform an image and its packages. A base is named and not taken apart.
func (i *Image) SBOM() ([]byte, error) {
	digest, err := i.Digest()
	if err != nil {
		return nil, err
	}
	document := &spdxDocument{
		SPDXVersion: "SPDX-2.3", DataLicense: "CC0-1.0", SPDXID: "SPDXRef-DOCUMENT", Name: i.Name,
		DocumentNamespace: "https://spdx.org/spdxdocs/" + url.PathEscape(i.Name) + "-" + digest.Hex,
		CreationInfo:      spdxCreation{Created: i.created.Format(time.RFC3339), Creators: []string{"Tool: helm flow build"}},
	}
	for _, v := range i.Variants {
		if err := document.addVariant(i.Name, v); err != nil {
			return nil, err
		}
	}
	return json.MarshalIndent(document, "", "  ")
}

func (d *spdxDocument) addVariant(name string, v Variant) error {
	digest, err := v.Image.Digest()
	if err != nil {
		return err
	}
	image := container(name, digest, v.Platform)
	d.add(image, "SPDXRef-DOCUMENT", "DESCRIBES")
	if v.base != nil && v.base.name != "" {
		base := container(v.base.name, v.base.digest, v.Platform)
		d.add(base, "", "")
		d.relate(image.SPDXID, "DESCENDANT_OF", base.SPDXID)
	}
	slices.SortFunc(v.packages, func(a, b softwarePackage) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version))
	})
	for _, p := range v.packages {
		d.add(spdxPackage{
			SPDXID: spdxID("Package", p.Ecosystem, p.Name, p.Version), Name: p.Name, VersionInfo: p.Version,
			DownloadLocation: noAssertion, LicenseConcluded: noAssertion, LicenseDeclared: cmp.Or(p.License, noAssertion), CopyrightText: noAssertion,
			ExternalRefs: []spdxRef{{"PACKAGE-MANAGER", "purl", p.purl()}},
		}, image.SPDXID, "CONTAINS")
	}
	return nil
}

func container(name string, digest v1.Hash, platform v1.Platform) spdxPackage {
	return spdxPackage{
		SPDXID: spdxID("Image", name, platform.String()), Name: name, VersionInfo: digest.String(), PrimaryPackagePurpose: "CONTAINER",
		DownloadLocation: noAssertion, LicenseConcluded: noAssertion, LicenseDeclared: noAssertion, CopyrightText: noAssertion,
		Checksums: []spdxChecksum{{"SHA256", digest.Hex}},
		ExternalRefs: []spdxRef{{"PACKAGE-MANAGER", "purl",
			fmt.Sprintf("pkg:oci/%s@%s?arch=%s", url.PathEscape(name), url.QueryEscape(digest.String()), url.QueryEscape(platform.Architecture))}},
	}
}

// add adds a package once, and how an element is related to it.
func (d *spdxDocument) add(p spdxPackage, element, relation string) {
	if !slices.ContainsFunc(d.Packages, func(other spdxPackage) bool { return other.SPDXID == p.SPDXID }) {
		d.Packages = append(d.Packages, p)
	}
	if element != "" {
		d.relate(element, relation, p.SPDXID)
	}
}

func (d *spdxDocument) relate(element, relation, related string) {
	d.Relationships = append(d.Relationships, spdxRelationship{element, relation, related})
}

var notSPDX = regexp.MustCompile(`[^A-Za-z0-9.-]`)

// spdxID is an identifier for what has those names. Characters that identifiers cannot have become their numbers, so that names that differ by them alone
// do not become one.
func spdxID(parts ...string) string {
	return "SPDXRef-" + notSPDX.ReplaceAllStringFunc(strings.Join(parts, "-"), func(c string) string { return fmt.Sprintf("-%X", c) })
}

const spdxType = "application/spdx+json"

// referrer is an artifact that belongs to an image, which registries list as referring to it (OCI 1.1).
type referrer struct {
	manifest []byte
	content  v1.Layer
}

// sbomReferrer is the SBOM as an artifact that refers to the image.
func (i *Image) sbomReferrer() (v1.Image, error) {
	text, err := i.SBOM()
	if err != nil {
		return nil, err
	}
	subject, err := partial.Descriptor(i.top.(partial.Describable))
	if err != nil {
		return nil, err
	}
	subject.ArtifactType = "" // a field of lists of manifests
	content := static.NewLayer(text, spdxType)
	layer, err := partial.Descriptor(content)
	if err != nil {
		return nil, err
	}
	config, _, err := v1.SHA256(strings.NewReader(emptyConfig))
	if err != nil {
		return nil, err
	}
	manifest, err := json.Marshal(v1.Manifest{
		SchemaVersion: 2, MediaType: types.OCIManifestSchema1, ArtifactType: spdxType,
		Config:      v1.Descriptor{MediaType: emptyConfigType, Digest: config, Size: int64(len(emptyConfig))},
		Layers:      []v1.Descriptor{*layer},
		Subject:     subject,
		Annotations: map[string]string{createdLabel: i.created.Format(time.RFC3339)},
	})
	if err != nil {
		return nil, err
	}
	return partial.CompressedToImage(referrer{manifest, content})
}

// What an artifact without a configuration has as one.
const (
	emptyConfig     = "{}"
	emptyConfigType = "application/vnd.oci.empty.v1+json"
)

func (r referrer) RawManifest() ([]byte, error)        { return r.manifest, nil }
func (r referrer) RawConfigFile() ([]byte, error)      { return []byte(emptyConfig), nil }
func (r referrer) MediaType() (types.MediaType, error) { return types.OCIManifestSchema1, nil }

func (r referrer) LayerByDigest(digest v1.Hash) (partial.CompressedLayer, error) {
	if config, _, err := v1.SHA256(strings.NewReader(emptyConfig)); err != nil || digest == config {
		return static.NewLayer([]byte(emptyConfig), emptyConfigType), err
	}
	return r.content, nil
}

package docarray

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
)

// documentJSON is a document as people read it: the names of v1's Python, empty fields left out, blobs in
// base64, tensors as nested lists. Fields of the user's own stand beside them under their own names.
type documentJSON struct {
	ID          string               `json:"id,omitempty"`
	ParentID    string               `json:"parent_id,omitempty"`
	Granularity uint32               `json:"granularity,omitempty"`
	Adjacency   uint32               `json:"adjacency,omitempty"`
	Text        string               `json:"text,omitempty"`
	Blob        []byte               `json:"blob,omitzero"`
	Tensor      *Tensor              `json:"tensor,omitempty"`
	MimeType    string               `json:"mime_type,omitempty"`
	URI         string               `json:"uri,omitempty"`
	Weight      jsonFloat            `json:"weight,omitempty"`
	Tags        jsonTags             `json:"tags,omitzero"`
	Offset      jsonFloat            `json:"offset,omitempty"`
	Location    []jsonFloat          `json:"location,omitempty"`
	Embedding   *Tensor              `json:"embedding,omitempty"`
	Modality    string               `json:"modality,omitempty"`
	Evaluations map[string]scoreJSON `json:"evaluations,omitempty"`
	Scores      map[string]scoreJSON `json:"scores,omitempty"`
	Metadata    jsonTags             `json:"_metadata,omitzero"`
	Chunks      List                 `json:"chunks,omitzero"`
	Matches     List                 `json:"matches,omitzero"`
}

type scoreJSON struct {
	Value       jsonFloat `json:"value"`
	OpName      string    `json:"op_name,omitempty"`
	Description string    `json:"description,omitempty"`
	RefID       string    `json:"ref_id,omitempty"`
}

// MarshalJSON writes the document for people: what JSON cannot express (the element type of a tensor, the class of a
// URL, null beside absence, NaN) is lost.
func (d *Document) MarshalJSON() ([]byte, error) {
	out, err := json.Marshal(documentJSON{
		ID: d.ID, ParentID: d.ParentID, Granularity: d.Granularity, Adjacency: d.Adjacency, Text: d.Text, Blob: d.Blob,
		Tensor: d.Tensor, MimeType: d.MimeType, URI: d.URI, Weight: jsonFloat(d.Weight), Tags: d.Tags,
		Offset: jsonFloat(d.Offset), Location: floatsToJSON(d.Location), Embedding: d.Embedding, Modality: d.Modality,
		Evaluations: scoresToJSON(d.Evaluations), Scores: scoresToJSON(d.Scores), Metadata: d.Metadata,
		Chunks: d.Chunks, Matches: d.Matches,
	})
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(d.Fields)) {
		if d.Fields[name] == nil {
			continue
		}
		key, err := json.Marshal(name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(plain(d.Fields[name]))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out = out[:len(out)-1]
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(append(append(out, key...), ':'), value...), '}')
	}
	return out, nil
}

// jsonFloat is a number that is null in JSON if it is not finite.
type jsonFloat float32

func (f jsonFloat) MarshalJSON() ([]byte, error) { return appendJSONFloat(nil, float64(f), 32), nil }

func appendJSONFloat(b []byte, f float64, bits int) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(b, "null"...)
	}
	return strconv.AppendFloat(b, f, 'g', -1, bits)
}

// jsonTags are tags without what JSON cannot express.
type jsonTags map[string]any

func (t jsonTags) MarshalJSON() ([]byte, error) { return json.Marshal(plain(map[string]any(t))) }

// plain replaces what encoding/json cannot write, or would write in a way that surprises.
func plain(v any) any {
	switch v := v.(type) {
	case float32:
		return jsonFloat(v)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil
		}
	case Typed:
		return v.Value
	case Opaque:
		return []byte(v)
	case Set:
		return plain([]any(v))
	case Tuple:
		return plain([]any(v))
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = plain(v[i])
		}
		return list
	case map[string]any:
		dict := make(map[string]any, len(v))
		for key := range v {
			dict[key] = plain(v[key])
		}
		return dict
	}
	return v
}

func floatsToJSON(v []float32) []jsonFloat {
	out := make([]jsonFloat, len(v))
	for i, x := range v {
		out[i] = jsonFloat(x)
	}
	return out
}

func scoresToJSON(m map[string]Score) map[string]scoreJSON {
	out := make(map[string]scoreJSON, len(m))
	for key, s := range m {
		out[key] = scoreJSON{jsonFloat(s.Value), s.OpName, s.Description, s.RefID}
	}
	return out
}

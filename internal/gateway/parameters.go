package gateway

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
)

// resultsKey is where executors put what they return beside documents: executor name → map.
const resultsKey = "__results__"

// parameters are a request's, as the client sent them and as each executor gets them.
type parameters struct {
	raw []byte // a serialised Struct; nil if there were none

	// Of parameters that differ between executors: the ones for all, and those for each.
	shared map[string]*structpb.Value
	own    map[string]map[string]*structpb.Value
}

// readParameters resolves parameters of one executor, which come in two spellings: a key executor__name, removed for all, and a key that is an
// executor's name with a map as value, which stays. Parameters without either are never decoded.
func readParameters(raw []byte, isExecutor func(string) bool) (*parameters, error) {
	p := &parameters{raw: raw}
	special, err := anyKey(raw, func(key string) bool { return isExecutor(key) || ownerOf(key) != "" })
	if err != nil {
		return nil, err
	}
	if !special {
		return p, nil
	}
	var s structpb.Struct
	if err := proto.Unmarshal(raw, &s); err != nil {
		return nil, fmt.Errorf("malformed parameters: %w", err)
	}
	p.shared = s.Fields
	p.own = map[string]map[string]*structpb.Value{}
	for _, key := range slices.Sorted(maps.Keys(s.Fields)) {
		if fields := s.Fields[key].GetStructValue().GetFields(); fields != nil && isExecutor(key) {
			p.give(key, fields)
		}
		if owner := ownerOf(key); owner != "" {
			p.give(owner, map[string]*structpb.Value{key[strings.LastIndex(key, "__")+2:]: s.Fields[key]})
			delete(p.shared, key)
		}
	}
	return p, nil
}

func (p *parameters) give(executor string, fields map[string]*structpb.Value) {
	if p.own[executor] == nil {
		p.own[executor] = map[string]*structpb.Value{}
	}
	maps.Copy(p.own[executor], fields)
}

// ownerOf returns the executor that a key such as encoder__top_k is for, or "". Jina joins what stands before the last double underscore.
func ownerOf(key string) string {
	at := strings.LastIndex(key, "__")
	if at <= 0 || at+2 >= len(key) || strings.HasPrefix(key, "__") {
		return ""
	}
	return strings.ReplaceAll(key[:at], "__", "")
}

// of returns the parameters for one executor.
func (p *parameters) of(executor string) ([]byte, error) {
	if p.shared == nil {
		return p.raw, nil
	}
	fields := maps.Clone(p.shared)
	maps.Copy(fields, p.own[executor])
	return marshalStruct(fields)
}

// withResults returns the client's parameters with what executors returned beside documents.
func (p *parameters) withResults(results map[string]*structpb.Value) ([]byte, error) {
	if len(results) == 0 {
		return p.raw, nil
	}
	var s structpb.Struct
	if err := proto.Unmarshal(p.raw, &s); err != nil {
		return nil, fmt.Errorf("malformed parameters: %w", err)
	}
	if s.Fields == nil {
		s.Fields = map[string]*structpb.Value{}
	}
	all := map[string]*structpb.Value{}
	maps.Copy(all, s.Fields[resultsKey].GetStructValue().GetFields())
	maps.Copy(all, results)
	s.Fields[resultsKey] = structpb.NewStructValue(&structpb.Struct{Fields: all})
	return marshalStruct(s.Fields)
}

// readResults returns what an executor put under __results__.
func readResults(raw []byte) (map[string]*structpb.Value, error) {
	found, err := anyKey(raw, func(key string) bool { return key == resultsKey })
	if err != nil || !found {
		return nil, err
	}
	var s structpb.Struct
	if err := proto.Unmarshal(raw, &s); err != nil {
		return nil, fmt.Errorf("malformed parameters: %w", err)
	}
	return s.Fields[resultsKey].GetStructValue().GetFields(), nil
}

func marshalStruct(fields map[string]*structpb.Value) ([]byte, error) {
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(&structpb.Struct{Fields: fields})
	if err != nil {
		return nil, fmt.Errorf("parameters: %w", err)
	}
	return raw, nil
}

// anyKey looks through the keys of a serialised Struct without decoding its values.
func anyKey(raw []byte, match func(key string) bool) (bool, error) {
	found := false
	for rest := raw; len(rest) > 0; {
		num, typ, n := protowire.ConsumeField(rest)
		if n < 0 {
			return false, fmt.Errorf("malformed parameters: %w", protowire.ParseError(n))
		}
		if num == 1 && typ == protowire.BytesType {
			_, _, tag := protowire.ConsumeTag(rest)
			entry, _ := protowire.ConsumeBytes(rest[tag:])
			found = found || match(entryKey(entry))
		}
		rest = rest[n:]
	}
	return found, nil
}

// entryKey is the key of a map entry; a malformed entry has none, and is found so when its value is needed.
func entryKey(entry []byte) string {
	for len(entry) > 0 {
		num, typ, n := protowire.ConsumeField(entry)
		if n < 0 {
			return ""
		}
		if num == 1 && typ == protowire.BytesType {
			_, _, tag := protowire.ConsumeTag(entry)
			key, _ := protowire.ConsumeString(entry[tag:])
			return key
		}
		entry = entry[n:]
	}
	return ""
}

package docarray

import (
	"bytes"
	"encoding/json"
	"testing"
)

func seeds(f *testing.F, add func(gen Generation, data []byte)) {
	for _, gen := range []Generation{V1, V2} {
		for _, list := range readPython(f, gen).Lists {
			if len(list.Data) < 1000 {
				add(gen, list.Data)
			}
		}
		for _, test := range roundTrips {
			if test.gen == gen {
				add(gen, mustEncode(f, gen, test.docs))
			}
		}
	}
}

// What was read once is written the same for ever after, and looking at it in any way is safe.
func FuzzDecode(f *testing.F) {
	seeds(f, func(gen Generation, data []byte) { f.Add(gen == V2, data) })
	f.Fuzz(func(t *testing.T, v2 bool, data []byte) {
		gen := V1
		if v2 {
			gen = V2
		}
		Detect(data)
		docs, err := Decode(gen, data)
		if err != nil {
			return
		}
		if n, err := Count(data); err != nil || n != len(docs) {
			t.Fatalf("Count = %d, %v; %d documents", n, err, len(docs))
		}
		once := mustEncode(t, gen, docs)
		twice := mustEncode(t, gen, mustDecode(t, gen, once))
		if !bytes.Equal(once, twice) {
			t.Fatalf("written %x\nthen    %x", once, twice)
		}
		for _, d := range docs {
			_, _ = d.MarshalJSON() // tensors may be at odds with themselves
		}
	})
}

func FuzzReduce(f *testing.F) {
	for _, gen := range []Generation{V1, V2} {
		for _, r := range readPython(f, gen).Reductions {
			parts := append(r.Parts, nil, nil)
			if len(parts[0])+len(parts[1])+len(parts[2]) < 2000 {
				f.Add(gen == V2, parts[0], parts[1], parts[2])
			}
		}
	}
	f.Fuzz(func(t *testing.T, v2 bool, a, b, c []byte) {
		gen, parts := V1, [][]byte{a, b, c}
		if v2 {
			gen = V2
		}
		valid := true
		for _, part := range parts {
			_, err := Decode(gen, part)
			valid = valid && err == nil
		}
		merged, err := Reduce(gen, parts)
		if !valid {
			return
		}
		if err != nil {
			t.Fatalf("parts that decode don't merge: %v", err)
		}
		mustDecode(t, gen, merged)
	})
}

func FuzzJSON(f *testing.F) {
	seeds(f, func(gen Generation, data []byte) {
		for _, d := range mustDecode(f, gen, data) {
			if text, err := d.MarshalJSON(); err == nil {
				f.Add(text)
			}
		}
	})
	f.Fuzz(func(t *testing.T, text []byte) {
		var d, again Document
		if json.Unmarshal(text, &d) != nil {
			return
		}
		once, err := d.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(once, &again); err != nil {
			t.Fatalf("%v: %s", err, once)
		}
		twice, err := again.MarshalJSON()
		if err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("%v\n%s\n%s", err, once, twice)
		}
	})
}

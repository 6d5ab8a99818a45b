package docarray

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
)

func TestTensorOf(t *testing.T) {
	testTensorOf[float32](t, "<f4")
	testTensorOf[float64](t, "<f8")
	testTensorOf[int8](t, "|i1")
	testTensorOf[int16](t, "<i2")
	testTensorOf[int32](t, "<i4")
	testTensorOf[int64](t, "<i8")
	testTensorOf[uint8](t, "|u1")
	testTensorOf[uint16](t, "<u2")
	testTensorOf[uint32](t, "<u4")
	testTensorOf[uint64](t, "<u8")
}

func testTensorOf[T Number](t *testing.T, dtype string) {
	t.Run(dtype, func(t *testing.T) {
		data := []T{0, 1, 2, 3, 4, 5}
		tensor := NewTensor(data, 2, 3)
		if tensor.DType != dtype || !reflect.DeepEqual(tensor.Shape, []int{2, 3}) {
			t.Errorf("got %s %v", tensor.DType, tensor.Shape)
		}
		if got, err := Values[T](tensor); err != nil || !reflect.DeepEqual(got, data) {
			t.Errorf("got %v, %v", got, err)
		}
		if got, err := Values[float32](tensor); err != nil || got[5] != 5 {
			t.Errorf("converted: got %v, %v", got, err)
		}
	})
}

func TestValuesOfForeignTypes(t *testing.T) {
	for _, test := range []struct {
		dtype string
		buf   []byte
		want  float64
	}{
		{">f4", []byte{0x3f, 0xc0, 0, 0}, 1.5},
		{">i2", []byte{0xff, 0xfe}, -2},
		{"<i8", []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, -1},
		{"|b1", []byte{1}, 1},
		{"<f2", []byte{0x00, 0x3e}, 1.5},
		{"<f2", []byte{0x01, 0x80}, -math.Ldexp(1, -24)},
		{"<f2", []byte{0xff, 0x7b}, 65504},
		{"<f2", []byte{0x00, 0xfc}, math.Inf(-1)},
	} {
		got, err := Values[float64](&Tensor{DType: test.dtype, Shape: []int{1}, Buffer: test.buf})
		if err != nil || got[0] != test.want {
			t.Errorf("%s %x: got %v, %v, want %v", test.dtype, test.buf, got, err, test.want)
		}
	}
}

func TestTensorsThatDoNotFitAreErrorsWhenRead(t *testing.T) {
	for _, test := range []struct {
		tensor Tensor
		want   string
	}{
		{Tensor{}, "not a dense tensor"},
		{Tensor{DType: "<f4", Shape: []int{2}, Buffer: make([]byte, 4)}, "type <f4 and shape [2] does not fit its buffer of 4 bytes"},
		{Tensor{DType: "<f4", Shape: []int{1}, Buffer: make([]byte, 5)}, "does not fit"},
		{Tensor{DType: "<f8", Shape: []int{1 << 31, 1 << 31, 4}}, "does not fit"},
		{Tensor{DType: "<f8", Shape: []int{1000, 1000}}, "does not fit"},
		{Tensor{DType: "<f8", Shape: []int{-1}}, "does not fit"},
		{Tensor{DType: "<f8", Shape: make([]int, 65)}, "65 dimensions: expected at most 64"},
		{Tensor{DType: "<c8", Buffer: make([]byte, 8)}, `tensor of type "<c8": expected booleans`},
		{Tensor{DType: "<f3"}, `tensor of type "<f3"`},
		{Tensor{DType: "|O", Buffer: []byte{1}}, `tensor of type "|O"`},
	} {
		if _, err := Values[float64](&test.tensor); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v: got error %v, want %q", test.tensor, err, test.want)
		}
		// Passed through they are nobody's business.
		if test.tensor.Shape == nil || test.tensor.Shape[0] >= 0 {
			mustDecode(t, V1, mustEncode(t, V1, List{{Tensor: &test.tensor}}))
		}
	}
}

func TestNewTensorOfAnotherSizePanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	NewTensor([]float64{1, 2, 3}, 2, 2)
}

func TestTensorJSON(t *testing.T) {
	for _, test := range []struct {
		tensor *Tensor
		json   string
	}{
		{NewTensor([]float64{1, 2.5, 3, 4}, 2, 2), "[[1,2.5],[3,4]]"},
		{NewTensor([]float32{0.1}), "[0.1]"},
		{NewTensor([]int64{-1, 2}), "[-1,2]"},
		{NewTensor([]uint8{255}), "[255]"},
		{&Tensor{DType: "|b1", Shape: []int{2}, Buffer: []byte{0, 1}}, "[false,true]"},
		{&Tensor{DType: "<f8", Buffer: make([]byte, 8)}, "0"},
		{NewTensor([]float64{math.NaN(), math.Inf(1)}), "[null,null]"},
		{&Tensor{DType: "<f8", Shape: []int{1 << 31, 0}}, "[]"},
	} {
		got, err := json.Marshal(test.tensor)
		if err != nil || string(got) != test.json {
			t.Errorf("%s %v: got %s, %v, want %s", test.tensor.DType, test.tensor.Shape, got, err, test.json)
		}
	}
}

func TestTensorFromJSON(t *testing.T) {
	for _, test := range []struct {
		json string
		want *Tensor
	}{
		{"[[1,2],[3,4]]", NewTensor([]int64{1, 2, 3, 4}, 2, 2)},
		{"[1,2.5]", NewTensor([]float64{1, 2.5})},
		{"7", &Tensor{DType: "<i8", Buffer: []byte{7, 0, 0, 0, 0, 0, 0, 0}}},
		{"[]", NewTensor([]float64{})},
	} {
		var got Tensor
		if err := json.Unmarshal([]byte(test.json), &got); err != nil || !reflect.DeepEqual(&got, test.want) {
			t.Errorf("%s: got %v, %v", test.json, got, err)
		}
	}
	for bad, want := range map[string]string{
		"[[1],[2,3]]": "shape [2 1]: its lists must all have the same length",
		"[1,[2]]":     "[2] among its elements: expected numbers",
		`["a"]`:       `"a" among its elements`,
		"{}":          "{} among its elements",
		strings.Repeat("[", 65) + strings.Repeat("]", 65): "more than 64 dimensions",
	} {
		var got Tensor
		if err := json.Unmarshal([]byte(bad), &got); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want %q", bad, err, want)
		}
	}
}

package flow

import (
	"bytes"
	"sort"
	"unicode/utf8"
)

// source is the text of a file and where its lines begin, counted as package yaml counts lines and columns.
type source struct {
	text  []byte
	lines []int
	// lastPos and lastOffset are a place looked up before: the next one is often behind it on the same, perhaps very long, line.
	lastPos    Pos
	lastOffset int
}

func newSource(text []byte) *source {
	s := &source{text: text, lines: []int{0}}
	if bytes.HasPrefix(text, []byte("\uFEFF")) {
		s.lines[0] = len("\uFEFF")
	}
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		i += size
		switch {
		case r == '\r' && i < len(text) && text[i] == '\n':
		case r == '\n', r == '\r', r == '\u0085', r == '\u2028', r == '\u2029':
			s.lines = append(s.lines, i)
		}
	}
	return s
}

// offset is the index in the text of what stands at a place; ok is false for places that the text does not have.
func (s *source) offset(at Pos) (offset int, ok bool) {
	if at.Line < 1 || at.Line > len(s.lines) || at.Column < 1 {
		return 0, false
	}
	offset, column := s.lines[at.Line-1], 1
	if s.lastPos.Line == at.Line && s.lastPos.Column <= at.Column {
		offset, column = s.lastOffset, s.lastPos.Column
	}
	for ; column < at.Column; column++ {
		if offset >= len(s.text) {
			return 0, false
		}
		_, size := utf8.DecodeRune(s.text[offset:])
		offset += size
	}
	s.lastPos, s.lastOffset = at, offset
	return offset, true
}

// pos is the place of an index in the text.
func (s *source) pos(offset int) Pos {
	line := max(sort.SearchInts(s.lines, offset+1), 1)
	at, start := Pos{line, 1}, min(s.lines[line-1], offset)
	if s.lastPos.Line == line && s.lastOffset <= offset {
		at, start = s.lastPos, s.lastOffset
	}
	at.Column += utf8.RuneCount(s.text[start:offset])
	s.lastPos, s.lastOffset = at, offset
	return at
}

package flow

import (
	"cmp"
	"strings"

	"github.com/agnivade/levenshtein"
)

// maxOffers bounds the work of looking for near names in a file that is wrong all over.
const maxOffers = 100

// nearest is the name nearest to what was written; empty if none is near.
func (r *reader) nearest(written string, names []string) string {
	if len(r.faults) > maxOffers {
		return ""
	}
	written = strings.ToLower(written)
	best, least := "", max(len(written)/3, 1)+1
	for _, name := range names {
		d := distance(written, strings.ToLower(name), least)
		if d < least || d == least && best != "" && cmp.Or(cmp.Compare(len(name), len(best)), cmp.Compare(name, best)) < 0 {
			best, least = name, d
		}
	}
	return best
}

// distance is the number of letters to insert, remove or replace to make b of a; or more than most, if it is more. A
// word that b begins with is near to it, as Jina takes abbreviations.
func distance(a, b string, most int) int {
	if len(a) >= 3 && strings.HasPrefix(b, a) {
		return min(1, most)
	}
	if swapped(a, b) {
		return min(1, most)
	}
	if len(a) > len(b)+most || len(b) > len(a)+most {
		return most + 1
	}
	return levenshtein.ComputeDistance(a, b)
}

// swapped reports whether two words differ by two neighbouring letters that changed places.
func swapped(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	return i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
}

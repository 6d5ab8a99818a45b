package flow

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

// maxOffers bounds the work of looking for near names in a file that is wrong all over.
const maxOffers = 100

// didYouMean offers the name nearest to what was written, or else gives otherwise.
func (r *reader) didYouMean(written string, names []string, otherwise string) string {
	if len(r.faults) > maxOffers {
		return otherwise
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
	best, least := "", max(len(written)/3, 1)+1
	for _, name := range names {
		if d := distance(strings.ToLower(written), strings.ToLower(name), least); d < least {
			best, least = name, d
		}
	}
	if best == "" {
		return otherwise
	}
	return fmt.Sprintf("did you mean %q?", best)
}

// distance is the number of letters to insert, remove or replace to make b of a; or more than most, if it is more. A
// word that b begins with is near to it, as Jina takes abbreviations.
func distance(a, b string, most int) int {
	if len(a) >= 3 && strings.HasPrefix(b, a) {
		return min(1, most)
	}
	if len(a) > len(b)+most || len(b) > len(a)+most {
		return most + 1
	}
	return levenshtein.ComputeDistance(a, b)
}

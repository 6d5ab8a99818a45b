package flow

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// What Fix makes of each flow in testdata/fix stands in the .fixed beside it, and it finds nothing more to do there.
func TestFix(t *testing.T) {
	for _, name := range fixtures(t, "testdata/fix") {
		t.Run(name, func(t *testing.T) {
			t.Chdir("testdata/fix")
			src, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			opts := fixtureOptions(t, src)
			fixed, edits := Fix(name, src, opts)
			golden(t, strings.TrimSuffix(name, ".yml")+".fixed", string(fixed)+fmt.Sprintf("# edits: %d\n", edits))
			if _, edits := Fix(name, fixed, opts); edits > 0 {
				t.Errorf("%d edits a second time", edits)
			}
		})
	}
}

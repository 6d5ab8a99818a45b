//go:build unix

package local

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Whatever somebody gives the guardian by hand, it kills nobody and removes nothing but a run's folder.
func TestGuardRefuses(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	precious := filepath.Join(t.TempDir(), "precious")
	inside := filepath.Join(os.TempDir(), "mine")
	for _, dir := range []string{precious, inside} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, lines := range []string{
		"", precious, inside, "/", ".", "..", os.TempDir(),
		filepath.Join(os.TempDir(), runDirPrefix+"x", "..", "mine"),
		precious + "\n+0\n+1\n+-5\n+x\n+\n-7\nnonsense",
	} {
		if err := Guard(strings.NewReader(lines)); err == nil {
			t.Errorf("%q is not refused", lines)
		}
	}
	for _, dir := range []string{precious, inside} {
		if _, err := os.Stat(dir); err != nil {
			t.Error(err)
		}
	}
}

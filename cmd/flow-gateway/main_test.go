package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestExitCodes(t *testing.T) {
	write := func(text string) string {
		path := filepath.Join(t.TempDir(), "gateway.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := write("name: demo\n")
	stopped, stop := context.WithCancel(t.Context())
	stop()
	for name, test := range map[string]struct {
		args []string
		code int
		says string
	}{
		"told to stop":      {[]string{"--config", good, "--grpc=127.0.0.1:0", "--admin=127.0.0.1:0"}, exitOK, "draining"},
		"no file":           {[]string{"--config", "nowhere.yaml"}, exitConfiguration, "nowhere.yaml"},
		"bad configuration": {[]string{"--config", write("prefetch: -1\n")}, exitConfiguration, "prefetch: is -1"},
		"no such flag":      {[]string{"--prefetch=5"}, exitUsage, "prefetch"},
		"an argument":       {[]string{"gateway.yaml"}, exitUsage, `unexpected argument "gateway.yaml"`},
		"no such address":   {[]string{"--config", good, "--grpc=300.0.0.1:0"}, exitFailed, "300.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			var stderr bytes.Buffer
			ctx := t.Context()
			if test.code == exitOK {
				ctx = stopped
			}
			if code := run(ctx, test.args, io.Discard, &stderr); code != test.code || !strings.Contains(stderr.String(), test.says) {
				t.Errorf("exit code %d, want %d; it says\n%swant %q in it", code, test.code, &stderr, test.says)
			}
		})
	}
}

//go:build unix

package local

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"go.uber.org/goleak"
	"sigs.k8s.io/yaml"

	"github.com/helm-flow/helm-flow/internal/chart"
)

// The test's own program plays the parts of all others: it is started under their names, or with one of these words.
const (
	guardWord = "guard"
	runWord   = "run"
)

func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case "flow-gateway", "flow-executor":
		playWorkload()
		return
	}
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case guardWord:
			exitOn(Guard(os.Stdin))
			return
		case runWord:
			exitOn(playRun(os.Args[2], os.Args[3]))
			return
		}
	}
	goleak.VerifyTestMain(m)
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

// playRun is helm flow run: it runs the manifests in a file with the programs in a folder, and says "open" and the door's
// address when it can be reached.
func playRun(file, programs string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var values map[string]any
	if err := yaml.Unmarshal(text, &values); err != nil {
		return err
	}
	manifests, err := chart.Render(chart.Options{Release: "flow", Values: values})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		<-signals
		cancel()
		<-signals
		os.Exit(130)
	}()
	return Run(ctx, Options{
		Manifests:    manifests,
		Programs:     Programs{Dir: programs},
		GuardCommand: []string{os.Args[0], guardWord},
		Stderr:       os.Stderr,
		Opened:       func(doors []Door) { fmt.Println("open", doors[0].Address) },
	})
}

// playWorkload is a gateway or an executor as far as a run can tell: it is healthy, has a child, and does what the executor's
// usesWith: act: says.
func playWorkload() {
	config := flag.String("config", "", "")
	door := flag.String("grpc", "", "")
	admin := flag.String("admin", "", "")
	for _, unused := range []string{"drain-timeout", "max-message-bytes", "watch"} {
		flag.String(unused, "", "")
	}
	flag.Parse()

	var executor struct{ UsesWith struct{ Act string } }
	text, err := os.ReadFile(*config)
	exitOn(err)
	exitOn(yaml.Unmarshal(text, &executor))
	switch executor.UsesWith.Act {
	case "die":
		fmt.Println("no such model")
		os.Exit(3)
	case "hang":
		select {}
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
	}

	exitOn(exec.Command("sleep", "1000").Start())
	_, err = net.Listen("tcp", *door)
	exitOn(err)
	http.HandleFunc("/crash", func(http.ResponseWriter, *http.Request) { os.Exit(3) })
	http.HandleFunc("/", func(http.ResponseWriter, *http.Request) {})
	fmt.Println(filepath.Base(os.Args[0]), "listens on", *admin)
	exitOn(http.ListenAndServe(*admin, nil))
}

package interop

import (
	"bufio"
	"encoding/json"
	"io"
	"os/exec"
	"testing"
	"time"
)

// scenarioTimeout bounds one scenario; the longest posts 10,000 documents through three Python executors.
const scenarioTimeout = 2 * time.Minute

// client is a Python process that posts with the real jina.Client: testdata/client.py. Importing Jina takes seconds, so one
// process serves all scenarios of a generation.
type client struct {
	*process
	commands *json.Encoder
	answers  *bufio.Reader
}

func startClient(tb testing.TB, g generation) *client {
	tb.Helper()
	cmd := exec.Command(g.python(tb), "client.py")
	cmd.Dir = "testdata"
	cmd.Env = pythonEnv()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	answers, w := io.Pipe()
	cmd.Stdout = w
	p := start(tb, "jina-client-"+string(g), cmd)
	go func() {
		<-p.ended
		w.Close()
	}()
	return &client{process: p, commands: json.NewEncoder(stdin), answers: bufio.NewReader(answers)}
}

// facts runs a scenario of client.py against the gateway at addr and returns what it says, as decoded JSON.
func (c *client) facts(tb testing.TB, scenario, addr string) any {
	tb.Helper()
	hung := time.AfterFunc(scenarioTimeout, c.kill)
	defer hung.Stop()
	if err := c.commands.Encode(map[string]string{"scenario": scenario, "address": addr}); err != nil {
		tb.Fatalf("%s: %v", c.name, err)
	}
	line, err := c.answers.ReadBytes('\n')
	if err != nil {
		tb.Fatalf("%s at %s: no answer in %v: %v", scenario, addr, scenarioTimeout, err)
	}
	var answer struct {
		Facts  any
		Failed string
	}
	if err := json.Unmarshal(line, &answer); err != nil {
		tb.Fatalf("%s: %v: %s", scenario, err, line)
	}
	if answer.Failed != "" {
		tb.Fatalf("%s at %s: %s", scenario, addr, answer.Failed)
	}
	return answer.Facts
}

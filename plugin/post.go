package plugin

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/helm-flow/helm-flow/client"
	"github.com/helm-flow/helm-flow/docarray"
)

// defaultHost is where helm flow run puts a gateway.
const defaultHost = "grpc://127.0.0.1:8080"

// maxLine bounds a document in JSON, in bytes.
const maxLine = 256 << 20

type postCommand struct {
	env        *Env
	host       string
	texts      []string
	file       string
	endpoint   string
	parameters string
	target     string
	size       int
	generation generation
}

func newPostCommand(env *Env) *cobra.Command {
	c := &postCommand{env: env, generation: newGeneration()}
	cmd := &cobra.Command{
		Use:   "post [HOST]",
		Short: "Send documents to a flow and print those that come back",
		Long: `Send documents to a flow and print those that come back, one JSON object per line, in the order they were sent.

HOST is grpc://host:port, or grpcs://host:port for TLS; without one it is ` + defaultHost + `, where helm flow run listens.
Documents are given by --text, or as JSON lines by --file. Without any the flow gets one request without documents.

The exit code is 1 if an executor failed or the flow could not be reached.`,
		Example: `  helm flow post --text hello --text world
  echo '{"text": "hello", "tags": {"lang": "en"}}' | helm flow post --file -
  helm flow post grpc://flow.example:80 --on /search --text hello --parameters '{"top_k": 3}'`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c.host = hostOf(args)
			return c.run(cmd.Context())
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&c.texts, "text", nil, "text of a document; may be given several times")
	flags.StringVarP(&c.file, "file", "f", "", "file with one document in JSON per line; - is stdin")
	flags.StringVar(&c.endpoint, "on", "/default", "endpoint of the executors")
	flags.StringVar(&c.parameters, "parameters", "", "parameters for the executors, a JSON object")
	flags.StringVar(&c.target, "target-executor", "", "regular expression: only executors whose name begins so take part")
	flags.IntVar(&c.size, "request-size", client.DefaultRequestSize, "documents per request")
	flags.Var(&c.generation, "docarray", "generation of the documents, as the flow's executors have it")
	cmd.MarkFlagsMutuallyExclusive("text", "file")
	return cmd
}

func hostOf(args []string) string {
	if len(args) > 0 {
		return args[0]
	}
	return defaultHost
}

func (c *postCommand) run(ctx context.Context) error {
	if c.size < 1 {
		return fmt.Errorf("--request-size %d: want 1 or more", c.size)
	}
	options := client.PostOptions{
		StreamOptions:  client.StreamOptions{InOrder: true, Generation: c.generation.get()},
		RequestSize:    c.size,
		TargetExecutor: c.target,
	}
	if c.parameters != "" {
		if err := json.Unmarshal([]byte(c.parameters), &options.Parameters); err != nil {
			return fmt.Errorf("--parameters: want a JSON object, for example '{\"top_k\": 3}': %w", err)
		}
	}
	flow, err := client.Dial(c.host)
	if err != nil {
		return err
	}
	defer flow.Close()

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	docs := func(yield func(*docarray.Document) bool) {
		for _, text := range c.texts {
			if !yield(&docarray.Document{ID: client.NewID(), Text: text}) {
				return
			}
		}
	}
	var inputErr error
	if c.file != "" {
		input, name, err := c.open()
		if err != nil {
			return err
		}
		defer input.Close()
		docs = readDocuments(ctx, input, name, &inputErr)
	}
	err = c.post(flow.Post(ctx, c.endpoint, docs, options), cancel)
	if inputErr != nil {
		return inputErr
	}
	return err
}

func (c *postCommand) open() (input io.ReadCloser, name string, err error) {
	if c.file == "-" {
		return io.NopCloser(c.env.Stdin), stdinName, nil
	}
	file, err := os.Open(c.file)
	if err != nil {
		return nil, "", fmt.Errorf("--file: %w", err)
	}
	return file, c.file, nil
}

// post prints the documents of all responses. It calls stop before the iteration ends early, for documents may be waited for in vain.
func (c *postCommand) post(responses iter.Seq2[*client.Response, error], stop func()) error {
	out := bufio.NewWriter(c.env.Stdout)
	defer out.Flush()
	var all, failed int
	for response, err := range responses {
		if response == nil {
			stop()
			return unreachable(err)
		}
		all++
		if err != nil {
			failed++
			fmt.Fprintf(c.env.Stderr, "request %s: %v\n", response.ID(), err)
			continue
		}
		docs, err := response.Docs()
		if err == nil {
			err = printDocuments(out, docs)
		}
		if err != nil {
			stop()
			return err
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d requests failed", failed, all)
	}
	return nil
}

func printDocuments(out *bufio.Writer, docs docarray.List) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	for _, doc := range docs {
		if err := encoder.Encode(doc); err != nil {
			return fmt.Errorf("document %s: %w", doc.ID, err)
		}
	}
	// Each answer is shown when it comes, and a reader that is gone is noticed.
	return out.Flush()
}

// unreachable adds what to do where nobody listens.
func unreachable(err error) error {
	if status.Code(err) == codes.Unavailable {
		return fmt.Errorf("%w\nis the flow running? helm flow run flow.yml starts one on %s", err, defaultHost)
	}
	return err
}

// readDocuments reads a document from each line of input, until the end, a fault, which it leaves in *fault, or the end of ctx. A read that
// waits for input cannot be ended: its goroutine goes with the process.
func readDocuments(ctx context.Context, input io.Reader, name string, fault *error) iter.Seq[*docarray.Document] {
	type line struct {
		doc *docarray.Document
		err error
	}
	lines := make(chan line)
	scan := func() {
		defer close(lines)
		scanner := bufio.NewScanner(input)
		scanner.Buffer(nil, maxLine)
		number := 0
		for scanner.Scan() {
			number++
			if len(scanner.Bytes()) == 0 {
				continue
			}
			next := line{doc: new(docarray.Document)}
			if err := json.Unmarshal(scanner.Bytes(), next.doc); err != nil {
				next.err = fmt.Errorf("%s:%d: %w; want one document as JSON per line, for example {\"text\": \"hello\"}", name, number, err)
			}
			select {
			case lines <- next:
			case <-ctx.Done():
				return
			}
			if next.err != nil {
				return
			}
		}
		if err := scanner.Err(); err != nil {
			if errors.Is(err, bufio.ErrTooLong) {
				err = fmt.Errorf("longer than %d MiB", maxLine>>20)
			}
			select {
			case lines <- line{err: fmt.Errorf("%s:%d: %w", name, number+1, err)}:
			case <-ctx.Done():
			}
		}
	}
	return func(yield func(*docarray.Document) bool) {
		go scan()
		for {
			select {
			case next, ok := <-lines:
				if *fault = next.err; !ok || next.err != nil || !yield(next.doc) {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}
}

// generation is the flag --docarray.
type generation struct{ choice }

func newGeneration() generation { return generation{choice{value: "v2", of: []string{"v1", "v2"}}} }

func (g *generation) get() docarray.Generation {
	if g.value == "v1" {
		return docarray.V1
	}
	return docarray.V2
}

package load

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/helm-flow/helm-flow/client"
)

// Client is what one client does. It has a connection and a stream of its own.
type Client struct {
	Name string
	// Docs is how many documents it sends in all; 0 is no end.
	Docs int
	// RequestSize is the number of documents per request.
	RequestSize int
	// InFlight is how many requests may wait for their answers at a time; 0 is as many as the gateway takes.
	InFlight int
	// Rate is requests per second on a fixed schedule; 0 is as fast as the gateway takes them.
	Rate float64
	// Start is when it begins, after the others' zero.
	Start time.Duration
	// Prefetch is the client's own wish for how many of its requests the gateway handles at a time; 0 is none.
	Prefetch int
}

// maxName keeps the table within 80 columns.
const maxName = 10

// ParseClient reads NAME[:KEY=VALUE[,KEY=VALUE]...], for example A:docs=100000,request-size=100.
func ParseClient(text string) (Client, error) {
	name, settings, some := strings.Cut(text, ":")
	c := Client{Name: name, RequestSize: client.DefaultRequestSize}
	if name == "" || len(name) > maxName || strings.ContainsAny(name, "=, \t\n") {
		return Client{}, fmt.Errorf("client %q: want NAME:key=value,... with a NAME of 1 to %d characters, for example A:docs=1000", text, maxName)
	}
	if !some {
		return c, nil
	}
	for setting := range strings.SplitSeq(settings, ",") {
		key, value, _ := strings.Cut(setting, "=")
		if err := c.set(key, value); err != nil {
			return Client{}, fmt.Errorf("client %s: %s: %w", name, setting, err)
		}
	}
	return c, nil
}

func (c *Client) set(key, value string) (err error) {
	switch key {
	case "docs":
		c.Docs, err = positive(value)
	case "request-size":
		c.RequestSize, err = positive(value)
	case "in-flight":
		c.InFlight, err = positive(value)
	case "prefetch":
		c.Prefetch, err = positive(value)
	case "rate":
		c.Rate, err = strconv.ParseFloat(value, 64)
		if err != nil || !(c.Rate > 0 && c.Rate <= 1e6) {
			return fmt.Errorf("want requests per second, above 0 and up to 1000000")
		}
	case "start":
		c.Start, err = time.ParseDuration(value)
		if err != nil || c.Start < 0 {
			return fmt.Errorf("want a time such as 3s")
		}
	default:
		return fmt.Errorf("unknown key; known are docs, request-size, in-flight, rate, start, prefetch")
	}
	return err
}

func positive(value string) (int, error) {
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("want a whole number from 1 on")
	}
	return n, nil
}

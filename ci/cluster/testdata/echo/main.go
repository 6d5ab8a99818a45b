// Command echo is what pods of the tests run: a server that answers with its host's name, and a client for use by kubectl exec.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch args[0] {
	case "serve":
		host, err := os.Hostname()
		if err != nil {
			return err
		}
		fmt.Println("serving")
		return http.ListenAndServe(":8080", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, host) }))
	case "get":
		times, err := strconv.Atoi(args[2])
		if err != nil {
			return err
		}
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		for range times {
			if err := get(client, args[1]); err != nil {
				return err
			}
		}
		return nil
	case "lookup":
		addresses, err := net.LookupHost(args[1])
		fmt.Print(addresses)
		return err
	case "write":
		return os.WriteFile(args[1], []byte("written"), 0o600)
	}
	return fmt.Errorf("unknown command %q", args[0])
}

func get(client *http.Client, url string) error {
	response, err := client.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	fmt.Println(string(body))
	return err
}

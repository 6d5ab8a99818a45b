// Command flow-executor serves one of the built-in executors, as its configuration says.
package main

import "github.com/helm-flow/helm-flow/executor"

func main() { executor.Main(executor.Builtins()...) }

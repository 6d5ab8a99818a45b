// Command hello is a program that is built in a moment.
package main

import "fmt"

func main() { fmt.Println("hello") }

// Parts of an API server, for manifests that are tested without a cluster. tests/bed/kubernetes builds it from Debian's
// packages of Kubernetes.
//
//	apiserver objects <MANIFESTS    each object as the API server decodes it
//	apiserver admit <QUESTION       pods as an admission policy makes them
package main

import (
	"fmt"
	"io"
	"os"
)

func main() {
	commands := map[string]func(io.Reader, io.Writer) error{"objects": objects, "admit": admit}
	if len(os.Args) != 2 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: apiserver objects|admit")
		os.Exit(2)
	}
	if err := commands[os.Args[1]](os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "apiserver:", err)
		os.Exit(1)
	}
}

// Command jieli runs and operates a node of a cross-region hotline federation.
package main

import "os"

// version is set by the linker.
var version = "development"

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

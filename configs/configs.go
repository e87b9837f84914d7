// Package configs holds ready configurations: the one to begin with, for `jieli config init`, and those of the
// demonstration's regions. The service unit beside them is for whoever installs a node.
package configs

import (
	"embed"
	"fmt"
	"slices"
)

//go:embed jieli.yaml
var file []byte

//go:embed demo/*.yaml
var demo embed.FS

// Default is the commented default configuration.
func Default() []byte { return slices.Clone(file) }

// Demo is the configuration of a region of the demonstration.
func Demo(region string) ([]byte, error) {
	b, err := demo.ReadFile("demo/" + region + ".yaml")
	if err != nil {
		return nil, fmt.Errorf("the demonstration has no region %q", region)
	}
	return b, nil
}

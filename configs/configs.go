// Package configs holds ready configurations: those to begin with, for `jieli config init`, and those of the
// demonstration's regions. The service unit beside them is for whoever installs a node.
package configs

import (
	"embed"
	"fmt"
	"slices"
)

//go:embed jieli.yaml
var file []byte

//go:embed mapping.yaml
var mapping []byte

//go:embed demo/*.yaml demo/provinces/*.yaml
var demo embed.FS

// Default is the commented default configuration.
func Default() []byte { return slices.Clone(file) }

// Mapping is the commented default of what a centre's own words are in Jieli.
func Mapping() []byte { return slices.Clone(mapping) }

// Demo is the configuration of a region of the demonstration: one of the three clusters by its id, one of the eleven of
// the other layout as provinces/ID.
func Demo(region string) ([]byte, error) {
	b, err := demo.ReadFile("demo/" + region + ".yaml")
	if err != nil {
		return nil, fmt.Errorf("the demonstration has no region %q", region)
	}
	return b, nil
}

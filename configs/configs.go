// Package configs holds the configuration to begin with, for `jieli config init`.
package configs

import _ "embed"

//go:embed jieli.yaml
var file []byte

// Default is the commented default configuration.
func Default() []byte { return append([]byte(nil), file...) }

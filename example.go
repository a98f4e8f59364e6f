// Package satchel holds what belongs to the whole project: the example configuration, which is also where the defaults
// are written down.
package satchel

import _ "embed"

// ConfigExample is config.example.toml.
//
//go:embed config.example.toml
var ConfigExample string

//go:build !race

package storetest

// Race tells whether the race detector is on. SQLite in pure Go is 25 times slower under it: heavy tests do less then.
const Race = false

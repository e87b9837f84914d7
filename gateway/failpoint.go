//go:build !failpoints

package gateway

// failpoint is where tests built with the tag failpoints end the process; here it is nothing.
func failpoint(string) {}

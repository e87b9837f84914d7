package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/client"
	"github.com/jieli-gateway/jieli/cmd/jieli/internal/lang"
	"github.com/jieli-gateway/jieli/cmd/jieli/internal/suggest"
)

// withNearby adds to an error about a name that the registry does not have the one that may have been meant.
func (a *app) withNearby(root *cobra.Command, args []string, err error) error {
	reason, _, _ := client.Details(err)
	kind := map[string]string{"REGION_NOT_FOUND": "REGION", "SERVICE_NOT_FOUND": "SERVICE", "SERVICE_UNKNOWN": "SERVICE", "NODE_NOT_FOUND": "REGION/NODE"}[reason]
	if kind == "" {
		return err
	}
	var known []string
	for _, one := range a.ask(root, kind, "") {
		name, _, _ := strings.Cut(one, "\t")
		known = append(known, name)
	}
	for _, word := range args {
		if name, value, ok := strings.Cut(word, "="); ok && strings.HasPrefix(name, "-") {
			word = value
		}
		if strings.HasPrefix(word, "-") || slices.Contains(known, word) {
			continue
		}
		if near := suggest.Nearest(word, known); near != "" {
			return lang.Errorf("%w; did you mean %s?", "%w；是否想用 %s？", err, near)
		}
	}
	return err
}

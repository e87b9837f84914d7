package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

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
	for _, word := range wordsOf(root, args, kind) {
		if slices.Contains(known, word) {
			continue
		}
		if near := suggest.Nearest(word, known); near != "" {
			return lang.Errorf("%w; did you mean %s?", "%w；是否想用 %s？", err, near)
		}
	}
	return err
}

// wordsOf gives what a command line that was run has of a kind: as arguments of that name, or with flags for it.
func wordsOf(root *cobra.Command, args []string, kind string) (words []string) {
	c, _, err := root.Find(args)
	if err != nil {
		return nil
	}
	names := argumentsOf(c)
	for i, word := range c.Flags().Args() {
		if i < len(names) && names[i] == kind {
			words = append(words, word)
		}
	}
	c.Flags().Visit(func(f *pflag.Flag) {
		if or(flagKinds()[c.CommandPath()+" --"+f.Name], flagKinds()[f.Name]) == kind {
			words = append(words, f.Value.String())
		}
	})
	return words
}

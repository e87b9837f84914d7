package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/show"
	"github.com/jieli-gateway/jieli/federation/registry"
	"github.com/jieli-gateway/jieli/gateway/link"
)

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Show the version of this binary and what it speaks", Args: exactly(0),
		Example: "  jieli version\n  jieli version -o json",
		RunE: func(*cobra.Command, []string) error {
			v := map[string]any{
				"version": version, "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH,
				"registryLevel": registry.KnownLevel, "linkVersion": link.VersionMax,
			}
			return a.printer().Value(v, func() *show.Table {
				t := &show.Table{Labels: true}
				t.Add("jieli", version)
				t.Add("registry level", fmt.Sprint(registry.KnownLevel))
				t.Add("link version", fmt.Sprint(link.VersionMax))
				t.Add("go", runtime.Version())
				t.Add("platform", runtime.GOOS+"/"+runtime.GOARCH)
				return t
			})
		},
	}
}

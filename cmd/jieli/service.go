package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/client"
	"github.com/jieli-gateway/jieli/cmd/jieli/internal/entry"
	"github.com/jieli-gateway/jieli/cmd/jieli/internal/show"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

func (a *app) service() *cobra.Command {
	return group("service", "Keep the catalogue of services", a.serviceList(), a.serviceSet(), a.serviceDelete())
}

func (a *app) serviceList() *cobra.Command {
	var history bool
	c := &cobra.Command{
		Use: "list", Short: "List services", Args: exactly(0),
		Example: "  jieli service list\n  jieli service list --history",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if history {
				return a.history(cmd.Context(), &jieliv1.ListChangesRequest{About: jieliv1.ListChangesRequest_SERVICES})
			}
			return a.call(cmd.Context(), func(ctx context.Context, c *client.Client) error {
				res, err := c.Registry.ListServices(ctx, &jieliv1.ListServicesRequest{})
				if err != nil {
					return err
				}
				return a.printer().Message(res, func() *show.Table {
					t := &show.Table{Head: []string{"CODE", "CHINESE", "ENGLISH", "EMERGENCY", "ALIASES"}}
					for _, s := range res.GetServices() {
						t.Add(s.GetCode(), s.GetNameZh(), s.GetNameEn(), s.GetEmergency(), strings.Join(s.GetAliases(), " "))
					}
					return t
				})
			})
		},
	}
	historyFlag(c, &history)
	return c
}

func (a *app) serviceSet() *cobra.Command {
	var s jieliv1.ServiceEntry
	c := &cobra.Command{
		Use: "set CODE", Short: "Set a service", Args: exactly(1),
		Example: "  jieli service set urban.elevators --zh 电梯 --en Elevators --alias 电梯故障",
		RunE: func(cmd *cobra.Command, args []string) error {
			fresh := &jieliv1.ServiceEntry{Code: args[0], NameZh: s.GetNameZh(), NameEn: s.GetNameEn(), Aliases: s.GetAliases(), Emergency: s.GetEmergency()}
			if err := entry.Service(fresh); err != nil {
				return usageError{err}
			}
			return a.change(cmd.Context(), func(ctx context.Context, c *client.Client) (*jieliv1.ChangeResponse, error) {
				return c.Registry.SetService(ctx, &jieliv1.SetServiceRequest{Service: fresh})
			})
		},
	}
	c.Flags().StringVar(&s.NameZh, "zh", "", "Chinese name")
	c.Flags().StringVar(&s.NameEn, "en", "", "English name")
	c.Flags().StringSliceVar(&s.Aliases, "alias", nil, "another word that means it")
	c.Flags().StringVar(&s.Emergency, "emergency", "", "number to call at once, for an emergency service")
	return c
}

func (a *app) serviceDelete() *cobra.Command {
	return &cobra.Command{
		Use: "delete CODE", Short: "Delete a service that no route names", Args: exactly(1),
		Example: "  jieli service delete urban.elevators",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := entry.ServiceCode(args[0]); err != nil {
				return usageError{err}
			}
			return a.change(cmd.Context(), func(ctx context.Context, c *client.Client) (*jieliv1.ChangeResponse, error) {
				return c.Registry.SetService(ctx, &jieliv1.SetServiceRequest{Service: &jieliv1.ServiceEntry{Code: args[0]}, Delete: true})
			})
		},
	}
}

func (a *app) division() *cobra.Command {
	return group("division", "Find administrative divisions", a.divisionShow(), a.divisionSearch())
}

// divisionTable says of retired divisions what they became.
func divisionTable(ds ...*jieliv1.Division) *show.Table {
	t := &show.Table{Head: []string{"CODE", "NAME", "FULL NAME", "KIND", "PARENT"}}
	retired := slices.ContainsFunc(ds, func(d *jieliv1.Division) bool { return len(d.GetSuccessors()) > 0 })
	if retired {
		t.Head = append(t.Head, "SUCCESSOR")
	}
	for _, d := range ds {
		row := []string{d.GetCode(), d.GetName(), d.GetFullName(), d.GetKind(), d.GetParent()}
		if retired {
			row = append(row, strings.Join(d.GetSuccessors(), " "))
		}
		t.Add(row...)
	}
	return t
}

func (a *app) divisionShow() *cobra.Command {
	return &cobra.Command{
		Use: "show CODE", Short: "Show one division", Args: exactly(1), Example: "  jieli division show 320506",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := entry.Division(args[0]); err != nil {
				return usageError{err}
			}
			return a.call(cmd.Context(), func(ctx context.Context, c *client.Client) error {
				d, err := c.Registry.GetDivision(ctx, &jieliv1.GetDivisionRequest{Code: args[0]})
				if err != nil {
					return err
				}
				return a.printer().Message(d, func() *show.Table { return divisionTable(d) })
			})
		},
	}
}

func (a *app) divisionSearch() *cobra.Command {
	var limit int32
	c := &cobra.Command{
		Use: "search WORDS", Short: "Find divisions by name or code prefix", Args: exactly(1), Example: "  jieli division search 吴中",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.call(cmd.Context(), func(ctx context.Context, c *client.Client) error {
				res, err := c.Registry.SearchDivisions(ctx, &jieliv1.SearchDivisionsRequest{Q: args[0], Limit: limit})
				if err != nil {
					return err
				}
				if len(res.GetDivisions()) == 0 && a.output == "table" {
					_, err := fmt.Fprintln(a.out, a.printer().Say("no division has that name", "没有匹配的行政区划"))
					return err
				}
				return a.printer().Message(res, func() *show.Table { return divisionTable(res.GetDivisions()...) })
			})
		},
	}
	c.Flags().Int32Var(&limit, "limit", 20, "most to show")
	return c
}

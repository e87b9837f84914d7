package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/client"
	"github.com/jieli-gateway/jieli/cmd/jieli/internal/routefile"
	"github.com/jieli-gateway/jieli/cmd/jieli/internal/show"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

func (a *app) route() *cobra.Command {
	return group("route", "Say who serves which place and which kind of matter",
		a.routeLookup(), a.routeList(), a.routeSet(), a.routeDelete(), a.routeImport(), a.routeExport(), a.routeCheck())
}

func routeTable(routes ...*jieliv1.Route) *show.Table {
	t := &show.Table{Head: []string{"DIVISION", "SERVICE", "REGION", "FROM", "TO", "REVISION", "CHANGED BY"}}
	for _, r := range routes {
		t.Add(r.GetDivision(), or(r.GetService(), "*"), r.GetRegion(), r.GetValidFrom(), r.GetValidTo(), fmt.Sprint(r.GetRevision()), r.GetChangedBy())
	}
	return t
}

func (a *app) routeLookup() *cobra.Command {
	req := &jieliv1.LookupRouteRequest{}
	var strong bool
	c := &cobra.Command{
		Use: "lookup DIVISION [SERVICE]", Short: "Say who serves a place and a kind of matter", Args: between(1, 2),
		Example: "  jieli route lookup 320506 urban.housing --explain\n  jieli route lookup 3205 房屋 --as-of 2027-01-01",
		RunE: func(cmd *cobra.Command, args []string) error {
			req.Division, req.Consistency = args[0], consistency(strong)
			if len(args) > 1 {
				req.Service = args[1]
			}
			return a.call(cmd.Context(), func(ctx context.Context, c *client.Client) error {
				res, err := c.Registry.LookupRoute(ctx, req)
				if err != nil {
					return err
				}
				if res.GetStale() {
					_, _ = fmt.Fprintln(a.err, a.printer().Say("warning: this node has not heard from a quorum for too long; the table may be old", "提示：本节点过久未联系到法定多数，路由表可能已旧"))
				}
				return a.printer().Message(res, func() *show.Table { return lookupTable(res) })
			})
		},
	}
	c.Flags().StringVar(&req.AsOf, "as-of", "", "day, 2026-01-31 (default: today)")
	c.Flags().BoolVar(&req.Explain, "explain", false, "say why each other candidate lost")
	strongFlag(c, &strong)
	return c
}

func lookupTable(res *jieliv1.LookupRouteResponse) *show.Table {
	t := &show.Table{Head: []string{"REGION", "DIVISION", "SERVICE", "FROM", "TO", "WHY"}}
	add := func(r *jieliv1.Route, why string) {
		t.Add(r.GetRegion(), r.GetDivision(), or(r.GetService(), "*"), r.GetValidFrom(), r.GetValidTo(), why)
	}
	add(res.GetRoute(), "WINS")
	for _, c := range res.GetCandidates() {
		add(c.GetRoute(), c.GetReason())
	}
	return t
}

func (a *app) routeList() *cobra.Command {
	req := &jieliv1.ListRoutesRequest{}
	c := &cobra.Command{
		Use: "list", Short: "List routes", Args: exactly(0),
		Example: "  jieli route list",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.connected(func(c *client.Client) error {
				all, err := routefile.Fetch(cmd.Context(), c, req)
				if err != nil {
					return err
				}
				return a.printer().Message(all, func() *show.Table { return routeTable(all.GetRoutes()...) })
			})
		},
	}
	c.Flags().StringVar(&req.Division, "division", "", "only with this division prefix")
	c.Flags().StringVar(&req.Region, "region", "", "only of this region")
	return c
}

func (a *app) routeSet() *cobra.Command {
	var from, to string
	c := &cobra.Command{
		Use: "set DIVISION REGION [SERVICE]", Short: "Set one route", Args: between(2, 3),
		Example: "  jieli route set 3205 suzhou\n  jieli route set 32 changsanjiao urban.housing --from 2027-01-01",
		RunE: func(cmd *cobra.Command, args []string) error {
			r := &jieliv1.Route{Division: args[0], Region: args[1], ValidFrom: from, ValidTo: to}
			if len(args) > 2 {
				r.Service = args[2]
			}
			return a.change(cmd.Context(), func(ctx context.Context, c *client.Client) (*jieliv1.ChangeResponse, error) {
				return c.Registry.SetRoute(ctx, &jieliv1.SetRouteRequest{Route: r})
			})
		},
	}
	c.Flags().StringVar(&from, "from", "", "first day, 2026-01-31")
	c.Flags().StringVar(&to, "to", "", "last day, inclusive")
	return c
}

func (a *app) routeDelete() *cobra.Command {
	var from string
	c := &cobra.Command{
		Use: "delete DIVISION [SERVICE]", Short: "Delete one route", Args: between(1, 2),
		Example: "  jieli route delete 3205\n  jieli route delete 32 urban.housing --from 2027-01-01",
		RunE: func(cmd *cobra.Command, args []string) error {
			req := &jieliv1.DeleteRouteRequest{Division: args[0], ValidFrom: from}
			if len(args) > 1 {
				req.Service = args[1]
			}
			return a.change(cmd.Context(), func(ctx context.Context, c *client.Client) (*jieliv1.ChangeResponse, error) {
				return c.Registry.DeleteRoute(ctx, req)
			})
		},
	}
	c.Flags().StringVar(&from, "from", "", "first day of the route, where it has one")
	return c
}

func (a *app) routeExport() *cobra.Command {
	return &cobra.Command{
		Use: "export", Short: "Print all routes as CSV, as import takes them", Args: exactly(0),
		Example: "  jieli route export > routes.csv",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.connected(func(c *client.Client) error {
				all, err := routefile.Fetch(cmd.Context(), c, &jieliv1.ListRoutesRequest{})
				if err != nil {
					return err
				}
				return routefile.Write(a.out, all.GetRoutes())
			})
		},
	}
}

func (a *app) routeImport() *cobra.Command {
	var dry, replace bool
	c := &cobra.Command{
		Use: "import FILE", Short: "Bring the routes to what a file says, all at once",
		Long: `Reads CSV with the heading division,service,region,validFrom,validTo, or JSON lines with these keys; - reads standard
input. Shows what would change, and changes it as one revision or not at all. Routes that are not in the file stay, unless
--replace says that the file is all there is.`,
		Example: "  jieli route import routes.csv --dry-run\n  jieli route import routes.csv\n  jieli route export | jieli --server sz.example:8345 route import -",
		Args:    exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := a.readAll(args[0])
			if err != nil {
				return err
			}
			rules, err := routefile.Read(b)
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			return a.connected(func(c *client.Client) error {
				plan, err := routefile.Compare(cmd.Context(), c, rules, replace)
				if err != nil {
					return err
				}
				if err := a.showPlan(plan, dry); err != nil || dry || plan.Empty() {
					return err
				}
				return a.applyPlan(cmd.Context(), c, plan)
			})
		},
	}
	c.Flags().BoolVar(&dry, "dry-run", false, "show what would change, and change nothing")
	c.Flags().BoolVar(&replace, "replace", false, "delete routes that are not in the file")
	return c
}

func (a *app) applyPlan(ctx context.Context, c *client.Client, plan *routefile.Plan) error {
	progress := show.NewProgress(a.err)
	revision, err := plan.Apply(ctx, c, func(done, all int) {
		progress.Tell(a.printer().Say("staged %d of %d changes", "已暂存 %d / %d 条变更"), done, all)
	})
	progress.End()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.err, a.printer().Say("done at revision %d\n", "已生效，版本 %d\n"), revision)
	return err
}

func (a *app) routeCheck() *cobra.Command {
	req := &jieliv1.CheckRoutesRequest{}
	c := &cobra.Command{
		Use: "check", Short: "List divisions nobody serves and rules that never win", Args: exactly(0),
		Example: "  jieli route check",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.call(cmd.Context(), func(ctx context.Context, c *client.Client) error {
				res, err := c.Registry.CheckRoutes(ctx, req)
				if err != nil {
					return err
				}
				return a.printer().Message(res, func() *show.Table {
					t := &show.Table{Head: []string{"WHY", "DIVISION", "NAME", "REGION"}}
					for _, d := range res.GetUnserved() {
						t.Add("UNSERVED", d.GetCode(), d.GetFullName(), "")
					}
					for _, r := range res.GetNeverWin() {
						t.Add("NEVER_WINS", r.GetDivision(), or(r.GetService(), "*"), r.GetRegion())
					}
					return t
				})
			})
		},
	}
	c.Flags().StringVar(&req.Division, "division", "", "only below this division prefix")
	c.Flags().StringVar(&req.AsOf, "as-of", "", "day, 2026-01-31 (default: today)")
	return c
}

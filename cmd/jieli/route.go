package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/status"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/client"
	"github.com/jieli-gateway/jieli/cmd/jieli/internal/entry"
	"github.com/jieli-gateway/jieli/cmd/jieli/internal/lang"
	"github.com/jieli-gateway/jieli/cmd/jieli/internal/routefile"
	"github.com/jieli-gateway/jieli/cmd/jieli/internal/show"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
	"github.com/jieli-gateway/jieli/regions"
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
			if err := entry.Joined([]error{entry.Division(req.GetDivision()), entry.Day("--as-of", req.GetAsOf())}); err != nil {
				return usageError{err}
			}
			return a.call(cmd.Context(), func(ctx context.Context, c *client.Client) error {
				res, err := c.Registry.LookupRoute(ctx, req)
				if err != nil {
					return err
				}
				if res.GetStale() {
					_, _ = fmt.Fprintln(a.err, a.printer().Say("warning: this node has not heard from a quorum for too long; the table may be old", "提示：本节点过久未联系到法定多数，路由表可能已旧"))
				}
				return a.printer().Message(res, func() *show.Table { return a.lookupTable(res) })
			})
		},
	}
	c.Flags().StringVar(&req.AsOf, "as-of", "", "day, 2026-01-31 (default: today)")
	c.Flags().BoolVar(&req.Explain, "explain", false, "say why each other candidate lost")
	strongFlag(c, &strong)
	return c
}

// lookupTable has the winner first. Where a division is retired, it says through which successor each rule was weighed.
func (a *app) lookupTable(res *jieliv1.LookupRouteResponse) *show.Table {
	t := &show.Table{Head: []string{"REGION", "DIVISION", "SERVICE", "FROM", "TO", "WHY"}}
	retired := res.GetSuccessor() != ""
	for _, c := range res.GetCandidates() {
		retired = retired || c.GetSuccessor() != ""
	}
	if retired {
		t.Head = append(t.Head, "SUCCESSOR")
	}
	add := func(r *jieliv1.Route, why, successor string) {
		row := []string{r.GetRegion(), r.GetDivision(), or(r.GetService(), "*"), r.GetValidFrom(), r.GetValidTo(), a.why(why)}
		if retired {
			row = append(row, successor)
		}
		t.Add(row...)
	}
	add(res.GetRoute(), "WINS", res.GetSuccessor())
	for _, c := range res.GetCandidates() {
		add(c.GetRoute(), c.GetReason(), c.GetSuccessor())
	}
	return t
}

// why is why a route wins or loses, in the language asked for.
func (a *app) why(code string) string {
	if a.lang == "zh" {
		return lang.RouteReasons().Of(code)
	}
	return code
}

func (a *app) routeList() *cobra.Command {
	req := &jieliv1.ListRoutesRequest{}
	var history bool
	c := &cobra.Command{
		Use: "list", Short: "List routes", Args: exactly(0),
		Example: "  jieli route list --division 32\n  jieli route list --region suzhou --history",
		RunE: func(cmd *cobra.Command, _ []string) error {
			var mistakes []error
			if req.GetDivision() != "" {
				mistakes = append(mistakes, entry.Division(req.GetDivision()))
			}
			if req.GetRegion() != "" {
				mistakes = append(mistakes, entry.RegionID("--region", req.GetRegion()))
			}
			if err := entry.Joined(mistakes); err != nil {
				return usageError{err}
			}
			if history {
				return a.history(cmd.Context(), &jieliv1.ListChangesRequest{About: jieliv1.ListChangesRequest_ROUTES, Region: req.GetRegion(), Subject: req.GetDivision()})
			}
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
	historyFlag(c, &history)
	return c
}

func (a *app) routeSet() *cobra.Command {
	var from, to string
	var unlisted bool
	c := &cobra.Command{
		Use: "set DIVISION REGION [SERVICE]", Short: "Set one route", Args: between(2, 3),
		Example: "  jieli route set 3205 suzhou\n  jieli route set 32 changsanjiao urban.housing --from 2027-01-01",
		RunE: func(cmd *cobra.Command, args []string) error {
			r := &jieliv1.Route{Division: args[0], Region: args[1], ValidFrom: from, ValidTo: to}
			if len(args) > 2 {
				r.Service = args[2]
			}
			if err := entry.Route(r); err != nil {
				return usageError{err}
			}
			if !unlisted {
				if err := entry.KnownDivision(r.GetDivision()); err != nil {
					return usageError{err}
				}
			}
			return a.change(cmd.Context(), func(ctx context.Context, c *client.Client) (*jieliv1.ChangeResponse, error) {
				return c.Registry.SetRoute(ctx, &jieliv1.SetRouteRequest{Route: r})
			})
		},
	}
	c.Flags().StringVar(&from, "from", "", "first day, 2026-01-31")
	c.Flags().StringVar(&to, "to", "", "last day, inclusive")
	newDivisionsFlag(c, &unlisted)
	return c
}

// newDivisionsFlag: the list of divisions in a binary ages.
func newDivisionsFlag(c *cobra.Command, unlisted *bool) {
	c.Flags().BoolVar(unlisted, "new-divisions", false, "take divisions that this binary does not know yet")
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
			if err := entry.RouteKey(req.GetDivision(), req.GetService(), req.GetValidFrom()); err != nil {
				return usageError{err}
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
	var dry bool
	var o routefile.Options
	rows := usualRows
	c := &cobra.Command{
		Use: "import FILE", Short: "Bring the routes to what a file says, all at once",
		Long: `Reads CSV with the heading division,service,region,validFrom,validTo, or JSON lines with these keys; - reads standard
input. Shows what would change, and changes it as one revision or not at all. Routes that are not in the file stay, unless
--replace says that the file is all there is. Lines that the registry would refuse are told by their number, and nothing is
sent.`,
		Example: "  jieli route import routes.csv --dry-run\n  jieli route import routes.csv\n  jieli route export > routes.csv                   # to edit it, then:\n  jieli route import routes.csv --replace --dry-run\n  jieli route import routes.csv --replace",
		Args:    exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := a.readAll(args[0])
			if err != nil {
				return err
			}
			file, err := routefile.Read(b)
			if err != nil {
				return inFile(args[0], err)
			}
			o.Today = regions.DayOf(time.Now())
			return a.connected(func(c *client.Client) error {
				plan, err := routefile.Compare(cmd.Context(), c, file, o)
				if err != nil {
					return inFile(args[0], err)
				}
				if err := a.showPlan(plan, rows); err != nil || dry || plan.Empty() {
					return err
				}
				return a.applyPlan(cmd.Context(), c, plan)
			})
		},
	}
	c.Flags().BoolVar(&dry, "dry-run", false, "show what would change, and change nothing")
	c.Flags().BoolVar(&o.Replace, "replace", false, "delete routes that are not in the file")
	c.Flags().IntVar(&rows, "rows", usualRows, "most routes to show of each region; 0 shows all")
	newDivisionsFlag(c, &o.NewDivisions)
	return c
}

// inFile says of which file mistakes are. What a node answers is not of the file.
func inFile(name string, err error) error {
	if _, answer := status.FromError(err); answer {
		return err
	}
	return lang.Errorf("%s:\n%w", "%s：\n%w", name, err)
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
	_, err = fmt.Fprintf(a.err, a.printer().Say("done at revision %d\n", "已生效，版次 %d\n"), revision)
	return err
}

func (a *app) routeCheck() *cobra.Command {
	req := &jieliv1.CheckRoutesRequest{}
	c := &cobra.Command{
		Use: "check", Short: "List divisions nobody serves and rules that never win", Args: exactly(0),
		Example: "  jieli route check",
		RunE: func(cmd *cobra.Command, _ []string) error {
			mistakes := []error{entry.Day("--as-of", req.GetAsOf())}
			if req.GetDivision() != "" {
				mistakes = append(mistakes, entry.Division(req.GetDivision()))
			}
			if err := entry.Joined(mistakes); err != nil {
				return usageError{err}
			}
			return a.call(cmd.Context(), func(ctx context.Context, c *client.Client) error {
				res, err := c.Registry.CheckRoutes(ctx, req)
				if err != nil {
					return err
				}
				return a.printer().Message(res, func() *show.Table { return a.checkTable(res) })
			})
		},
	}
	c.Flags().StringVar(&req.Division, "division", "", "only below this division prefix")
	c.Flags().StringVar(&req.AsOf, "as-of", "", "day, 2026-01-31 (default: today)")
	return c
}

func (a *app) checkTable(res *jieliv1.CheckRoutesResponse) *show.Table {
	if len(res.GetUnserved())+len(res.GetNeverWin()) == 0 {
		t := &show.Table{}
		t.Add(a.printer().Say("every division is served, and every route wins somewhere", "所有行政区划均有区域承办，所有路由均会生效"))
		return t
	}
	t := &show.Table{Head: []string{"WHY", "DIVISION", "FULL NAME", "SERVICE", "REGION", "FROM", "TO"}}
	for _, d := range res.GetUnserved() {
		t.Add(a.why("UNSERVED"), d.GetCode(), d.GetFullName())
	}
	for _, r := range res.GetNeverWin() {
		t.Add(a.why("NEVER_WINS"), r.GetDivision(), fullName(r.GetDivision()), or(r.GetService(), "*"), r.GetRegion(), r.GetValidFrom(), r.GetValidTo())
	}
	return t
}

// fullName is that of a division; empty when it is not known here.
func fullName(division string) string {
	code, err := regions.ParseCode(division)
	if err != nil {
		return ""
	}
	divisions, err := regions.LoadDivisions()
	if err != nil {
		return ""
	}
	return divisions.FullName(code)
}

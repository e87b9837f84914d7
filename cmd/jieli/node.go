package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/client"
	"github.com/jieli-gateway/jieli/cmd/jieli/internal/entry"
	"github.com/jieli-gateway/jieli/cmd/jieli/internal/show"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

func (a *app) node() *cobra.Command {
	return group("node", "Register the nodes of regions", a.nodeList(), a.nodeSet(), a.nodeRemove())
}

func (a *app) nodeList() *cobra.Command {
	var region string
	var history bool
	c := &cobra.Command{
		Use: "list", Short: "List nodes", Args: exactly(0),
		Example: "  jieli node list\n  jieli node list --region suzhou",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if region != "" {
				if err := entry.RegionID("--region", region); err != nil {
					return usageError{err}
				}
			}
			if history {
				return a.history(cmd.Context(), &jieliv1.ListChangesRequest{About: jieliv1.ListChangesRequest_NODES, Region: region})
			}
			return a.call(cmd.Context(), func(ctx context.Context, c *client.Client) error {
				res, err := c.Registry.ListNodes(ctx, &jieliv1.ListNodesRequest{Region: region})
				if err != nil {
					return err
				}
				return a.printer().Message(res, func() *show.Table {
					t := &show.Table{Head: []string{"NODE", "ADDRESS", "RAFT", "TICKETS", "LEVEL", "VERSION", "REVISION", "CHANGED BY"}}
					for _, n := range res.GetNodes() {
						t.Add(n.GetRegion()+"/"+n.GetName(), n.GetAddress(), fmt.Sprint(n.GetRaft()), fmt.Sprint(n.GetTickets()),
							fmt.Sprint(n.GetLevel()), n.GetVersion(), fmt.Sprint(n.GetRevision()), n.GetChangedBy())
					}
					return t
				})
			})
		},
	}
	c.Flags().StringVar(&region, "region", "", "only of this region")
	historyFlag(c, &history)
	return c
}

// splitNode reads REGION/NODE.
func splitNode(s string) (region, name string, err error) {
	region, name, ok := strings.Cut(s, "/")
	if !ok || region == "" || name == "" {
		return "", "", usage("a node is named REGION/NODE, e.g. suzhou/n1; not %q", "节点须写作 区域/节点，如 suzhou/n1；现为 %q", s)
	}
	return region, name, nil
}

// unchanged stands for the address that a node has, where a command names no other.
const unchanged = "unchanged:1"

func (a *app) nodeSet() *cobra.Command {
	var address string
	var raft, tickets, force bool
	c := &cobra.Command{
		Use: "set REGION/NODE", Short: "Register a node, or change one; what no flag names stays as it is", Args: exactly(1),
		Long: `Registers a node, or changes one that is registered: what no flag names stays as it is. A new node needs --address; it
carries the registry and runs no tickets unless flags say otherwise.

For admins of the region itself and of the bootstrap region. --tickets=false of the node that runs a region's tickets cuts
the region off from all hand-offs until another of its nodes has --tickets, and so needs --force.`,
		Example: "  jieli node set suzhou/n2 --address sz2.example:7345\n  jieli node set suzhou/n1 --address new.sz.example:7345   # it has moved",
		RunE: func(cmd *cobra.Command, args []string) error {
			region, name, err := splitNode(args[0])
			if err != nil {
				return err
			}
			f := cmd.Flags()
			if !f.Changed("address") {
				address = unchanged
			}
			if err := entry.Node(&jieliv1.Node{Region: region, Name: name, Address: address}); err != nil {
				return usageError{err}
			}
			return a.change(cmd.Context(), func(ctx context.Context, c *client.Client) (*jieliv1.ChangeResponse, error) {
				now, old, err := nodeNow(ctx, c, region, name)
				switch {
				case err != nil:
					return nil, err
				case old == nil && address == unchanged:
					return nil, usage("node %s is new: --address is required", "节点 %s 是新节点：必须指定 --address", args[0])
				case old != nil && !f.Changed("address") && !f.Changed("raft") && !f.Changed("tickets"):
					return nil, usage("name what to change: --address, --raft or --tickets", "请指明要改什么：--address、--raft 或 --tickets")
				case old.GetTickets() && f.Changed("tickets") && !tickets && !force:
					return nil, errLastTickets(args[0], region)
				}
				n := &jieliv1.Node{Region: region, Name: name, Raft: raft}
				if old != nil {
					n = proto.CloneOf(old)
				}
				if f.Changed("address") {
					n.Address = address
				}
				if f.Changed("raft") {
					n.Raft = raft
				}
				if f.Changed("tickets") {
					n.Tickets = tickets
				}
				return c.Registry.PutNode(ctx, &jieliv1.PutNodeRequest{Node: n, ExpectedRevision: now})
			})
		},
	}
	c.Flags().StringVar(&address, "address", "", "host:port of its federation port as other regions reach it")
	c.Flags().BoolVar(&raft, "raft", true, "it carries the registry")
	c.Flags().BoolVar(&tickets, "tickets", false, "it runs the region's tickets and links; one node of a region does")
	lastTicketsFlag(c, &force)
	return c
}

// nodeNow reads what the registry has of a node, and at which revision; nil: it has none of this name.
func nodeNow(ctx context.Context, c *client.Client, region, name string) (revision uint64, n *jieliv1.Node, err error) {
	res, err := c.Registry.ListNodes(ctx, &jieliv1.ListNodesRequest{Region: region, Consistency: consistency(true)})
	if err != nil {
		return 0, nil, err
	}
	for _, n := range res.GetNodes() {
		if n.GetRegion() == region && n.GetName() == name {
			return res.GetRevision(), n, nil
		}
	}
	return res.GetRevision(), nil, nil
}

// errLastTickets: a region has at most one node that runs tickets, so that without it no other region reaches it.
func errLastTickets(node, region string) error {
	return usage("%s runs the tickets of %s: without it no other region can reach %[2]s, and what is under way stands still; --force does it all the same",
		"%s 承办 %s 的工单：没有它，其他区域无法与 %[2]s 连接，在途工单停滞；如确需如此，请加 --force", node, region)
}

func lastTicketsFlag(c *cobra.Command, force *bool) {
	c.Flags().BoolVar(force, "force", false, "also where it is the node that runs the region's tickets")
}

func (a *app) nodeRemove() *cobra.Command {
	var force bool
	c := &cobra.Command{
		Use: "remove REGION/NODE", Short: "Remove a node from the registry", Args: exactly(1),
		Long: `Removes a node: it is cut off at once, and other nodes refuse its certificate. For admins of the region itself and of the
bootstrap region. The node that runs a region's tickets is removed with --force only.`,
		Example: "  jieli node remove suzhou/n2",
		RunE: func(cmd *cobra.Command, args []string) error {
			region, name, err := splitNode(args[0])
			if err != nil {
				return err
			}
			return a.change(cmd.Context(), func(ctx context.Context, c *client.Client) (*jieliv1.ChangeResponse, error) {
				req := &jieliv1.RemoveNodeRequest{Region: region, Name: name}
				if !force {
					now, old, err := nodeNow(ctx, c, region, name)
					if err != nil {
						return nil, err
					}
					if old.GetTickets() {
						return nil, errLastTickets(args[0], region)
					}
					req.ExpectedRevision = now
				}
				return c.Registry.RemoveNode(ctx, req)
			})
		},
	}
	lastTicketsFlag(c, &force)
	return c
}

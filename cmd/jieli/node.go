package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

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

func (a *app) nodeSet() *cobra.Command {
	var address string
	var raft, tickets bool
	c := &cobra.Command{
		Use: "set REGION/NODE", Short: "Register or change a node", Args: exactly(1),
		Example: "  jieli node set suzhou/n2 --address sz2.example:7345 --raft --tickets=false",
		RunE: func(cmd *cobra.Command, args []string) error {
			region, name, err := splitNode(args[0])
			if err != nil {
				return err
			}
			n := &jieliv1.Node{Region: region, Name: name, Address: address, Raft: raft, Tickets: tickets}
			if err := entry.Node(n); err != nil {
				return usageError{err}
			}
			return a.change(cmd.Context(), func(ctx context.Context, c *client.Client) (*jieliv1.ChangeResponse, error) {
				return c.Registry.PutNode(ctx, &jieliv1.PutNodeRequest{Node: n})
			})
		},
	}
	c.Flags().StringVar(&address, "address", "", "host:port of its federation port as other regions reach it")
	c.Flags().BoolVar(&raft, "raft", true, "it carries the registry")
	c.Flags().BoolVar(&tickets, "tickets", false, "it runs the region's tickets and links; one node of a region does")
	_ = c.MarkFlagRequired("address") // the flag exists
	return c
}

func (a *app) nodeRemove() *cobra.Command {
	return &cobra.Command{
		Use: "remove REGION/NODE", Short: "Remove a node from the registry", Args: exactly(1),
		Example: "  jieli node remove suzhou/n2",
		RunE: func(cmd *cobra.Command, args []string) error {
			region, name, err := splitNode(args[0])
			if err != nil {
				return err
			}
			return a.change(cmd.Context(), func(ctx context.Context, c *client.Client) (*jieliv1.ChangeResponse, error) {
				return c.Registry.RemoveNode(ctx, &jieliv1.RemoveNodeRequest{Region: region, Name: name})
			})
		},
	}
}

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/client"
	"github.com/jieli-gateway/jieli/cmd/jieli/internal/entry"
	"github.com/jieli-gateway/jieli/cmd/jieli/internal/show"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// What a policy means that does not say (proto/jieli/v1/registry.proto).
const (
	usualGrace      = 24 * time.Hour
	usualRequestIDs = 1_000_000
	usualFloor      = 1
)

func (a *app) policy() *cobra.Command {
	return group("policy", "Show and change what holds for the whole federation", a.policyShow(), a.policySet(), a.policyRaise())
}

func (a *app) policyShow() *cobra.Command {
	var history bool
	c := &cobra.Command{
		Use: "show", Short: "Show the policy and the registry's level", Args: exactly(0),
		Example: "  jieli policy show\n  jieli policy show --history",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if history {
				return a.history(cmd.Context(), &jieliv1.ListChangesRequest{About: jieliv1.ListChangesRequest_POLICY})
			}
			return a.call(cmd.Context(), func(ctx context.Context, c *client.Client) error {
				res, err := c.Registry.GetPolicy(ctx, &jieliv1.GetPolicyRequest{})
				if err != nil {
					return err
				}
				return a.printer().Message(res, func() *show.Table { return a.policyTable(res) })
			})
		},
	}
	historyFlag(c, &history)
	return c
}

func (a *app) policyTable(res *jieliv1.GetPolicyResponse) *show.Table {
	p := res.GetPolicy()
	grace, ids, floor := usualGrace, uint32(usualRequestIDs), uint32(usualFloor)
	if p.GetRegistryGrace() != nil {
		grace = p.GetRegistryGrace().AsDuration()
	}
	if p.GetRequestIds() != 0 {
		ids = p.GetRequestIds()
	}
	if p.GetLinkVersionFloor() != 0 {
		floor = p.GetLinkVersionFloor()
	}
	t := &show.Table{Head: []string{"FIELD", "VALUE"}, Labels: true}
	t.Add("registry grace", grace.String())
	t.Add("request ids", fmt.Sprint(ids))
	t.Add("link version floor", fmt.Sprint(floor))
	t.Add("level", fmt.Sprint(res.GetLevel()))
	t.Add("revision", fmt.Sprint(p.GetRevision()))
	a.addTerms(t, p.GetTerms())
	return t
}

func (a *app) policySet() *cobra.Command {
	var grace time.Duration
	var ids, floor uint32
	var terms termEdit
	c := &cobra.Command{
		Use: "set", Short: "Change the policy; what no flag names stays as it is", Args: exactly(0),
		Long: `Changes the policy; what no flag names stays as it is. For admins of the bootstrap region; those of other regions change the terms
of their own.

--registry-grace: how long a node that hears from no quorum goes on offering by its last table.
--link-version-floor: lowest link version a peer may speak. Nodes of older binaries are cut off.
--answer 5d and the like: how long things may take, for the region, service, type and urgency that the other flags name. What
is promised already stays: only later hand-offs are touched.`,
		Example: "  jieli policy set --registry-grace 48h\n  jieli policy set --for-region suzhou --type COMPLAINT --answer 10d",
		RunE: func(cmd *cobra.Command, _ []string) error {
			f := cmd.Flags()
			if !f.Changed("registry-grace") && !f.Changed("request-ids") && !f.Changed("link-version-floor") && !terms.asked() {
				return usage("name what to change: --registry-grace, --request-ids, --link-version-floor or a term, as --answer", "请指明要改什么：--registry-grace、--request-ids、--link-version-floor 或时限，如 --answer")
			}
			return a.change(cmd.Context(), func(ctx context.Context, c *client.Client) (*jieliv1.ChangeResponse, error) {
				now, err := c.Registry.GetPolicy(ctx, &jieliv1.GetPolicyRequest{})
				if err != nil {
					return nil, err
				}
				p := &jieliv1.Policy{}
				if now.GetPolicy() != nil {
					p = proto.CloneOf(now.GetPolicy())
				}
				if f.Changed("registry-grace") {
					p.RegistryGrace = durationpb.New(grace)
				}
				if f.Changed("request-ids") {
					p.RequestIds = ids
				}
				if f.Changed("link-version-floor") {
					p.LinkVersionFloor = floor
				}
				if terms.asked() {
					if err := terms.apply(p); err != nil {
						return nil, err
					}
				}
				if err := entry.Policy(p); err != nil {
					return nil, usageError{err}
				}
				return c.Registry.SetPolicy(ctx, &jieliv1.SetPolicyRequest{Policy: p, ExpectedRevision: now.GetRevision()})
			})
		},
	}
	c.Flags().DurationVar(&grace, "registry-grace", usualGrace, "how long a node without a quorum goes on offering: 1m to 8760h")
	c.Flags().Uint32Var(&ids, "request-ids", usualRequestIDs, "request ids that the registry remembers")
	c.Flags().Uint32Var(&floor, "link-version-floor", usualFloor, "lowest link version a peer may speak")
	terms.flags(c)
	return c
}

func (a *app) policyRaise() *cobra.Command {
	var level uint32
	c := &cobra.Command{
		Use: "raise-level --to LEVEL", Short: "Raise the registry's level once every active node knows it", Args: exactly(0),
		Example: "  jieli policy raise-level --to 2",
		Long: `Raises the registry's level by one, so that its newer commands can be used. There is no way back: a binary that does not
know the level serves its last table as stale from then on. ` + "`jieli node list`" + ` shows what each node knows.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.change(cmd.Context(), func(ctx context.Context, c *client.Client) (*jieliv1.ChangeResponse, error) {
				return c.Registry.RaiseLevel(ctx, &jieliv1.RaiseLevelRequest{Level: level})
			})
		},
	}
	c.Flags().Uint32Var(&level, "to", 0, "the new level: one more than the present one")
	_ = c.MarkFlagRequired("to") // the flag exists
	return c
}

package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/client"
	"github.com/jieli-gateway/jieli/cmd/jieli/internal/entry"
	"github.com/jieli-gateway/jieli/cmd/jieli/internal/lang"
	"github.com/jieli-gateway/jieli/cmd/jieli/internal/misread"
	"github.com/jieli-gateway/jieli/cmd/jieli/internal/show"
	"github.com/jieli-gateway/jieli/federation/trust"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

func (a *app) region() *cobra.Command {
	return group("region", "Register regions and say who is a member",
		a.regionList(), a.regionShow(), a.regionRegister(), a.regionUpdate(),
		a.regionChange("approve", "Make a pending region a member", jieliv1.RegistryServiceClient.ApproveRegion),
		a.regionChange("suspend", "Stop new offers to and from a region", jieliv1.RegistryServiceClient.SuspendRegion),
		a.regionChange("resume", "Make a suspended region active again", jieliv1.RegistryServiceClient.ResumeRegion),
		a.regionRetire(), a.regionRevoke(),
	)
}

func (a *app) regionList() *cobra.Command {
	var strong bool
	c := &cobra.Command{
		Use: "list", Short: "List regions", Args: exactly(0),
		Example: "  jieli region list",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.call(cmd.Context(), func(ctx context.Context, c *client.Client) error {
				res, err := c.Registry.ListRegions(ctx, &jieliv1.ListRegionsRequest{Consistency: consistency(strong)})
				if err != nil {
					return err
				}
				return a.printer().Message(res, func() *show.Table {
					t := &show.Table{Head: []string{"ID", "NAME", "CLUSTER", "STATE", "DUTY PHONE", "REVISION", "CHANGED BY"}}
					for _, r := range res.GetRegions() {
						t.Add(r.GetId(), a.name(r.GetNameZh(), r.GetNameEn()), r.GetCluster(), r.GetState().String(), r.GetDutyPhone(), fmt.Sprint(r.GetRevision()), r.GetChangedBy())
					}
					return t
				})
			})
		},
	}
	strongFlag(c, &strong)
	return c
}

func strongFlag(c *cobra.Command, strong *bool) {
	c.Flags().BoolVar(strong, "strong", false, "as new as the leader's copy; needs a quorum")
}

func consistency(strong bool) jieliv1.Consistency_Mode {
	if strong {
		return jieliv1.Consistency_STRONG
	}
	return jieliv1.Consistency_LOCAL
}

// name is a region's or service's name in the language asked for.
func (a *app) name(zh, en string) string {
	if a.lang == "zh" || en == "" {
		return or(zh, en)
	}
	return en
}

func (a *app) regionShow() *cobra.Command {
	var history bool
	c := &cobra.Command{
		Use: "show ID", Short: "Show one region with its nodes", Args: exactly(1),
		Example: "  jieli region show suzhou\n  jieli region show suzhou --history",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := entry.RegionID("ID", args[0]); err != nil {
				return usageError{err}
			}
			if history {
				return a.history(cmd.Context(), &jieliv1.ListChangesRequest{Region: args[0]})
			}
			return a.call(cmd.Context(), func(ctx context.Context, c *client.Client) error {
				res, err := c.Registry.GetRegion(ctx, &jieliv1.GetRegionRequest{Id: args[0]})
				if err != nil {
					return err
				}
				return a.printer().Message(res, func() *show.Table { return regionTable(res) })
			})
		},
	}
	historyFlag(c, &history)
	return c
}

func regionTable(res *jieliv1.GetRegionResponse) *show.Table {
	r := res.GetRegion()
	t := &show.Table{Head: []string{"FIELD", "VALUE"}, Labels: true}
	for _, f := range [][2]string{
		{"id", r.GetId()},
		{"Chinese name", r.GetNameZh()},
		{"English name", r.GetNameEn()},
		{"cluster", r.GetCluster()},
		{"state", r.GetState().String()},
		{"legal name", r.GetLegalName()},
		{"document number", r.GetDocumentNumber()},
		{"duty phone", r.GetDutyPhone()},
		{"data contact", r.GetDataContact()},
		{"number prefix", r.GetNumberPrefix()},
		{"successor", r.GetSuccessor()},
		{"revision", fmt.Sprint(r.GetRevision())},
		{"changed by", r.GetChangedBy()},
		{"changed", stamp(r.GetChangeTime())},
	} {
		if f[1] != "" {
			t.Add(f[0], f[1])
		}
	}
	for _, der := range r.GetBundle() {
		t.Add("CA", trust.Fingerprint(sha256.Sum256(der)).String())
	}
	for _, k := range r.GetSigningKeys() {
		t.Add("signing key", k.GetKeyId())
	}
	for _, n := range res.GetNodes() {
		t.Add("node", fmt.Sprintf("%s %s raft=%t tickets=%t level=%d %s", n.GetName(), n.GetAddress(), n.GetRaft(), n.GetTickets(), n.GetLevel(), n.GetVersion()))
	}
	return t
}

func stamp(t *timestamppb.Timestamp) string {
	if t == nil {
		return ""
	}
	return local(t.AsTime())
}

func (a *app) regionRegister() *cobra.Command {
	var file string
	var told []string
	c := &cobra.Command{
		Use: "register --file FILE", Short: "Register a region as pending, with its first nodes", Args: exactly(0),
		Long: `Registers a region as pending: its nodes are trusted once it is approved, by the CAs in the file. So their fingerprints are
to be had from the newcomer by another way, best by telephone: --fingerprint takes what was told and refuses any other CA;
without it the fingerprints are shown, to be compared before ` + "`jieli region approve`" + `.`,
		Example: "  jieli pki show -o json > suzhou.json     # at the newcomer\n  jieli region register --file suzhou.json # at a member",
		RunE: func(cmd *cobra.Command, _ []string) error {
			req, err := a.readRegistration(file)
			if err != nil {
				return err
			}
			pins := make([]trust.Fingerprint, len(told))
			for i, text := range told {
				if pins[i], err = trust.ParseFingerprint(text); err != nil {
					return usage("--fingerprint: %w", "--fingerprint：%w", err)
				}
			}
			cas, err := checkFingerprints(req.GetRegion(), pins)
			if err != nil {
				return inFile(file, err)
			}
			if err := a.change(cmd.Context(), func(ctx context.Context, c *client.Client) (*jieliv1.ChangeResponse, error) {
				return c.Registry.RegisterRegion(ctx, req)
			}); err != nil || len(pins) > 0 {
				return err
			}
			for _, ca := range cas {
				_, _ = fmt.Fprintf(a.err, a.printer().Say("CA of %s: %s\nask the newcomer by telephone whether it is theirs before you approve it\n", "%s 的 CA 指纹：%s\n批准之前，请电话向对方核对\n"), req.GetRegion().GetId(), ca)
			}
			return nil
		},
	}
	fileFlag(c, &file)
	c.Flags().StringSliceVar(&told, "fingerprint", nil, "bundleFingerprint of the newcomer's `jieli pki show`, told by another way than the file came")
	return c
}

// checkFingerprints gives the CAs of a bundle, and refuses one that has another than those told, where any was.
func checkFingerprints(r *jieliv1.Region, told []trust.Fingerprint) ([]trust.Fingerprint, error) {
	bundle, err := trust.ParseBundle(r.GetId(), r.GetBundle())
	if err != nil {
		return nil, err
	}
	cas := make([]trust.Fingerprint, len(bundle))
	for i, ca := range bundle {
		cas[i] = trust.FingerprintOf(ca)
		if len(told) > 0 && !slices.Contains(told, cas[i]) {
			return nil, lang.Errorf("region.bundle: has a CA that was not told, %s: whoever made this file is not whom you spoke with, or its keys were made anew",
				"region.bundle：含有未经告知的 CA %s：文件不是与您通话者所制，或其密钥已重新生成", cas[i])
		}
	}
	return cas, nil
}

func (a *app) regionUpdate() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use: "update --file FILE", Short: "Replace this region's own entry, from `jieli pki show -o json`", Args: exactly(0),
		Example: "  jieli pki show -o json > suzhou.json\n  jieli region update --file suzhou.json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			req, err := a.readRegistration(file)
			if err != nil {
				return err
			}
			return a.change(cmd.Context(), func(ctx context.Context, c *client.Client) (*jieliv1.ChangeResponse, error) {
				return c.Registry.UpdateRegion(ctx, &jieliv1.UpdateRegionRequest{Region: req.GetRegion()})
			})
		},
	}
	fileFlag(c, &file)
	return c
}

// changeOfRegion is a call that moves a region to another state.
type changeOfRegion func(jieliv1.RegistryServiceClient, context.Context, *jieliv1.ChangeRegionRequest, ...grpc.CallOption) (*jieliv1.ChangeResponse, error)

func (a *app) regionChange(use, short string, do changeOfRegion) *cobra.Command {
	return &cobra.Command{
		Use: use + " ID", Short: short, Args: exactly(1), Example: "  jieli region " + use + " suzhou",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := entry.RegionID("ID", args[0]); err != nil {
				return usageError{err}
			}
			return a.changeRegion(cmd.Context(), do, &jieliv1.ChangeRegionRequest{Id: args[0]})
		},
	}
}

func (a *app) changeRegion(ctx context.Context, do changeOfRegion, req *jieliv1.ChangeRegionRequest) error {
	return a.change(ctx, func(ctx context.Context, c *client.Client) (*jieliv1.ChangeResponse, error) {
		return do(c.Registry, ctx, req)
	})
}

func (a *app) regionRetire() *cobra.Command {
	var successor string
	var yes bool
	c := &cobra.Command{
		Use: "retire ID", Short: "End a membership; this cannot be undone", Args: exactly(1),
		Long: `Ends a region's membership. This cannot be undone: its id and its number prefix are never used again. Its routes must be
gone. At its own node, which counts them, it must have no open tickets; anywhere else --successor names who takes over.

Asks on a terminal whether it is meant; --yes says so beforehand, and is required where there is no terminal.`,
		Example: "  jieli region retire suzhou\n  jieli region retire suzhou --successor wuxi --yes",
		RunE: func(cmd *cobra.Command, args []string) error {
			mistakes := []error{entry.RegionID("ID", args[0])}
			if successor != "" {
				mistakes = append(mistakes, entry.RegionID("--successor", successor))
			}
			if err := entry.Joined(mistakes); err != nil {
				return usageError{err}
			}
			if !yes {
				if err := a.confirm(args[0], lang.Words{English: "retiring " + args[0] + " ends its membership", Chinese: args[0] + " 将退出联盟"}); err != nil {
					return err
				}
			}
			return a.changeRegion(cmd.Context(), jieliv1.RegistryServiceClient.RetireRegion, &jieliv1.ChangeRegionRequest{Id: args[0], Successor: successor})
		},
	}
	c.Flags().StringVar(&successor, "successor", "", "region that takes over")
	yesFlag(c, &yes)
	return c
}

func (a *app) regionRevoke() *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use: "revoke ID", Short: "Cut a compromised region off at once; this cannot be undone", Args: exactly(1),
		Long: `Cuts a compromised region off at once, open connections too. This cannot be undone: its id and its number prefix are never
used again, and what is under way with it stands still. ` + "`jieli region suspend`" + ` stops new offers and can be undone.

Asks on a terminal whether it is meant; --yes says so beforehand, and is required where there is no terminal.`,
		Example: "  jieli region revoke suzhou\n  jieli region revoke suzhou --yes",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := entry.RegionID("ID", args[0]); err != nil {
				return usageError{err}
			}
			if !yes {
				if err := a.confirm(args[0], lang.Words{English: "revoking " + args[0] + " cuts it off at once", Chinese: args[0] + " 将被立即切断"}); err != nil {
					return err
				}
			}
			return a.changeRegion(cmd.Context(), jieliv1.RegistryServiceClient.RevokeRegion, &jieliv1.ChangeRegionRequest{Id: args[0]})
		},
	}
	yesFlag(c, &yes)
	return c
}

// readRegistration reads a region with its nodes and checks it whole.
func (a *app) readRegistration(file string) (*jieliv1.RegisterRegionRequest, error) {
	req := new(jieliv1.RegisterRegionRequest)
	b, err := a.readAll(file)
	if err != nil {
		return nil, err
	}
	if !misread.Object(b) {
		return nil, lang.Errorf("%s: this is not JSON; give the output of `jieli pki show -o json`", "%s：不是 JSON；请给出 `jieli pki show -o json` 的输出", file)
	}
	if err := parse(file, b, req); err != nil {
		return nil, err
	}
	if err := entry.Registration(req); err != nil {
		return nil, inFile(file, err)
	}
	return req, nil
}

// change makes one change of the registry and says at which revision it took effect.
func (a *app) change(ctx context.Context, do func(context.Context, *client.Client) (*jieliv1.ChangeResponse, error)) error {
	return a.call(ctx, func(ctx context.Context, c *client.Client) error {
		res, err := do(ctx, c)
		if err != nil {
			return err
		}
		return a.printer().Message(res, func() *show.Table {
			t := &show.Table{}
			t.Add(fmt.Sprintf(a.printer().Say("done at revision %d", "已生效，版次 %d"), res.GetRevision()))
			return t
		})
	})
}

func fileFlag(c *cobra.Command, file *string) {
	c.Flags().StringVar(file, "file", "", "JSON file; - reads standard input")
	_ = c.MarkFlagRequired("file") // the flag exists
}

// maxInput bounds a file the command line reads whole.
const maxInput = 64 << 20

// readFile reads protobuf JSON; unknown keys are errors.
func (a *app) readFile(file string, m proto.Message) error {
	b, err := a.readAll(file)
	if err != nil {
		return err
	}
	return parse(file, b, m)
}

// parse reads what a file has. Of an object that lacks what goes around it, that is said, not that its keys are unknown.
func parse(file string, b []byte, m proto.Message) error {
	if err := protojson.Unmarshal(b, m); err != nil {
		if !misread.Object(b) {
			return lang.Errorf("%s: this is not a JSON object", "%s：不是 JSON 对象", file)
		}
		if around := misread.Wrapper(b, m); around != "" {
			return lang.Errorf("%s: wrap it in {%q: …}", "%s：请放在 {%q: …} 之内", file, around)
		}
		line, column, what := misread.Of(err, m)
		if line > 0 {
			file = fmt.Sprintf("%s:%d:%d", file, line, column)
		}
		return lang.Errorf("%s: %s", "%s: %s", file, lang.Words{English: what, Chinese: lang.Rule(what)})
	}
	return nil
}

func (a *app) readAll(file string) ([]byte, error) {
	in := a.in
	if file != "-" {
		f, err := os.Open(filepath.Clean(file))
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, maxInput+1))
	if err == nil && len(b) > maxInput {
		err = lang.Errorf("%s: more than %d MiB", "%s：超过 %d MiB", file, maxInput>>20)
	}
	return b, err
}

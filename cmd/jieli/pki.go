package main

import (
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/show"
	"github.com/jieli-gateway/jieli/federation/trust"
	"github.com/jieli-gateway/jieli/gateway"
	"github.com/jieli-gateway/jieli/gateway/config"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

func (a *app) pki() *cobra.Command {
	return group("pki", "Make and show this region's keys and certificates", a.pkiInit(), a.pkiIssue(), a.pkiShow(), a.pkiRotate())
}

func (a *app) pkiInit() *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use: "init REGION", Short: "Make a region's CA, signing key and content key", Args: exactly(1),
		Example: "  jieli pki init suzhou --dir /var/lib/jieli/pki",
		RunE: func(_ *cobra.Command, args []string) error {
			if err := trust.Init(dir, args[0]); err != nil {
				return err
			}
			p := a.printer()
			return p.Done(map[string]any{"region": args[0], "dir": dir},
				fmt.Sprintf(p.Say("keys of region %s are in %s; keep ca.pem safe", "区域 %s 的密钥在 %s；请妥善保管 ca.pem"), args[0], dir))
		},
	}
	dirFlag(c, &dir)
	return c
}

func dirFlag(c *cobra.Command, dir *string) {
	c.Flags().StringVar(dir, "dir", "data/pki", "directory of the keys")
}

func (a *app) pkiIssue() *cobra.Command {
	var dir string
	var hosts []string
	var days int
	var out string
	c := &cobra.Command{
		Use: "issue NODE", Short: "Issue a node's certificate", Args: exactly(1),
		Example: "  jieli pki issue n1 --dir /var/lib/jieli/pki",
		RunE: func(_ *cobra.Command, args []string) error {
			o := trust.IssueOptions{Validity: time.Duration(days) * 24 * time.Hour, Out: out, RegionKeys: out != ""}
			for _, h := range hosts {
				if ip := net.ParseIP(h); ip != nil {
					o.IPs = append(o.IPs, ip)
				} else {
					o.DNSNames = append(o.DNSNames, h)
				}
			}
			if err := trust.Issue(dir, args[0], o); err != nil {
				return err
			}
			p := a.printer()
			return p.Done(map[string]any{"node": args[0], "dir": or(out, dir), "days": days},
				fmt.Sprintf(p.Say("node %s has a certificate for %d days", "节点 %s 的证书有效期 %d 天"), args[0], days))
		},
	}
	dirFlag(c, &dir)
	c.Flags().StringSliceVar(&hosts, "host", nil, "DNS name or IP address to put into the certificate")
	c.Flags().IntVar(&days, "days", 90, "days it is valid")
	c.Flags().StringVar(&out, "out", "", "directory for another node's keys, to be carried there (default: the same)")
	return c
}

func (a *app) pkiShow() *cobra.Command {
	var file, dir string
	var raft, tickets bool
	c := &cobra.Command{
		Use: "show", Short: "Show what a federation must know of this region and node",
		Long: `Shows identity, fingerprint and expiry. With -o json it prints what ` + "`jieli region register --file`" + ` takes: the
region's entry, from the keys and the configuration's region section, and this node.`,
		Example: "  jieli pki show\n  jieli pki show --config jieli.yaml -o json > suzhou.json",
		Args:    exactly(0),
		RunE: func(*cobra.Command, []string) error {
			cfg, err := a.pkiConfig(file, dir)
			if err != nil {
				return err
			}
			m, err := trust.Load(cfg.PKIDir)
			if err != nil {
				return err
			}
			if a.output == "table" {
				return a.showKeys(m)
			}
			if err := a.registrable(cfg); err != nil {
				return err
			}
			region, node := gateway.Entry(m, cfg.Region.Entry(), cfg.Federation.Advertise, raft, tickets)
			return a.printer().Message(&jieliv1.RegisterRegionRequest{Region: region, Nodes: []*jieliv1.Node{node}}, nil)
		},
	}
	configFlag(c, &file)
	c.Flags().StringVar(&dir, "dir", "", "directory of the keys (default: pkiDir of the configuration)")
	c.Flags().BoolVar(&raft, "raft", true, "the node carries the registry")
	c.Flags().BoolVar(&tickets, "tickets", true, "the node runs tickets")
	return c
}

// pkiConfig reads the configuration, or none when only a directory is named and no file is there.
func (a *app) pkiConfig(file, dir string) (*config.Config, error) {
	if file == "" && dir != "" && config.Find() == "" {
		return &config.Config{PKIDir: dir}, nil
	}
	cfg, err := loadConfig(file, "--config or --dir")
	if err == nil && dir != "" {
		cfg.PKIDir = dir
	}
	return cfg, err
}

func (a *app) showKeys(m *trust.Material) error {
	b, err := json.Marshal(m.Show())
	if err != nil {
		return err
	}
	var values map[string]any
	if err := json.Unmarshal(b, &values); err != nil {
		return err
	}
	t := &show.Table{Head: []string{"FIELD", "VALUE"}, Labels: true}
	for _, k := range []string{"region", "node", "spiffeId", "bundleFingerprint", "signingKeyId", "contentKeyId", "certificateExpires", "caExpires"} {
		if v, ok := values[k]; ok {
			t.Add(k, fmt.Sprint(v))
		}
	}
	return a.printer().Value(nil, func() *show.Table { return t })
}

func (a *app) pkiRotate() *cobra.Command {
	var dir string
	var retire bool
	c := &cobra.Command{
		Use: "rotate node|signing|ca|content", Short: "Replace a key or certificate; old ones stay where they are needed",
		Long: `Replaces one part. After ca: update the region's entry (` + "`jieli region update`" + `), rotate node, then --retire-old-cas and
update the entry again. After signing: update the entry, then restart the node.`,
		Example: "  jieli pki rotate node",
		Args:    between(0, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			if retire {
				if err := trust.RetireOldCAs(dir); err != nil {
					return err
				}
				return a.rotated("old-cas", "update the region's entry: jieli region update", "请更新本区域登记：jieli region update")
			}
			if len(args) != 1 {
				return usage("name what to rotate: node, signing, ca or content", "请指明更换哪一项：node、signing、ca 或 content")
			}
			part := trust.Part(args[0])
			if !slices.Contains([]trust.Part{trust.PartNode, trust.PartSigning, trust.PartCA, trust.PartContent}, part) {
				return usage("%s cannot be rotated: name node, signing, ca or content", "%s 不能更换：须为 node、signing、ca 或 content", args[0])
			}
			if err := trust.Rotate(dir, part); err != nil {
				return err
			}
			switch part {
			case trust.PartNode:
				return a.rotated("node", "a running node takes it by itself", "运行中的节点会自行采用")
			case trust.PartCA:
				return a.rotated("ca", "update the region's entry, then rotate node", "请更新本区域登记，然后更换 node")
			case trust.PartSigning:
				return a.rotated("signing", "update the region's entry, then restart the node", "请更新本区域登记，然后重启节点")
			}
			return a.rotated(args[0], "restart the node", "请重启节点")
		},
	}
	dirFlag(c, &dir)
	c.Flags().BoolVar(&retire, "retire-old-cas", false, "drop CAs that no certificate here needs any more")
	return c
}

// rotated says what was replaced, and what to do next.
func (a *app) rotated(what, next, chinese string) error {
	p := a.printer()
	return p.Done(map[string]any{"rotated": what}, fmt.Sprintf(p.Say("%s: done; %s", "%s：已完成；%s"), what, p.Say(next, chinese)))
}

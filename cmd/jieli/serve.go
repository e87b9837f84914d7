package main

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/lang"
	"github.com/jieli-gateway/jieli/federation"
	"github.com/jieli-gateway/jieli/federation/trust"
	"github.com/jieli-gateway/jieli/gateway"
	"github.com/jieli-gateway/jieli/gateway/api"
	"github.com/jieli-gateway/jieli/gateway/config"
)

// joinFlags are what a joiner was told out of band.
type joinFlags struct {
	address, cluster, fingerprint string
}

func (a *app) serve() *cobra.Command {
	var file string
	var bootstrap bool
	var join joinFlags
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run a node",
		Long: `Runs a node until it is told to stop (SIGTERM or Ctrl-C). A node that is in no federation yet must be told once how to
come into one: --bootstrap makes a new federation of this region; --join enters one whose members have registered and
approved this region, given a member's address, the federation's cluster id and the fingerprint of that member's CA,
all told out of band. A node that is in a federation already ignores these flags.`,
		Example: `  jieli serve --config jieli.yaml --bootstrap
  jieli serve --config jieli.yaml --join bj.example:7345 --cluster-id 0b5c… --fingerprint 3fa1…`,
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			request, err := join.request()
			if err != nil {
				return usageError{err}
			}
			cfg, err := loadConfig(file, "--config")
			if err != nil {
				return err
			}
			node, err := nodeConfig(cfg, a.logger(cfg))
			if err != nil {
				return err
			}
			node.Join = request
			if bootstrap {
				if err := a.registrable(cfg); err != nil && !gateway.Entered(cfg.DataDir) {
					return err
				}
				node.Bootstrap = &gateway.Bootstrap{Region: cfg.Region.Entry(), Actor: or(a.options.Operator, "bootstrap")}
			}
			n, err := gateway.Open(cmd.Context(), node)
			if err != nil {
				return err
			}
			return errors.Join(n.Run(cmd.Context()), n.Close())
		},
	}
	configFlag(c, &file)
	f := c.Flags()
	f.BoolVar(&bootstrap, "bootstrap", false, "make a new federation with this node, once")
	f.StringVar(&join.address, "join", "", "host:port of a member's federation port")
	f.StringVar(&join.cluster, "cluster-id", "", "cluster id of the federation to join")
	f.StringVar(&join.fingerprint, "fingerprint", "", "fingerprint of that member's CA, as `jieli pki show` prints it there")
	return c
}

func (j joinFlags) request() (*federation.JoinRequest, error) {
	if j == (joinFlags{}) {
		return nil, nil
	}
	if j.address == "" || j.cluster == "" || j.fingerprint == "" {
		return nil, lang.Errorf("--join, --cluster-id and --fingerprint go together", "--join、--cluster-id 和 --fingerprint 须一起给出")
	}
	pin, err := trust.ParseFingerprint(j.fingerprint)
	if err != nil {
		return nil, fmt.Errorf("--fingerprint: %w", err)
	}
	return &federation.JoinRequest{Address: j.address, ClusterID: j.cluster, BundleFingerprint: pin}, nil
}

// configFlag adds --config.
func configFlag(c *cobra.Command, file *string) {
	c.Flags().StringVar(file, "config", "", "configuration file (default: ./jieli.yaml, else /etc/jieli/jieli.yaml)")
}

// loadConfig reads the configuration that is named, or the one that is found; how says by what to name one.
func loadConfig(file, how string) (*config.Config, error) {
	cfg, err := config.Load(or(file, config.Find()), nil)
	if err != nil {
		return nil, noFile(file, how, err)
	}
	return cfg, nil
}

// noFile says instead of all that a configuration lacks that there is none, where that is so: how says by what to give
// one. Mistakes in variables of the environment are told all the same.
func noFile(file, how string, err error) error {
	var mistakes config.Mistakes
	if file != "" || config.Find() != "" || !errors.As(err, &mistakes) {
		return err
	}
	for _, m := range mistakes {
		if m.Where != config.Nowhere {
			return err
		}
	}
	return lang.Errorf("no configuration: give %s; there is none at %s", "没有配置：请用 %s 指定；%s 都不存在",
		lang.Words{English: how, Chinese: strings.ReplaceAll(strings.ReplaceAll(how, " or ", " 或 "), "FILE", "文件")}, strings.Join(config.Places(), ", "))
}

// registrable checks that a configuration says all of its region that registering it needs.
func (a *app) registrable(cfg *config.Config) error {
	if missing := cfg.Region.Missing(); len(missing) > 0 {
		return lang.Errorf("the configuration lacks what a region must say of itself: %s", "配置缺少本区域必须登记的内容：%s", strings.Join(missing, ", "))
	}
	return nil
}

// logger writes to standard error.
func (a *app) logger(cfg *config.Config) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(cfg.Log.Level)) // checked when loaded
	options := &slog.HandlerOptions{Level: level}
	if cfg.Log.Format == "json" {
		return slog.New(slog.NewJSONHandler(a.err, options))
	}
	return slog.New(slog.NewTextHandler(a.err, options))
}

// nodeConfig makes a node's configuration of what was read.
func nodeConfig(cfg *config.Config, log *slog.Logger) (gateway.Config, error) {
	profile, err := cfg.Profile()
	if err != nil {
		return gateway.Config{}, err
	}
	n := gateway.Config{
		DataDir: cfg.DataDir, PKIDir: cfg.PKIDir, FederationListen: cfg.Federation.Listen, Advertise: cfg.Federation.Advertise,
		APIListen: cfg.API.Listen, MetricsAnonymous: cfg.Metrics.Anonymous, Raft: profile,
		SoftFree: cfg.Store.SoftFree(), HardFree: cfg.Store.HardFree(),
		KeepFeed: cfg.Store.FeedRows, KeepAnswered: cfg.Store.RequestIDs, KeepEvidence: cfg.Store.Evidence,
		TracesEndpoint: cfg.Telemetry.Traces.Endpoint, TracesRatio: cfg.Telemetry.Traces.SampleRatio,
		Version: version, Log: log,
	}
	if n.APICertificates, err = cfg.API.Certificates(); err != nil {
		return gateway.Config{}, err
	}
	if t := cfg.API.TLS; t.Certificate != "" {
		n.APITLS, err = api.NewTLS(api.TLSFiles{Certificate: filepath.Clean(t.Certificate), Key: filepath.Clean(t.Key), ClientCA: t.ClientCA}, log)
	}
	return n, err
}

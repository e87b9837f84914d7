package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/show"
	"github.com/jieli-gateway/jieli/gateway"
	"github.com/jieli-gateway/jieli/gateway/access"
)

func (a *app) token() *cobra.Command {
	return group("token", "Give and take access to this node's API", a.tokenCreate(), a.tokenList(), a.tokenRevoke())
}

// tokens opens the tokens of a node on this machine, running or not.
func (a *app) tokens(file, dir string) (*access.Tokens, error) {
	if dir == "" {
		cfg, err := loadConfig(file, "--config or --data-dir")
		if err != nil {
			return nil, err
		}
		dir = cfg.DataDir
	}
	return access.Open(gateway.TokensFile(dir), access.Options{})
}

// mostDays is how long a token may be valid: ten years.
const mostDays = 3650

func tokenFlags(c *cobra.Command, file, dir *string) {
	configFlag(c, file)
	c.Flags().StringVar(dir, "data-dir", "", "data directory of the node (default: dataDir of the configuration)")
}

func (a *app) tokenCreate() *cobra.Command {
	var file, dir string
	var roles []string
	var system bool
	var days int
	c := &cobra.Command{
		Use: "create NAME", Short: "Make a token for a person or a system; it is shown once", Args: exactly(1),
		Long: `Makes a token and prints it once; the node keeps only its hash, and takes it within half a second. A token of a
system must name the person it acts for on each call that changes the registry or shows personal data (--operator, or the
header Jieli-Operator).`,
		Example: "  jieli token create 王芳 --role operator\n  jieli token create ticket-system --system --role operator --days 180",
		RunE: func(_ *cobra.Command, args []string) error {
			parsed, err := access.ParseRoles(roles...)
			switch {
			case len(roles) == 0:
				return usage("--role is required: operator, admin, auditor or monitor", "必须指定 --role：operator、admin、auditor 或 monitor")
			case err != nil:
				return usage("--role must be operator, admin, auditor or monitor: %w", "--role 须为 operator、admin、auditor 或 monitor：%w", err)
			case days < 1 || days > mostDays:
				return usage("--days must be 1 to %d; it is %d", "--days 须为 1 至 %d；现为 %d", mostDays, days)
			}
			tokens, err := a.tokens(file, dir)
			if err != nil {
				return err
			}
			spec := access.Spec{Name: args[0], Kind: access.Person, Roles: parsed, Expires: time.Now().Truncate(time.Second).Add(time.Duration(days) * 24 * time.Hour)}
			if system {
				spec.Kind = access.System
			}
			secret, entry, err := tokens.Create(spec)
			if err != nil {
				return err
			}
			if a.output == "table" {
				_, err = fmt.Fprintln(a.out, secret)
				return err
			}
			return a.printer().Value(map[string]any{"token": secret, "id": entry.ID, "name": entry.Name, "roles": entry.Roles, "expires": entry.Expires}, nil)
		},
	}
	tokenFlags(c, &file, &dir)
	c.Flags().StringSliceVar(&roles, "role", nil, "operator, admin, auditor or monitor; more than one may be given")
	c.Flags().BoolVar(&system, "system", false, "the token is a system's, not a person's")
	c.Flags().IntVar(&days, "days", 365, "days it is valid")
	return c
}

func (a *app) tokenList() *cobra.Command {
	var file, dir string
	c := &cobra.Command{
		Use: "list", Short: "List tokens, without their secrets", Args: exactly(0),
		Example: "  jieli token list",
		RunE: func(*cobra.Command, []string) error {
			tokens, err := a.tokens(file, dir)
			if err != nil {
				return err
			}
			entries, err := tokens.List()
			if err != nil {
				return err
			}
			return a.printer().Value(entries, func() *show.Table {
				t := &show.Table{Head: []string{"ID", "NAME", "KIND", "ROLES", "STATE", "EXPIRES"}}
				for _, e := range entries {
					roles := make([]string, len(e.Roles))
					for i, r := range e.Roles {
						roles[i] = string(r)
					}
					t.Add(e.ID, e.Name, string(e.Kind), strings.Join(roles, ","), e.State(time.Now()), local(e.Expires))
				}
				return t
			})
		},
	}
	tokenFlags(c, &file, &dir)
	return c
}

func (a *app) tokenRevoke() *cobra.Command {
	var file, dir string
	c := &cobra.Command{
		Use: "revoke ID", Short: "Make a token useless, at once", Args: exactly(1),
		Example: "  jieli token revoke 7f3a9c21",
		RunE: func(_ *cobra.Command, args []string) error {
			tokens, err := a.tokens(file, dir)
			if err != nil {
				return err
			}
			entry, err := tokens.Revoke(args[0])
			if err != nil {
				return err
			}
			p := a.printer()
			return p.Done(map[string]any{"id": entry.ID, "name": entry.Name, "revoked": true},
				fmt.Sprintf(p.Say("token %s of %s is revoked", "令牌 %s（%s）已吊销"), entry.ID, entry.Name))
		},
	}
	tokenFlags(c, &file, &dir)
	return c
}

// local shows a time as people here read it.
func local(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04:05")
}

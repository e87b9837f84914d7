package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/client"
	"github.com/jieli-gateway/jieli/cmd/jieli/internal/lang"
	"github.com/jieli-gateway/jieli/cmd/jieli/internal/show"
	"github.com/jieli-gateway/jieli/configs"
	"github.com/jieli-gateway/jieli/gateway"
	"github.com/jieli-gateway/jieli/gateway/config"
	"github.com/jieli-gateway/jieli/regions"
)

func (a *app) config() *cobra.Command {
	return group("config", "Check, show and begin configurations", a.configCheck(), a.configShow(), a.configInit())
}

func (a *app) configCheck() *cobra.Command {
	var mapping string
	c := &cobra.Command{
		Use: "check [FILE]", Short: "Say what is wrong with a configuration, by file, line and key",
		Long: `Checks a node's configuration. What a region must say of itself is required until the data directory is that of a
node in a federation, which looks there no more. With --mapping it checks what a centre says its own words are in Jieli instead, or, with
FILE, beside it: types, urgencies, states and categories, for the program that connects its ticket system.`,
		Example: "  jieli config check jieli.yaml\n  jieli config check --mapping mapping.yaml\n  jieli config check -o json",
		Args:    between(0, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.checked(a.checkFiles(append(args, "")[0], mapping))
		},
	}
	c.Flags().StringVar(&mapping, "mapping", "", "file with what a centre's own words are in Jieli")
	return c
}

// checkFiles finds what is wrong with a node's configuration, a centre's mapping, or both.
func (a *app) checkFiles(file, mapping string) error {
	var wrong config.Mistakes
	if mapping != "" {
		err := config.CheckMapping(mapping, regions.DefaultCatalogue())
		if err != nil && !errors.As(err, &wrong) {
			return err
		}
	}
	if mapping == "" || file != "" {
		var more config.Mistakes
		err := config.Check(or(file, config.Find()), func(c *config.Config) bool { return !gateway.Entered(c.DataDir) })
		if err != nil {
			err = noFile(file, "FILE", err)
		}
		if err != nil && (!errors.As(err, &more) || len(wrong) == 0) {
			return err
		}
		wrong = append(wrong, more...)
	}
	if len(wrong) == 0 {
		return nil
	}
	return wrong
}

// checked prints what a check has found.
func (a *app) checked(err error) error {
	var mistakes config.Mistakes
	if a.output != "table" && (err == nil || errors.As(err, &mistakes)) {
		if err := a.printer().Value(map[string]any{"good": err == nil, "mistakes": append(config.Mistakes{}, mistakes...)}, nil); err != nil {
			return err
		}
		if len(mistakes) > 0 {
			return &exitCode{client.ExitFailed}
		}
		return nil
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(a.out, a.printer().Say("the configuration is good", "配置无误"))
	return err
}

func (a *app) configShow() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use: "show", Short: "Show the effective configuration, and where each value comes from", Args: exactly(0),
		Long: `Shows defaults, file and environment together, each over the one before, and where each value comes from. With -o yaml
it prints a configuration file that says the same.`,
		Example: "  jieli config show\n  jieli config show --config jieli.yaml -o yaml",
		RunE: func(*cobra.Command, []string) error {
			if a.output == "yaml" {
				return a.printConfig(file)
			}
			settings, err := a.settings(file)
			if err != nil {
				return err
			}
			return a.printer().Value(settings, func() *show.Table {
				t := &show.Table{Head: []string{"KEY", "VALUE", "SOURCE"}}
				for _, s := range settings {
					t.Add(s.Key, fmt.Sprint(s.Value), s.Source)
				}
				return t
			})
		},
	}
	configFlag(c, &file)
	return c
}

// printConfig prints the effective configuration as a file of its own.
func (a *app) printConfig(file string) error {
	cfg, err := loadConfig(file, "--config")
	if err != nil {
		return err
	}
	b, err := yaml.Marshal(cfg)
	if err != nil {
		return err
	}
	_, err = a.out.Write(b)
	return err
}

// settings are the effective values; durations and lists as people write them.
func (a *app) settings(file string) ([]config.Setting, error) {
	settings, err := config.Settings(or(file, config.Find()), nil)
	if err != nil {
		return nil, noFile(file, "--config", err)
	}
	for i, s := range settings {
		switch value := s.Value.(type) {
		case time.Duration:
			settings[i].Value = value.String()
		case []config.Client:
			names := []string{}
			for _, c := range value {
				names = append(names, c.CommonName+"="+strings.Join(c.Roles, "+"))
			}
			settings[i].Value = strings.Join(names, " ")
		}
	}
	return settings, nil
}

func (a *app) configInit() *cobra.Command {
	var mapping bool
	c := &cobra.Command{
		Use: "init FILE", Short: "Write a commented configuration to begin with", Args: exactly(1),
		Example: "  jieli config init jieli.yaml\n  jieli config init --mapping mapping.yaml",
		RunE: func(_ *cobra.Command, args []string) error {
			f, err := os.OpenFile(args[0], os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) // #nosec G302,G304 -- no secrets; the user names it
			if errors.Is(err, os.ErrExist) {
				return lang.Errorf("%s exists already; name another file", "%s 已存在；请用另一文件名", args[0])
			}
			if err != nil {
				return err
			}
			text := configs.Default()
			if mapping {
				text = configs.Mapping()
			}
			_, err = f.Write(text)
			return errors.Join(err, f.Close())
		},
	}
	c.Flags().BoolVar(&mapping, "mapping", false, "write what a centre's own words are in Jieli, not a node's configuration")
	return c
}

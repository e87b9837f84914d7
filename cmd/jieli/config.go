package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/jieli-gateway/jieli/configs"
	"github.com/jieli-gateway/jieli/gateway/config"
)

func (a *app) config() *cobra.Command {
	return group("config", "Check, show and begin configurations", a.configCheck(), a.configShow(), a.configInit())
}

func (a *app) configCheck() *cobra.Command {
	return &cobra.Command{
		Use: "check [FILE]", Short: "Say what is wrong with a configuration, by file, line and key",
		Example: "  jieli config check jieli.yaml",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			file := config.Find()
			if len(args) > 0 {
				file = args[0]
			}
			if _, err := config.Load(file, nil); err != nil {
				return err
			}
			_, err := fmt.Fprintln(a.out, a.printer().Say("the configuration is good", "配置无误"))
			return err
		},
	}
}

func (a *app) configShow() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use: "show", Short: "Print the effective configuration: defaults, file and environment together", Args: exactly(0),
		RunE: func(*cobra.Command, []string) error {
			cfg, err := a.loadConfig(file)
			if err != nil {
				return err
			}
			b, err := yaml.Marshal(cfg)
			if err != nil {
				return err
			}
			_, err = a.out.Write(b)
			return err
		},
	}
	configFlag(c, &file)
	return c
}

func (a *app) configInit() *cobra.Command {
	return &cobra.Command{
		Use: "init FILE", Short: "Write a commented configuration to begin with", Args: exactly(1),
		Example: "  jieli config init jieli.yaml",
		RunE: func(_ *cobra.Command, args []string) error {
			f, err := os.OpenFile(args[0], os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) // #nosec G302,G304 -- no secrets; the user names it
			if errors.Is(err, os.ErrExist) {
				return fmt.Errorf("%s exists already; name another file", args[0])
			}
			if err != nil {
				return err
			}
			_, err = f.Write(configs.Default())
			return errors.Join(err, f.Close())
		},
	}
}

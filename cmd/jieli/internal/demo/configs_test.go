package demo

import (
	"net"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/jieli-gateway/jieli/configs"
	"github.com/jieli-gateway/jieli/gateway/config"
)

// The regions' configurations can be run by hand, at the usual ports.
func TestConfigurationsAreReady(t *testing.T) {
	for _, name := range []string{Clusters, Provinces} {
		t.Run(name, func(t *testing.T) { configurationsAreReady(t, name) })
	}
	if _, err := configs.Demo("nosuch"); err == nil {
		t.Error("a region that is not there has a configuration")
	}
}

func configurationsAreReady(t *testing.T, name string) {
	plan, err := layoutNamed(name)
	if err != nil {
		t.Fatal(err)
	}
	all, err := plan.centres()
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range all {
		b, err := configs.Demo(path.Join(plan.folder, c.id))
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), c.id+".yaml")
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, err := config.Load(file, nil)
		if err != nil {
			t.Fatal(err)
		}
		api, fed := local(usualAPI+i), local(usualFederation+i)
		if cfg.API.Listen != api || cfg.Federation.Listen != fed || cfg.Federation.Advertise != fed || len(cfg.Region.Missing()) > 0 {
			t.Errorf("%s: got %+v", c.id, cfg)
		}
		c.dir, c.api, c.fed = t.TempDir(), net.JoinHostPort("127.0.0.1", strconv.Itoa(9101+i)), net.JoinHostPort("127.0.0.1", strconv.Itoa(9201+i))
		if err := c.writeConfig(); err != nil {
			t.Fatal(err)
		}
		moved, err := config.Load(c.configFile(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if moved.API.Listen != c.api || moved.Federation.Advertise != c.fed || moved.Region != cfg.Region || moved.DataDir != c.dataDir() {
			t.Errorf("%s, moved: got %+v", c.id, moved)
		}
	}
}

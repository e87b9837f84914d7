package demo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"go.yaml.in/yaml/v3"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/lang"
)

const (
	// usualAPI and usualFederation are where the usual ports begin.
	usualAPI, usualFederation = 8401, 7401
	// freeFrom and freeBelow bound free ports: below those that systems give to outgoing connections, one of which could
	// otherwise take a port between its choice and the start of its node.
	freeFrom, freeBelow = 20000, 32000
	freeTries           = 200
)

// choosePorts gives each region its two addresses. A region that has run in this directory is known to the others by its
// address, so it keeps it.
func (d *demo) choosePorts(ctx context.Context, all []*centre) error {
	given := map[int]bool{}
	for i, c := range all {
		api, fed, err := d.portsOf(ctx, i, len(all), given)
		if err != nil {
			return err
		}
		c.api, c.fed = local(api), local(fed)
		oldAPI, oldFed, err := c.addresses()
		switch {
		case err != nil:
			return err
		case oldFed == "":
		case d.o.PortBase > 0 && (oldAPI != c.api || oldFed != c.fed):
			return fmt.Errorf("%s has run in %s at %s and %s, and the others know it there: leave the ports to this directory (no --port-base, or 0), or take another directory",
				c.id, d.o.DataDir, oldAPI, oldFed)
		default:
			c.api, c.fed = oldAPI, oldFed
		}
	}
	return nil
}

// portsOf chooses the ports of the region at a place in a row.
func (d *demo) portsOf(ctx context.Context, place, regions int, given map[int]bool) (api, fed int, err error) {
	switch base := d.o.PortBase; {
	case base < 0:
		return usualAPI + place, usualFederation + place, nil
	case base > 0:
		return base + place, base + regions + place, nil
	}
	if api, err = freePort(ctx, given); err != nil {
		return 0, 0, err
	}
	fed, err = freePort(ctx, given)
	return api, fed, err
}

// addresses are those of the node that has run in the centre's directory; empty if none has.
func (c *centre) addresses() (api, federation string, err error) {
	if _, err := os.Stat(filepath.Join(c.dataDir(), "registry")); errors.Is(err, fs.ErrNotExist) {
		return "", "", nil
	}
	b, err := os.ReadFile(c.configFile())
	if err != nil {
		return "", "", err
	}
	var was struct {
		API        struct{ Listen string }
		Federation struct{ Listen string }
	}
	if err := yaml.Unmarshal(b, &was); err != nil {
		return "", "", fmt.Errorf("%s: %w", c.configFile(), err)
	}
	return was.API.Listen, was.Federation.Listen, nil
}

// portsFree makes sure that nobody listens at the ports that were chosen, before anything is made or started: a node that
// is there already would answer in place of one of these.
func portsFree(ctx context.Context, all []*centre) error {
	for _, c := range all {
		for _, address := range []string{c.api, c.fed} {
			l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
			if errors.Is(err, syscall.EADDRINUSE) {
				_, port, _ := net.SplitHostPort(address) // it was made of a port, or listened on before
				return lang.Errorf("port %s is in use: is another demonstration or node running? --port-base N moves all ports, 0 takes any free ones",
					"端口 %s 已被占用：是否有另一个演示或节点在运行？--port-base N 可更换全部端口，0 为任选空闲端口", port)
			}
			if err == nil {
				err = l.Close()
			}
			if err != nil {
				return fmt.Errorf("ports of %s: %w", c.id, err)
			}
		}
	}
	return nil
}

// freePort finds a port nobody listens on and that was not given before.
func freePort(ctx context.Context, given map[int]bool) (int, error) {
	var last error
	for range freeTries {
		port := freeFrom + rand.IntN(freeBelow-freeFrom)
		if given[port] {
			continue
		}
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", local(port))
		if err != nil {
			last = err
			continue
		}
		given[port] = true
		return port, l.Close()
	}
	return 0, fmt.Errorf("no free port between %d and %d in %d tries: %w", freeFrom, freeBelow, freeTries, last)
}

func local(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

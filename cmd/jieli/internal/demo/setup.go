package demo

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"

	"github.com/jieli-gateway/jieli/gateway"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// setUp brings the regions up: the first makes the federation, the others are registered, approved and join, all at once.
func (d *demo) setUp(ctx context.Context) error {
	all, err := d.layout.centres()
	if err != nil {
		return err
	}
	for _, c := range all {
		c.dir = filepath.Join(d.o.DataDir, c.id)
	}
	if err := d.choosePorts(ctx, all); err != nil {
		return err
	}
	if err := portsFree(ctx, all); err != nil {
		return err
	}
	d.centres = all // from here on stop closes what prepare opens
	for _, c := range all {
		if err := c.prepare(); err != nil {
			return fmt.Errorf("prepare %s: %w", c.id, err)
		}
	}
	first := all[0]
	d.say("Starting %s, which makes the federation", "启动 %s，建立联盟", first.id)
	if err := d.run(first, "--bootstrap"); err != nil {
		return err
	}
	if err := first.ready(ctx, isReady); err != nil {
		return err
	}
	status, err := first.client.Status.GetStatus(first.client.Signed(ctx), &jieliv1.GetStatusRequest{})
	if err != nil {
		return err
	}
	for _, c := range all[1:] {
		d.say("Registering and approving %s, which joins", "登记并批准 %s，加入联盟", c.id)
		if err := d.admit(ctx, first, c); err != nil {
			return err
		}
		err := d.run(c, "--join", first.fed, "--cluster-id", status.GetRegistry().GetClusterId(), "--fingerprint", first.material.Show().BundleFingerprint.String())
		if err != nil {
			return err
		}
	}
	if err := d.setRoutes(ctx, all); err != nil {
		return err
	}
	return d.agree(ctx)
}

func isReady(status int, _ string) bool { return status == http.StatusOK }

func (d *demo) run(c *centre, flags ...string) error {
	if err := c.start(d.life, d.o.Binary, flags...); err != nil {
		return err
	}
	c.onDeath(d.died)
	return nil
}

// admit registers and approves a region, unless it is a member already.
func (d *demo) admit(ctx context.Context, first, c *centre) error {
	ctx = first.client.Signed(ctx)
	if res, err := first.client.Registry.GetRegion(ctx, &jieliv1.GetRegionRequest{Id: c.id}); err == nil && res.GetRegion().GetState() == jieliv1.Region_ACTIVE {
		return nil
	}
	region, node := gateway.Entry(c.material, c.cfg.Region.Entry(), c.fed, true, true)
	if _, err := first.client.Registry.RegisterRegion(ctx, &jieliv1.RegisterRegionRequest{Region: region, Nodes: []*jieliv1.Node{node}}); err != nil {
		return fmt.Errorf("register %s: %w", c.id, err)
	}
	if _, err := first.client.Registry.ApproveRegion(ctx, &jieliv1.ChangeRegionRequest{Id: c.id}); err != nil {
		return fmt.Errorf("approve %s: %w", c.id, err)
	}
	return nil
}

// setRoutes says who serves which provinces.
func (d *demo) setRoutes(ctx context.Context, all []*centre) error {
	first := all[0]
	for _, c := range all {
		for _, place := range c.places {
			req := &jieliv1.SetRouteRequest{Route: &jieliv1.Route{Division: place, Region: c.id}}
			// Who leads may change while voters join.
			err := again(ctx, func() error {
				_, err := first.client.Registry.SetRoute(first.client.Signed(ctx), req)
				return err
			})
			if err != nil {
				return fmt.Errorf("route %s to %s: %w", place, c.id, err)
			}
		}
	}
	return nil
}

// agree waits until all nodes have the same table and all links are up.
func (d *demo) agree(ctx context.Context) error {
	var newest uint64
	for _, c := range d.centres {
		if err := c.ready(ctx, isReady); err != nil {
			return err
		}
	}
	for _, c := range d.centres {
		err := until(ctx, c.id+" to have the routes and all its links", func() (bool, error) {
			s, err := c.client.Status.GetStatus(c.client.Signed(ctx), &jieliv1.GetStatusRequest{})
			if err != nil {
				return false, err
			}
			newest = max(newest, s.GetRegistry().GetRevision())
			return s.GetRegistry().GetRevision() >= newest && s.GetRegistry().GetRoutes() > 0 && linksUp(s, len(d.centres)-1), nil
		})
		if err != nil {
			return err
		}
	}
	d.say("%d regions agree on a table of routes at revision %d, and their links are up", "%d 个区域在版次 %d 上路由一致，链路已通", len(d.centres), newest)
	return nil
}

func linksUp(s *jieliv1.Status, want int) bool {
	up := 0
	for _, l := range s.GetLinks() {
		if l.GetState() == "UP" {
			up++
		}
	}
	return up == want
}

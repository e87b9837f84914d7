package desk

import (
	"context"
	"errors"

	"github.com/jieli-gateway/jieli/gateway/store"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// waitingPage bounds how many waiting tickets are read at once.
const waitingPage = 200

// routeWaiting looks at every ticket of this origin that waits for a route, and routes those that now have one.
func (d *Desk) routeWaiting(ctx context.Context) error {
	if t := d.cfg.Registry.Table(); t.View == nil || t.Revision() == 0 {
		return nil
	}
	for after := ""; ; {
		var ids []string
		err := d.store.View(ctx, func(r store.Reader) error {
			var err error
			ids, err = r.WaitingTickets(after, waitingPage)
			return err
		})
		if err != nil {
			return err
		}
		for _, id := range ids {
			if err := d.routeOne(ctx, id); err != nil {
				return err
			}
			after = id
		}
		if len(ids) < waitingPage {
			return nil
		}
	}
}

// errNothingToDo undoes an update that would change nothing.
var errNothingToDo = errors.New("nothing to do")

func (d *Desk) routeOne(ctx context.Context, id string) error {
	err := d.store.Update(ctx, func(tx store.Tx) error {
		t, err := tx.Ticket(id)
		if err != nil {
			return err
		}
		s := d.step(tx, t, "")
		if !s.waits() || s.confirmed() != nil {
			return errNothingToDo
		}
		before := t.WaitRevision
		moved, err := s.route()
		if err != nil {
			return err
		}
		if !moved && t.WaitRevision == before {
			return errNothingToDo
		}
		return s.save()
	})
	if errors.Is(err, errNothingToDo) || errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// waits tells whether a ticket is one to be routed by itself now.
func (s *step) waits() bool {
	if !s.isOrigin() || !s.hasPen() {
		return false
	}
	switch s.t.State.GetState() {
	case jieliv1.Ticket_UNROUTED:
		return true
	case jieliv1.Ticket_RETURNED:
		return s.t.WaitRevision != 0 && s.table.Revision() >= s.t.WaitRevision
	}
	return false
}

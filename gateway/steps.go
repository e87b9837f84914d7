package gateway

import (
	"github.com/jieli-gateway/jieli/gateway/desk"
	"github.com/jieli-gateway/jieli/gateway/link"
	"github.com/jieli-gateway/jieli/gateway/store"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// The steps of a hand-off that tests crash between: before a commit that signs events, before an item or a receipt is
// committed, and after any commit, when nobody knows of it yet.

// steppedSealer is the store's sealer.
type steppedSealer struct{ store.Sealer }

// Seal implements store.Sealer.
func (s steppedSealer) Seal(hashes [][32]byte) ([]*jieliv1.BatchProof, error) {
	failpoint("seal")
	return s.Sealer.Seal(hashes)
}

// steppedDesk is the desk as links see it.
type steppedDesk struct{ *desk.Desk }

// Take implements link.Tickets.
func (d steppedDesk) Take(tx store.Tx, peer string, seq uint64, c link.Checked) (link.Verdict, error) {
	v, err := d.Desk.Take(tx, peer, seq, c)
	failpoint("take")
	return v, err
}

// Delivered implements link.Tickets.
func (d steppedDesk) Delivered(tx store.Tx, peer string, rows []*store.OutboxRow, r *jieliv1.Receipt) error {
	err := d.Desk.Delivered(tx, peer, rows, r)
	failpoint("delivered")
	return err
}

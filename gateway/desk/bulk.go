package desk

import (
	"github.com/jieli-gateway/jieli/gateway/fault"
)

// An offer carries the whole chain with its content in one item, and an item larger than a frame would stop a whole
// link, not one ticket. So a ticket's bulk is bounded where it grows: notes and new rounds end early, and no offer is
// made of a ticket that has grown past what fits. A life can always come to its end: answering, closing, returning and
// withdrawing are never refused for bulk.
const (
	// maxBulk is the bulk, in bytes, beyond which a ticket takes no notes and is not opened again: some 25 of the longest notes.
	maxBulk = 2 << 20
	// maxOfferedBulk is the bulk beyond which it is not offered; link.MaxFrameBytes is 8 MiB.
	maxOfferedBulk = 6 << 20
	// eventBulk is more than any event takes with its proof and what goes around it.
	eventBulk = 4 << 10
	// longestText is more than the texts of one event take.
	longestText = 4*(maxText+maxBasis) + 64
)

// bulky tells whether a ticket is too large for what is to be done with it.
func (s *step) bulky(most int) (bool, error) {
	events := int(s.t.State.GetLastNumber())
	if events >= maxChain {
		return true, nil
	}
	if events*(eventBulk+longestText) <= most {
		return false, nil // however long its texts are
	}
	rows, err := s.tx.Contents(s.t.State.GetId())
	if err != nil {
		return false, err
	}
	bulk := events * eventBulk
	for _, c := range rows {
		bulk += len(c.Data)
	}
	return bulk > most, nil
}

// room is bulky for people.
func (s *step) room(most int) error {
	full, err := s.bulky(most)
	if err != nil || !full {
		return err
	}
	return fault.New(fault.Precondition, "TICKET_FULL",
		"the ticket has %d events and up to %d MiB of texts and can take no more of this: bring it to its end, and take a new ticket for what is to be added",
		s.t.State.GetLastNumber(), most>>20)
}

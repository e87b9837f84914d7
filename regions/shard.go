package regions

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"
)

// shard has the rules of the townships and villages of one county.
//
// Most of them say the same as their neighbours, so what is said is stored once
// and a hash of 32-bit slots tells who says it: 21 bits for the suffix and 11 for
// where the entries are. So the rules of 700,000 villages take some 6 MB, and a
// look-up waits for memory about once. A shard in a table is never changed.
type shard struct {
	slots   []uint32 // open addressing, the size a power of two; 0 is free
	entries []entry  // see entriesAt
	shift   int      // hash bits to drop for an index into slots
	wide    []uint32 // position in entries by slot; nil while 11 bits are enough
	count   int      // of divisions
	rules   int      // in all
}

const (
	positionBits = 11
	positionMask = 1<<positionBits - 1
)

// placed is a division of a county with its rules.
type placed struct {
	suffix  uint32
	entries []entry
}

// suffixOf returns the place of a township or village in its county: the last
// six of its twelve digits, and a bit that says which of the two it is. It is
// not zero, for a township 000 would be the county.
func suffixOf(code Code) uint32 {
	if code.Len() == codeDigits {
		return villageSuffix(code.digits())
	}
	return townshipSuffix(code.digits())
}

// villageSuffix and townshipSuffix return the suffix of a code of twelve digits
// and that of its township.
func villageSuffix(digits uint64) uint32  { return uint32(digits%powersOfTen[6])<<1 | 1 }
func townshipSuffix(digits uint64) uint32 { return uint32(digits%powersOfTen[6]) / 1e3 * 1e3 << 1 }

// codeOf is the inverse of suffixOf, for the digits of a county.
func codeOf(county uint64, suffix uint32) Code {
	n := uint64(9)
	if suffix&1 != 0 {
		n = codeDigits
	}
	return Code((county+uint64(suffix>>1))<<lengthBits | n)
}

// hashMultiplier spreads keys of 32 bits over a table whose size is a power of
// two: 2^32 divided by the golden ratio.
const hashMultiplier = 0x9E3779B1

// newShard returns a shard of divisions with rules, ordered by suffix. It uses
// said as scratch space and keeps nothing of it.
func newShard(divisions []placed, said *sayings) shard {
	if len(divisions) == 0 {
		return shard{}
	}
	size := 1 << bits.Len(uint(len(divisions)+len(divisions)/4)) // at most four fifths full
	s := shard{slots: make([]uint32, size), shift: 32 - bits.TrailingZeros(uint(size)), count: len(divisions)}
	mask := uint32(size - 1)

	said.reset()
	for _, division := range divisions {
		at := s.slotOf(division.suffix)
		for s.slots[at] != 0 {
			at = (at + 1) & mask
		}
		position := said.position(division.entries)
		if position > positionMask && s.wide == nil {
			s.widen()
		}
		if s.wide != nil {
			s.wide[at] = position
			position = 0
		}
		s.slots[at] = division.suffix<<positionBits | position
		s.rules += len(division.entries)
	}
	s.entries = slices.Clone(said.entries)
	return s
}

// widen moves all positions out of the slots, where they have grown too large.
func (s *shard) widen() {
	s.wide = make([]uint32, len(s.slots))
	for at, slot := range s.slots {
		s.wide[at] = slot & positionMask
	}
}

// sayings collects the different things that the divisions of a county say.
type sayings struct {
	entries []entry
	single  map[entry]uint32  // position of a single entry
	several map[string]uint32 // position of several, by their bytes
	key     []byte            // scratch
}

func newSayings() *sayings {
	return &sayings{single: make(map[entry]uint32), several: make(map[string]uint32)}
}

func (s *sayings) reset() {
	s.entries = s.entries[:0]
	clear(s.single)
	clear(s.several)
}

// position returns where in entries the rules of a division are, adding them if
// they are new.
func (s *sayings) position(rules []entry) uint32 {
	if len(rules) == 1 {
		position, found := s.single[rules[0]]
		if !found {
			position = uint32(len(s.entries))
			s.entries = append(s.entries, rules[0])
			s.single[rules[0]] = position
		}
		return position
	}
	s.key = s.key[:0]
	for _, e := range rules {
		s.key = binary.LittleEndian.AppendUint16(s.key, e.service)
		s.key = binary.LittleEndian.AppendUint16(s.key, e.region)
		s.key = binary.LittleEndian.AppendUint32(s.key, uint32(e.from))
		s.key = binary.LittleEndian.AppendUint32(s.key, uint32(e.to))
	}
	position, found := s.several[string(s.key)]
	if !found {
		position = uint32(len(s.entries))
		s.entries = append(append(s.entries, header(len(rules))), rules...)
		s.several[string(s.key)] = position
	}
	return position
}

// header returns the entry that stands before n entries of one division. Its
// last day is zero, which that of a rule never is.
func header(n int) entry { return entry{from: Day(n)} }

// slotOf returns where the search for a suffix begins.
func (s *shard) slotOf(suffix uint32) uint32 { return suffix * hashMultiplier >> s.shift }

// find returns the entries of a suffix, or nil.
func (s *shard) find(suffix uint32) []entry {
	if len(s.slots) == 0 {
		return nil
	}
	mask := uint32(len(s.slots) - 1)
	for at := s.slotOf(suffix) & mask; ; at = (at + 1) & mask {
		slot := s.slots[at]
		if slot>>positionBits == suffix {
			return s.entriesAt(at, slot)
		}
		if slot == 0 {
			return nil
		}
	}
}

// entriesAt returns the entries of the division in a slot: a single one stands
// by itself, several behind a header.
func (s *shard) entriesAt(at, slot uint32) []entry {
	position := slot & positionMask
	if len(s.entries) > positionMask && s.wide != nil {
		position = s.wide[at]
	}
	if first := &s.entries[position]; first.to == 0 {
		end := position + 1 + uint32(first.from)
		return s.entries[position+1 : end : end]
	}
	return s.entries[position : position+1 : position+1]
}

// divisions returns the divisions with their rules, ordered by suffix.
func (s *shard) divisions() []placed { return s.appendDivisions(nil) }

func (s *shard) appendDivisions(all []placed) []placed {
	all = slices.Grow(all, s.count)
	for at, slot := range s.slots {
		if slot != 0 {
			all = append(all, placed{suffix: slot >> positionBits, entries: s.entriesAt(uint32(at), slot)})
		}
	}
	slices.SortFunc(all, func(a, b placed) int { return cmp.Compare(a.suffix, b.suffix) })
	return all
}

package regions

import (
	"math/bits"
	"sort"
)

// node has the rules of one division with 2, 4 or 6 digits, and the way to
// those below it. The root stands for the country and has no rules of its own.
type node struct {
	own  []entry
	kids *[100]*node // by the next two digits; nil for a county
	deep *shard      // a county's townships and villages
}

// entry is one rule of one division. The entries of a division are ordered by
// service number and first day, and those of one service do not overlap.
type entry struct {
	suffix  uint32 // which township or village, in a shard; else 0
	service uint32 // number in the table's services; 0: any
	region  uint32 // number in the table's regions
	from    Day
	to      Day // closed: never zero
}

// shard has the rules of the townships and villages of one county, ordered by
// suffix. A hash finds where those of a suffix begin.
type shard struct {
	entries []entry
	slots   []slot // open addressing; the size is a power of two
	shift   int    // hash bits to drop for an index into slots
}

type slot struct {
	suffix uint32
	next   uint32 // position of the first entry of the suffix, plus one; 0 is free
}

// suffixOf returns the place of a township or village in its county: the last
// six of its twelve digits, and a bit that says which of the two it is.
func suffixOf(code Code) uint32 {
	suffix := uint32(code.digits()%powersOfTen[6]) << 1
	if code.Len() == codeDigits {
		suffix |= 1
	}
	return suffix
}

// codeOf is the inverse of suffixOf, for the digits of a county.
func codeOf(county uint64, suffix uint32) Code {
	n := uint64(9)
	if suffix&1 != 0 {
		n = codeDigits
	}
	return Code((county+uint64(suffix>>1))<<lengthBits | n)
}

// suffixMultiplier spreads suffixes: 2^32 divided by the golden ratio.
const suffixMultiplier = 0x9E3779B1

// newShard returns a shard of entries ordered by suffix, service and first day,
// or nil for none. It keeps the slice.
func newShard(entries []entry) *shard {
	if len(entries) == 0 {
		return nil
	}
	groups := 1
	for i := 1; i < len(entries); i++ {
		if entries[i].suffix != entries[i-1].suffix {
			groups++
		}
	}
	size := 1 << bits.Len(uint(groups+groups/2)) // at most two thirds full
	s := &shard{entries: entries, slots: make([]slot, size), shift: 32 - bits.TrailingZeros(uint(size))}
	for i, e := range entries {
		if i > 0 && e.suffix == entries[i-1].suffix {
			continue
		}
		at := s.slotOf(e.suffix)
		for s.slots[at].next != 0 {
			at = (at + 1) & uint32(size-1)
		}
		s.slots[at] = slot{suffix: e.suffix, next: uint32(i + 1)}
	}
	return s
}

// slotOf returns where the search for a suffix begins.
func (s *shard) slotOf(suffix uint32) uint32 { return suffix * suffixMultiplier >> s.shift }

// find returns the entries of a suffix, or nil.
func (s *shard) find(suffix uint32) []entry {
	mask := uint32(len(s.slots) - 1)
	for at := s.slotOf(suffix); ; at = (at + 1) & mask {
		switch slot := s.slots[at]; {
		case slot.next == 0:
			return nil
		case slot.suffix == suffix:
			return s.groupAt(int(slot.next - 1))
		}
	}
}

// groupAt returns the entries of the division whose first entry is at a
// position. It gallops, so that a long group costs no long scan.
func (s *shard) groupAt(first int) []entry {
	rest := s.entries[first:]
	suffix := rest[0].suffix
	step := 1
	for step < len(rest) && rest[step].suffix == suffix {
		step *= 2
	}
	low, high := step/2, min(step, len(rest)) // the end of the group is in (low, high]
	for low+1 < high {
		middle := (low + high) / 2
		if rest[middle].suffix == suffix {
			low = middle
		} else {
			high = middle
		}
	}
	return rest[:high:high]
}

// firstFrom returns the position of the first entry at or after a suffix.
func (s *shard) firstFrom(suffix uint32) int {
	return sort.Search(len(s.entries), func(i int) bool { return s.entries[i].suffix >= suffix })
}

// activeEntry returns the entry of a service that is valid on a day.
func activeEntry(group []entry, service uint32, day Day) (entry, bool) {
	// Find the end of the entries at or before (service, day).
	low, high := 0, len(group)
	for low < high {
		middle := int(uint(low+high) / 2)
		if e := &group[middle]; e.service < service || e.service == service && e.from <= day {
			low = middle + 1
		} else {
			high = middle
		}
	}
	if low == 0 {
		return entry{}, false
	}
	e := group[low-1]
	return e, e.service == service && day <= e.to
}

// path holds the nodes on the way to a division: of its province, prefecture
// and county. One is nil where the code is shorter or no rule is at or below.
type path [3]*node

// path returns the way from the root, which may be nil, to a division.
func (root *node) path(code Code) path {
	var p path
	digits, n := code.digits(), code.Len()
	if root == nil || n < 2 || digits >= powersOfTen[codeDigits] {
		return p
	}
	if p[0] = root.kids[digits/powersOfTen[10]]; n < 4 || p[0] == nil || p[0].kids == nil {
		return p
	}
	if p[1] = p[0].kids[digits/powersOfTen[8]%100]; n < 6 || p[1] == nil || p[1].kids == nil {
		return p
	}
	p[2] = p[1].kids[digits/powersOfTen[6]%100]
	return p
}

// at returns the entries of the division that the path leads to, or of one it
// lies in: that of its first n digits.
func (p path) at(code Code, n int) []entry {
	var here *node
	switch {
	case n > 6:
		if p[2] == nil || p[2].deep == nil {
			return nil
		}
		return p[2].deep.find(suffixOf(code.cut(n)))
	case n >= 2:
		here = p[n/2-1]
	}
	if here == nil {
		return nil
	}
	return here.own
}

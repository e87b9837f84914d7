package regions

import (
	"cmp"
	"math/bits"
	"slices"
)

// place has the rules of one province, prefecture or county and, for a county,
// those of its townships and villages. A place in a table is never changed.
type place struct {
	deep shard   // rules of a county's townships and villages
	own  []entry // rules of the division itself
	code Code    // as Code.cut has it: 441900 for the townships of Dongguan
}

// places are all places with rules, some thousands, ordered by code, and a hash
// that finds one. It is immutable; a change copies the pointers, and the hash
// only if there are other places than before.
type places struct {
	all   []*place
	slots []placeSlot // open addressing; the size is a power of two
	shift int         // hash bits to drop for an index into slots
}

type placeSlot struct {
	key  uint32 // see placeKey; 0 is free
	next uint32 // position in all
}

// placeKey packs a code of 2, 4 or 6 digits into 32 bits; it is not zero.
func placeKey(digits uint64, n int) uint32 { return uint32(digits/powersOfTen[6])<<3 | uint32(n) }

// newPlaces returns the places given, which are ordered by code.
func newPlaces(all []*place) places {
	size := 1 << bits.Len(uint(2*len(all))) // at most half full
	p := places{all: all, slots: make([]placeSlot, size), shift: 32 - bits.TrailingZeros(uint(size))}
	for i, place := range all {
		key := placeKey(place.code.digits(), place.code.Len())
		at := p.slotOf(key)
		for p.slots[at].key != 0 {
			at = (at + 1) & uint32(size-1)
		}
		p.slots[at] = placeSlot{key: key, next: uint32(i)}
	}
	return p
}

func (p *places) slotOf(key uint32) uint32 { return key * hashMultiplier >> p.shift }

// find returns the place of the first n digits of a code, or nil.
func (p *places) find(digits uint64, n int) *place {
	if len(p.slots) == 0 {
		return nil
	}
	tail := powersOfTen[codeDigits-n]
	key := placeKey(digits/tail*tail, n)
	mask := uint32(len(p.slots) - 1)
	for at := p.slotOf(key) & mask; ; at = (at + 1) & mask {
		switch slot := &p.slots[at]; slot.key {
		case key:
			return p.all[slot.next]
		case 0:
			return nil
		}
	}
}

// from returns the places at and after a code.
func (p *places) from(code Code) []*place {
	first, _ := slices.BinarySearchFunc(p.all, code, func(p *place, code Code) int { return cmp.Compare(p.code, code) })
	return p.all[first:]
}

// with returns the places with those in changed, which are ordered by code, in
// place of the ones with the same code; one without rules is dropped.
func (p *places) with(changed []*place) places {
	all := make([]*place, 0, len(p.all)+len(changed))
	rest := p.all
	same := true // the codes are those of before
	for _, next := range changed {
		for len(rest) > 0 && rest[0].code < next.code {
			all, rest = append(all, rest[0]), rest[1:]
		}
		found := len(rest) > 0 && rest[0].code == next.code
		if found {
			rest = rest[1:]
		}
		keep := len(next.own) > 0 || next.deep.rules > 0
		if keep {
			all = append(all, next)
		}
		same = same && found == keep
	}
	all = append(all, rest...)
	if same {
		return places{all: all, slots: p.slots, shift: p.shift}
	}
	return newPlaces(all)
}

// levels are the numbers of digits of a code: 0 for a province to 4 for a
// village.
var levels = [...]int{2, 4, 6, 9, 12}

// levelOf returns the level of a code, a village's for one with no level.
func levelOf(code Code) int {
	switch code.Len() {
	case 2:
		return 0
	case 4:
		return 1
	case 6:
		return 2
	case 9:
		return 3
	default:
		return 4
	}
}

// path finds the rules of a division and of those it lies in by its code.
type path struct {
	places *places
	county *place // nil for a wider division, or if it has no rules
	digits uint64
	level  int
}

// path returns the way to a division.
func (p *places) path(code Code) path {
	way := path{places: p, digits: code.digits(), level: levelOf(code)}
	if way.level >= 2 {
		way.county = p.find(way.digits, 6)
	}
	return way
}

// at returns the rules of the division on the way that has a level.
func (p *path) at(level int) []entry {
	here := p.county
	if level < 2 {
		here = p.places.find(p.digits, levels[level])
	}
	switch {
	case here == nil:
		return nil
	case level == 4:
		return here.deep.find(villageSuffix(p.digits))
	case level == 3:
		return here.deep.find(townshipSuffix(p.digits))
	default:
		return here.own
	}
}

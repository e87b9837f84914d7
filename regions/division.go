package regions

import (
	"math/bits"
	"slices"
	"sort"
)

// Division is one place as people see it.
type Division struct {
	Code     Code
	Name     string // 孟村回族自治县
	FullName string // 河北省沧州市孟村回族自治县
	Kind     Kind
	Parent   Code // the next wider division that people see; zero for a province

	// Hidden marks what is a division for statistics only: the pseudo-cities
	// (市辖区, 县, 省直辖县级行政区划), the development zones whose fifth digit
	// is 7, and a county that only repeats its city (620201). Their codes are
	// good input, but they are no one's parent, appear in no full name but their
	// own, and are not found by name.
	Hidden bool

	// Successors is what took the place of a division whose code is in use no
	// more; nil for one in use.
	Successors []Code
}

// Divisions is the set of all divisions down to the township, with the codes
// that were in use once. It is immutable.
type Divisions struct {
	codes   []Code   // ascending, so that a division stands before those inside it
	ends    []uint32 // ends[i] is where the name of codes[i] ends in names
	names   string
	inUse   []uint32 // open-addressed hash of codes, as inUseKey has them; 0 is free
	shift   int      // hash bits to drop for an index into inUse
	retired map[Code]retiredDivision
}

type retiredDivision struct {
	name       string
	successors []Code
}

// inUseKey packs a code of at most nine digits into 32 bits; it is not zero.
func inUseKey(code Code) uint32 {
	key := uint32(code.digits() / powersOfTen[3] << 2)
	switch code.Len() {
	case 2:
		return key
	case 4:
		return key | 1
	case 6:
		return key | 2
	default:
		return key | 3
	}
}

// indexCodes fills the hash that current searches, at most three quarters full.
// It is small enough to stay in a cache, as each look-up of a route asks it.
func (d *Divisions) indexCodes() {
	size := 1 << bits.Len(uint(len(d.codes)+len(d.codes)/3))
	d.inUse = make([]uint32, size)
	d.shift = 32 - bits.TrailingZeros(uint(size))
	for _, code := range d.codes {
		key := inUseKey(code)
		at := key * hashMultiplier >> d.shift
		for d.inUse[at] != 0 {
			at = (at + 1) & uint32(size-1)
		}
		d.inUse[at] = key
	}
}

// current reports whether the code is in use: that of a division, or of a
// village in a township in use.
func (d *Divisions) current(code Code) bool {
	if code.Len() < 2 || code.digits() >= powersOfTen[codeDigits] {
		return false
	}
	key := inUseKey(code)
	mask := uint32(len(d.inUse) - 1)
	for at := key * hashMultiplier >> d.shift; ; at = (at + 1) & mask {
		switch d.inUse[at&mask] {
		case key:
			return true
		case 0:
			return false
		}
	}
}

// position returns where a code stands in codes.
func (d *Divisions) position(code Code) (int, bool) {
	return slices.BinarySearch(d.codes, code)
}

// Len returns the number of divisions in use, hidden ones included.
func (d *Divisions) Len() int { return len(d.codes) }

// Knows reports whether the code is good input: it is in use, or was once (see
// Successors).
func (d *Divisions) Knows(code Code) bool {
	return d.current(code) || d.retiredPrefix(code) != 0
}

// Lookup returns the division of a code. A village's code gives its township.
// A retired code gives the division that was, with its successors; so does the
// code of any place inside a retired division.
func (d *Divisions) Lookup(code Code) (Division, bool) {
	if code.Len() == codeDigits {
		code = code.Prefix(9)
	}
	if i, found := d.position(code); found {
		return Division{
			Code:     code,
			Name:     d.name(i),
			FullName: d.fullName(code),
			Kind:     code.Kind(),
			Parent:   d.parent(code),
			Hidden:   d.hidden(i),
		}, true
	}
	was := d.retiredPrefix(code)
	if was == 0 {
		return Division{}, false
	}
	return Division{
		Code:       was,
		Name:       d.retired[was].name,
		FullName:   d.fullName(was),
		Kind:       was.Kind(),
		Parent:     d.parent(was),
		Successors: d.Successors(was),
	}, true
}

// FullName returns the name of a division with the names of all it lies in, as
// it stands on an envelope: 河北省沧州市孟村回族自治县. It is "" for a code
// that Lookup does not find.
func (d *Divisions) FullName(code Code) string {
	division, _ := d.Lookup(code)
	return division.FullName
}

// Children returns the divisions that people see directly inside a division,
// by code: those whose Parent it is. The zero Code gives the provinces.
func (d *Divisions) Children(code Code) []Code {
	var children []Code
	first, end := d.inside(code)
	for i := first; i < end; i++ {
		if !d.hidden(i) && d.parent(d.codes[i]) == code {
			children = append(children, d.codes[i])
		}
	}
	return children
}

// name returns the name of the i-th division.
func (d *Divisions) name(i int) string {
	start := uint32(0)
	if i > 0 {
		start = d.ends[i-1]
	}
	return d.names[start:d.ends[i]]
}

// hidden reports whether people do not see the i-th division: see Division.
func (d *Divisions) hidden(i int) bool {
	code := d.codes[i]
	switch code.Len() {
	case 4:
		switch d.name(i) {
		case "市辖区", "县", "省直辖县级行政区划", "自治区直辖县级行政区划":
			return true
		}
		return false
	case 6:
		if fifthDigit := code.digits() / powersOfTen[7] % 10; fifthDigit == 7 {
			return true
		}
		city, found := d.position(code.Prefix(4))
		return found && d.name(city) == d.name(i)
	default:
		return false
	}
}

// parent returns the next wider division that people see.
func (d *Divisions) parent(code Code) Code {
	for n := code.Len(); n > 2; {
		n = wider(n)
		prefix := code.Prefix(n)
		n = prefix.Len()
		if i, found := d.position(prefix); found && !d.hidden(i) {
			return prefix
		}
		if _, was := d.retired[prefix]; was {
			return prefix
		}
	}
	return 0
}

// fullName joins the names of a division, in use or retired, and its parents.
// A pseudo-city and a county that only repeats its city add nothing.
func (d *Divisions) fullName(code Code) string {
	parent := d.parent(code)
	if parent == 0 {
		return d.ownName(code)
	}
	name := d.ownName(code)
	if i, found := d.position(code); found && d.hidden(i) {
		if code.Len() == 4 || name == d.ownName(parent) {
			name = ""
		}
	}
	return d.fullName(parent) + name
}

// ownName returns the name of a division, in use or retired, by itself.
func (d *Divisions) ownName(code Code) string {
	if i, found := d.position(code); found {
		return d.name(i)
	}
	return d.retired[code].name
}

// inside returns the positions of all divisions inside a code, from first up to
// but without end. The zero Code has them all inside.
func (d *Divisions) inside(code Code) (first, end int) {
	if code == 0 {
		return 0, len(d.codes)
	}
	first = sort.Search(len(d.codes), func(i int) bool { return d.codes[i] > code })
	last := code.last()
	end = first + sort.Search(len(d.codes)-first, func(i int) bool { return d.codes[first+i] > last })
	return first, end
}

// retiredPrefix returns the narrowest retired division that the code is or
// lies in, or zero.
func (d *Divisions) retiredPrefix(code Code) Code {
	for code != 0 {
		if _, found := d.retired[code]; found {
			return code
		}
		if code.Len() <= 2 {
			break
		}
		code = code.Prefix(wider(code.Len()))
	}
	return 0
}

// Successors returns the divisions in use that took the place of a retired
// one, by code, or nil for a code that is in use or was never known. A code
// inside a retired division has that division's successors.
func (d *Divisions) Successors(code Code) []Code {
	if d.current(code) {
		return nil
	}
	return slices.Clone(d.successors(d.retiredPrefix(code)))
}

// successors returns the divisions in use that took the place of a retired one.
// The caller must not change them.
func (d *Divisions) successors(was Code) []Code { return d.retired[was].successors }

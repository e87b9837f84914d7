package regions

import "strconv"

// Code is the administrative code of a division (GB/T 2260 and, below the
// county, NBS): 2 digits for a province, 4 for a prefecture, 6 for a county,
// 9 for a township, 12 for a village. The zero Code is no division.
//
// A Code is kept in its shortest form: 130000, the six digits that GB/T 2260
// prints for Hebei, and 130000000000 are both read as 13, and 441900 as 4419.
//
// The digits stand left-aligned in twelve places, above four bits with their
// number. So codes compare as their texts do: a division sorts directly before
// those inside it.
type Code uint64

const (
	codeDigits = 12       // places for digits in a Code
	lengthBits = 4        // bits below them that hold the number of digits
	lengthMask = 1<<4 - 1 // the bits themselves
)

// powersOfTen[n] is 10 to the power n.
var powersOfTen = [codeDigits + 1]uint64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12}

// ParseCode reads a division code of 2, 4, 6, 9 or 12 digits. It says nothing
// about whether there is such a division: see Divisions.Knows. The error is an
// *InvalidError with Field "division".
func ParseCode(text string) (Code, error) {
	invalid := func(rule string) (Code, error) {
		return 0, &InvalidError{Field: "division", Value: text, Rule: rule}
	}
	switch len(text) {
	case 2, 4, 6, 9, 12:
	default:
		return invalid("a division code has 2, 4, 6, 9 or 12 digits")
	}
	var value uint64
	for i := range len(text) {
		digit := text[i] - '0'
		if digit > 9 {
			return invalid("a division code has digits only")
		}
		value = value*10 + uint64(digit)
	}
	if text[0] == '0' {
		return invalid("a division code does not begin with 0")
	}
	return makeCode(value*powersOfTen[codeDigits-len(text)], len(text)), nil
}

// makeCode packs twelve digits of which the first n count, in shortest form.
func makeCode(digits uint64, n int) Code {
	for n > 2 && digits%powersOfTen[codeDigits-wider(n)] == 0 {
		n = wider(n)
	}
	return Code(digits<<lengthBits | uint64(n))
}

// wider returns the number of digits of the next wider kind of division.
func wider(n int) int {
	switch n {
	case 12:
		return 9
	case 9:
		return 6
	case 6:
		return 4
	default:
		return 2
	}
}

// valid reports whether ParseCode can have returned the code.
func (c Code) valid() bool {
	switch n := c.Len(); n {
	case 2, 4, 6, 9, 12:
		digits := c.digits()
		return digits >= powersOfTen[codeDigits-1] && digits < powersOfTen[codeDigits] &&
			digits%powersOfTen[codeDigits-n] == 0 && makeCode(digits, n) == c
	default:
		return false
	}
}

// digits returns the code's digits, left-aligned in twelve places.
func (c Code) digits() uint64 { return uint64(c) >> lengthBits }

// Len returns the number of digits: 2, 4, 6, 9, 12, or 0 for no division.
func (c Code) Len() int {
	if n := int(c & lengthMask); n <= codeDigits {
		return n
	}
	return 0
}

// Prefix returns the division of at most n digits that the code lies in by its
// digits; the code itself if it has no more than n.
func (c Code) Prefix(n int) Code {
	if c.Len() <= n {
		return c
	}
	switch {
	case n >= 9:
		n = 9
	case n >= 6:
		n = 6
	case n >= 4:
		n = 4
	case n >= 2:
		n = 2
	default:
		return 0
	}
	tail := powersOfTen[codeDigits-n]
	return makeCode(c.digits()/tail*tail, n)
}

// cut returns the code's first n digits as they stand, though they may not be
// the shortest form: of 441900003, 441900 and not 4419.
func (c Code) cut(n int) Code {
	tail := powersOfTen[codeDigits-n]
	return Code(c.digits()/tail*tail<<lengthBits | uint64(n))
}

// Contains reports whether other is this division or lies in it by its digits.
// The zero Code contains nothing.
func (c Code) Contains(other Code) bool {
	return c != 0 && c <= other && other <= c.last()
}

// last returns the greatest Code that can lie in this division.
func (c Code) last() Code {
	return Code((c.digits()+powersOfTen[codeDigits-c.Len()]-1)<<lengthBits | lengthMask)
}

// Kind tells from the number of digits what kind of division the code is of.
func (c Code) Kind() Kind {
	switch c.Len() {
	case 2:
		return Province
	case 4:
		return Prefecture
	case 6:
		return County
	case 9:
		return Township
	case 12:
		return Village
	default:
		return ""
	}
}

// String returns the digits, or "" for no division.
func (c Code) String() string {
	if c.Len() == 0 {
		return ""
	}
	return strconv.FormatUint(c.digits()/powersOfTen[codeDigits-c.Len()], 10)
}

// MarshalText writes the code as String does.
func (c Code) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads the code as ParseCode does; no text is the zero Code.
func (c *Code) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*c = 0
		return nil
	}
	code, err := ParseCode(string(text))
	if err != nil {
		return err
	}
	*c = code
	return nil
}

// Kind is the administrative level of a division.
type Kind string

// The kinds of divisions, from the widest to the narrowest.
const (
	Province   Kind = "PROVINCE"   // 省级: province, autonomous region, municipality
	Prefecture Kind = "PREFECTURE" // 地级: prefecture-level city, prefecture, league
	County     Kind = "COUNTY"     // 县级: county, district, county-level city, banner, development zone
	Township   Kind = "TOWNSHIP"   // 乡级: town, township, subdistrict, sumu, farm
	Village    Kind = "VILLAGE"    // 村级: village or residents' committee
)

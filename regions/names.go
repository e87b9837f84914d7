package regions

// Limits of ids and codes, in bytes.
const (
	MinRegionID      = 2
	MaxRegionID      = 32
	MaxServiceCode   = 64
	MaxServiceLevels = 8 // dots in a service code, plus one
)

// ValidateRegionID checks the form of a region's id, [a-z][a-z0-9-]{1,31}. The
// error is an *InvalidError with Field "region".
func ValidateRegionID(id string) error {
	good := len(id) >= MinRegionID && len(id) <= MaxRegionID && isLower(id[0])
	for i := 1; good && i < len(id); i++ {
		good = isLower(id[i]) || isDigit(id[i]) || id[i] == '-'
	}
	if !good {
		return &InvalidError{Field: "region", Value: id, Rule: "a region id has 2 to 32 of a-z, 0-9 and -, and begins with a letter"}
	}
	return nil
}

// ValidateServiceCode checks the form of a service code,
// [a-z][a-z0-9]*(\.[a-z][a-z0-9]*)*, of at most MaxServiceCode bytes and
// MaxServiceLevels levels. The error is an *InvalidError with Field "service".
func ValidateServiceCode(code string) error {
	invalid := func(rule string) error {
		return &InvalidError{Field: "service", Value: code, Rule: rule}
	}
	if len(code) > MaxServiceCode {
		return invalid("a service code has at most 64 characters")
	}
	levels := 1
	first := true // of its level
	for i := range len(code) {
		switch b := code[i]; {
		case isLower(b), isDigit(b) && !first:
			first = false
		case b == '.' && !first:
			first = true
			levels++
		default:
			return invalid("a service code has words of a-z and 0-9 that begin with a letter, joined by dots")
		}
	}
	if first {
		return invalid("a service code has words of a-z and 0-9 that begin with a letter, joined by dots")
	}
	if levels > MaxServiceLevels {
		return invalid("a service code has at most 8 levels")
	}
	return nil
}

func isLower(b byte) bool { return b >= 'a' && b <= 'z' }
func isDigit(b byte) bool { return b >= '0' && b <= '9' }

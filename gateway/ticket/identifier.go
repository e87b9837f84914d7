package ticket

// MaxCode is the most characters of a number that a centre gives: externalId, reference.
const MaxCode = 64

const uuidLength = 36

// uuid checks a UUID in canonical text: lower case, with hyphens. Version 0 takes any.
func (c checks) uuid(field, s string, version byte) *Violation {
	good := len(s) == uuidLength
	for i := 0; good && i < len(s); i++ {
		switch i {
		case 8, 13, 18, 23:
			good = s[i] == '-'
		default:
			good = s[i] >= '0' && s[i] <= '9' || s[i] >= 'a' && s[i] <= 'f'
		}
	}
	switch {
	case !good:
		return c.fail(field, "must be a UUID in canonical text, e.g. 0198c5a0-7d1e-7c3a-9f00-0123456789ab")
	case version != 0 && (s[14] != '0'+version || s[19] < '8' || s[19] > 'b'):
		return c.fail(field, "must be a UUID of version %d", version)
	}
	return nil
}

// uuidv7 checks an id: a UUID of version 7 in canonical text.
func (c checks) uuidv7(field, s string) *Violation { return c.uuid(field, s, 7) }

// uuidv7OrNone is uuidv7 for a field that may be empty.
func (c checks) uuidv7OrNone(field, s string) *Violation {
	if s == "" {
		return nil
	}
	return c.uuidv7(field, s)
}

// code checks a number that a centre gives: it stands in events, which are for ever, so it has no room for words.
// It is safe in a path or file name.
func (c checks) code(field, s string) *Violation {
	if s == "" || len(s) > MaxCode {
		return c.fail(field, "must have 1 to %d characters", MaxCode)
	}
	dots := 0 // in a row
	for i := range len(s) {
		b := s[i]
		switch {
		case b == '.':
			dots++
		case b == '_', b == '-', b >= '0' && b <= '9', b >= 'A' && b <= 'Z', b >= 'a' && b <= 'z':
			dots = 0
		default:
			return c.fail(field, "must have letters A-Z a-z, digits and ._- only")
		}
		if dots == 2 || s == "." {
			return c.fail(field, "must not be . or contain ..")
		}
	}
	return nil
}

// codeOrNone is code for a field that may be empty.
func (c checks) codeOrNone(field, s string) *Violation {
	if s == "" {
		return nil
	}
	return c.code(field, s)
}

// ValidateID checks a ticket's id: a UUID of version 7 in canonical text.
func ValidateID(field, id string) error { return first(inputChecks.uuidv7(field, id)) }

// ValidateRequestID checks the id a caller made for a command: a UUID of any version in canonical text.
func ValidateRequestID(id string) error { return first(inputChecks.uuid("requestId", id, 0)) }

// ValidateReference checks a centre's own number of a ticket: empty, or at most 64 of A-Z a-z 0-9 and ._- without `..`.
func ValidateReference(field, number string) error {
	return first(inputChecks.codeOrNone(field, number))
}

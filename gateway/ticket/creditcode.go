package ticket

import "strings"

const (
	creditCodeLength = 18
	// creditCodeDigits are the 31 digits of GB 32100-2015, in order of value: without I, O, S, V and Z.
	creditCodeDigits = "0123456789ABCDEFGHJKLMNPQRTUWXY"
)

// creditCode checks a unified social credit code (统一社会信用代码, GB 32100-2015): 18 digits to the base 31, the last a
// check digit that makes the sum of all, weighted by powers of 3, divisible by 31.
func (c checks) creditCode(field, code string) *Violation {
	if len(code) != creditCodeLength {
		return c.fail(field, "a unified social credit code has %d characters", creditCodeLength)
	}
	const base = len(creditCodeDigits)
	sum, weight := 0, 1
	for i := range creditCodeLength {
		digit := strings.IndexByte(creditCodeDigits, code[i])
		if digit < 0 {
			return c.fail(field, "a unified social credit code has digits and capital letters without I, O, S, V and Z only")
		}
		if i == creditCodeLength-1 {
			weight = 1
		}
		sum += digit * weight
		weight = weight * 3 % base
	}
	if sum%base != 0 {
		return c.fail(field, "the check character of the unified social credit code does not fit")
	}
	return nil
}

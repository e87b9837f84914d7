package ticket

import "fmt"

// QueryCodeDigits is how many digits a query code has: digits, for a caller may have to key it on a telephone.
const QueryCodeDigits = 8

// QueryCode makes the caller's code for asking after a ticket out of random bytes, of which there should be at least
// 8: then all codes are equally likely but for one part in 10^11.
func QueryCode(random []byte) string {
	const codes = 100_000_000
	var n uint64
	for _, b := range random {
		n = (n<<8 | uint64(b)) % codes
	}
	return fmt.Sprintf("%0*d", QueryCodeDigits, n)
}

package ticket

// J. Verhoeff's check digit (1969): products in the dihedral group of order ten, over digits permuted by their place.

// verhoeffProduct[a][b] is a times b in the dihedral group D5.
var verhoeffProduct = [10][10]uint8{
	{0, 1, 2, 3, 4, 5, 6, 7, 8, 9},
	{1, 2, 3, 4, 0, 6, 7, 8, 9, 5},
	{2, 3, 4, 0, 1, 7, 8, 9, 5, 6},
	{3, 4, 0, 1, 2, 8, 9, 5, 6, 7},
	{4, 0, 1, 2, 3, 9, 5, 6, 7, 8},
	{5, 9, 8, 7, 6, 0, 4, 3, 2, 1},
	{6, 5, 9, 8, 7, 1, 0, 4, 3, 2},
	{7, 6, 5, 9, 8, 2, 1, 0, 4, 3},
	{8, 7, 6, 5, 9, 3, 2, 1, 0, 4},
	{9, 8, 7, 6, 5, 4, 3, 2, 1, 0},
}

// verhoeffPlace[i][d] is the digit d at the i-th place from the right, counted modulo 8; the check digit is at place 0.
var verhoeffPlace = [8][10]uint8{
	{0, 1, 2, 3, 4, 5, 6, 7, 8, 9},
	{1, 5, 7, 6, 2, 8, 3, 0, 9, 4},
	{5, 8, 0, 3, 7, 9, 6, 1, 4, 2},
	{8, 9, 1, 6, 0, 4, 3, 5, 2, 7},
	{9, 4, 5, 3, 1, 2, 6, 8, 7, 0},
	{4, 2, 8, 6, 5, 7, 3, 9, 0, 1},
	{2, 7, 9, 3, 8, 0, 6, 4, 1, 5},
	{7, 0, 4, 6, 9, 1, 3, 2, 5, 8},
}

// verhoeffInverse[a] times a is 0.
var verhoeffInverse = [10]uint8{0, 4, 3, 2, 1, 5, 6, 7, 8, 9}

// keypad[l] is the telephone key of the l-th letter.
const keypad = "22233344455566677778889999"

// verhoeff multiplies the digits and letters of s, the last at the given place; hyphens have no place.
func verhoeff(s string, place int) uint8 {
	var product uint8
	for i := len(s) - 1; i >= 0; i-- {
		b := s[i]
		switch {
		case b == '-':
			continue
		case b >= 'A' && b <= 'Z':
			b = keypad[b-'A']
		}
		product = verhoeffProduct[product][verhoeffPlace[place%len(verhoeffPlace)][(b-'0')%10]]
		place++
	}
	return product
}

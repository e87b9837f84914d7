package regions

import (
	"sort"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const (
	// MaxSearchResults is the most divisions that one search returns.
	MaxSearchResults = 100
	// MaxSearchRunes is the longest query, in characters, that can find
	// anything; the longest full name in use has fewer.
	MaxSearchRunes = 64
)

// How well a name fits a query, best first.
const (
	wholeName = iota // 孟村回族自治县 for itself, 苏州市 for 苏州
	nameStart        // 孟村回族自治县 for 孟村
	namePart         // 孟村回族自治县 for 自治县
	noFit
)

// kindsFound counts the kinds that a search can find: all but villages.
const kindsFound = 4

// Search finds divisions by name, or by the first digits of their code.
//
// The query may begin with wider divisions, in full or cut short, with or
// without spaces: 沧州孟村 and 河北省 沧州市 孟村回族自治县 find the same
// county. Whole names come before names that begin with the query, then names
// that contain it; of equal fit, wider divisions come first, then by code. At
// most limit divisions are returned, MaxSearchResults if limit is not between 1
// and that. Hidden and retired divisions are not found.
func (d *Divisions) Search(query string, limit int) []Division {
	if limit < 1 || limit > MaxSearchResults {
		limit = MaxSearchResults
	}
	query = searchable(query)
	var found []int
	switch {
	case query == "":
	case strings.Trim(query, "0123456789") == "":
		found = d.searchCodes(query, limit)
	default:
		found = d.searchNames(query, limit)
	}
	divisions := make([]Division, 0, len(found))
	for _, i := range found {
		division, _ := d.Lookup(d.codes[i])
		divisions = append(divisions, division)
	}
	return divisions
}

// searchable normalises a query (NFKC, no white space), or returns "" for one
// that can find nothing.
func searchable(query string) string {
	if len(query) > MaxSearchRunes*utf8.UTFMax || !utf8.ValidString(query) {
		return ""
	}
	query = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, norm.NFKC.String(query))
	if utf8.RuneCountInString(query) > MaxSearchRunes {
		return ""
	}
	return query
}

// searchCodes returns the positions of divisions whose code begins with digits.
func (d *Divisions) searchCodes(digits string, limit int) []int {
	if len(digits) > codeDigits {
		return nil
	}
	value, err := strconv.ParseUint(digits, 10, 64)
	if err != nil {
		return nil
	}
	unit := powersOfTen[codeDigits-len(digits)]
	low, high := value*unit, (value+1)*unit
	var found []int
	first := sort.Search(len(d.codes), func(i int) bool { return d.codes[i].digits() >= low })
	for i := first; i < len(d.codes) && d.codes[i].digits() < high && len(found) < limit; i++ {
		// 13 is stored as 130000000000, but does not begin with 1300.
		if d.codes[i].Len() >= len(digits) && !d.hidden(i) {
			found = append(found, i)
		}
	}
	return found
}

// searchNames returns the positions of divisions that fit a query, best first.
func (d *Divisions) searchNames(query string, limit int) []int {
	var fits [noFit][kindsFound][]int
	rests := searchPath{query: query}
	for i, code := range d.codes {
		name := d.name(i)
		level := searchLevel(code)
		if d.hidden(i) {
			rests.pass(level)
			continue
		}
		fit := noFit
		for _, rest := range rests.before(level) {
			fit = min(fit, fitOf(name, rest))
		}
		if fit < noFit && len(fits[fit][level]) < limit {
			fits[fit][level] = append(fits[fit][level], i)
		}
		rests.enter(level, name)
	}
	var found []int
	for _, kinds := range fits {
		for _, positions := range kinds {
			found = append(found, positions...)
		}
	}
	return found[:min(limit, len(found))]
}

// searchLevel returns 0 for a province to 3 for a township.
func searchLevel(code Code) int {
	switch code.Len() {
	case 2:
		return 0
	case 4:
		return 1
	case 6:
		return 2
	default:
		return 3
	}
}

// fitOf tells how well a name fits what is left of a query.
func fitOf(name, rest string) int {
	switch {
	case strings.HasPrefix(name, rest):
		if kindWord(name[len(rest):]) {
			return wholeName
		}
		return nameStart
	case strings.Contains(name, rest):
		return namePart
	default:
		return noFit
	}
}

// kindWord reports whether the end of a name only says what kind of division
// it is, and whose autonomy it has, so that people leave it out.
func kindWord(end string) bool {
	switch end {
	case "", "省", "市", "区", "县", "旗", "盟", "镇", "乡", "街道", "地区", "特区", "林区", "苏木":
		return true
	}
	for _, autonomous := range [...]string{"自治区", "自治州", "自治县", "自治旗"} {
		if strings.HasSuffix(end, autonomous) {
			return true
		}
	}
	return false
}

// searchPath knows, while all divisions are walked in the order of their codes,
// which parts of the query the names of the wider divisions have used up.
type searchPath struct {
	query string
	left  [kindsFound][]string // left[n]: what may be left of the query below level n
}

// before returns what may be left of the query for a name at a level.
func (p *searchPath) before(level int) []string {
	if level == 0 {
		return []string{p.query}
	}
	return p.left[level-1]
}

// enter notes that the walk is now inside a division: its name may have used
// up the beginning of the query, or have no part in it.
func (p *searchPath) enter(level int, name string) {
	if level == kindsFound-1 {
		return // nothing is below a township
	}
	p.pass(level)
	for _, rest := range p.before(level) {
		if used := sharedStart(name, rest); used > 0 && used < len(rest) {
			for n := level; n < kindsFound; n++ {
				p.left[n] = append(p.left[n], rest[used:])
			}
		}
	}
}

// pass notes that the walk is now inside a division that has no part in names.
// What is left below it is also left below a level that is missing: Dongguan
// has no counties.
func (p *searchPath) pass(level int) {
	for n := level; n < kindsFound; n++ {
		p.left[n] = append(p.left[n][:0], p.before(level)...)
	}
}

// sharedStart returns how many bytes a name and a query begin with alike, if
// that is at least two characters; else 0.
func sharedStart(name, query string) int {
	shared, runes := 0, 0
	for shared < len(name) && shared < len(query) {
		_, size := utf8.DecodeRuneInString(name[shared:])
		if !strings.HasPrefix(query[shared:], name[shared:shared+size]) {
			break
		}
		shared += size
		runes++
	}
	if runes < 2 {
		return 0
	}
	return shared
}

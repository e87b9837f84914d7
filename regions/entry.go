package regions

import "sort"

// entry is what one rule says of its division. The entries of a division are
// ordered by service number and first day, and those of one service do not
// overlap.
type entry struct {
	service uint16 // number in the table's services; 0: any
	region  uint16 // number in the table's regions
	from    Day
	to      Day // closed: never zero
}

// activeEntry returns the entry of a service that is valid on a day.
func activeEntry(group []entry, service uint16, day Day) (*entry, bool) {
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
		return nil, false
	}
	e := &group[low-1]
	return e, e.service == service && day <= e.to
}

// serviceRun returns where the entries of a service are in those of a division.
func serviceRun(group []entry, service uint16) (first, end int) {
	first = sort.Search(len(group), func(i int) bool { return group[i].service >= service })
	end = first + sort.Search(len(group)-first, func(i int) bool { return group[first+i].service > service })
	return first, end
}

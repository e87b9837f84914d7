package regions

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"
)

func TestHotlinesAreThoseOfTheGuideline(t *testing.T) {
	counts := map[Way]int{}
	numbers := map[string]bool{}
	for _, hotline := range Hotlines() {
		counts[hotline.Way]++
		if numbers[hotline.Number] {
			t.Errorf("%s is there twice", hotline.Number)
		}
		numbers[hotline.Number] = true
	}
	for way, want := range map[Way]int{Merged: 13, Parallel: 14, Subcentre: 5, Emergency: 4} {
		if counts[way] != want {
			t.Errorf("%d hotlines are %s, want %d", counts[way], way, want)
		}
	}
}

func TestHotlinesAreThoseOfTheSharedTable(t *testing.T) {
	rows, err := csv.NewReader(bytes.NewReader(shared(t, "hotlines.csv"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows[1:] {
		hotline, found := LookupHotline(row[0])
		if !found || hotline.Name != row[1] || string(hotline.Way) != strings.ToUpper(row[2]) {
			t.Errorf("%v: got %+v, %v", row, hotline, found)
		}
	}
	if got := len(Hotlines()); got != len(rows)-1 {
		t.Errorf("%d hotlines, want %d", got, len(rows)-1)
	}
}

func TestEmergencyNumbersHaveTheirServices(t *testing.T) {
	c := DefaultCatalogue()
	for _, hotline := range Hotlines() {
		if (hotline.Way == Emergency) != (hotline.Service != "") {
			t.Errorf("%s: the service is %q", hotline.Number, hotline.Service)
		}
		if hotline.Service == "" {
			continue
		}
		if service, found := c.Get(hotline.Service); !found || service.Emergency != hotline.Number {
			t.Errorf("%s: service %q answers %q", hotline.Number, hotline.Service, service.Emergency)
		}
	}
	if _, found := LookupHotline("12345"); found {
		t.Error("12345 is not one of the hotlines beside it")
	}
}

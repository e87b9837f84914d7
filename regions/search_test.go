package regions

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestSearchPutsTheBestFirst(t *testing.T) {
	tests := []struct{ name, query, want string }{
		{"whole name", "沧州市", "1309"},
		{"name without its kind", "苏州", "3205"},
		{"province", "河北", "13"},
		{"autonomous region", "广西", "45"},
		{"autonomous county", "孟村", "130930"},
		{"city and county", "沧州孟村", "130930"},
		{"with spaces", " 河北省  沧州市 孟村回族自治县 ", "130930"},
		{"full name", "河北省沧州市孟村回族自治县", "130930"},
		{"region and city cut short", "广西南宁", "4501"},
		{"district of a municipality", "北京市东城区", "110101"},
		{"district by its name alone", "东城区", "110101"},
		{"county of a municipality", "重庆忠县", "500233"},
		{"township of a city without counties", "东莞东城", "441900003"},
		{"county in Xiong'an", "雄县", "130638"},
		{"part of a name", "回族自治县", "130930"},
		{"code", "1309", "1309"},
		{"first digits of a code", "13093", "130930"},
		{"wide digits", "１３０９", "1309"},
	}
	d := divisions(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			found := d.Search(test.query, 5)
			if len(found) == 0 {
				t.Fatalf("%q found nothing, want %s first", test.query, test.want)
			}
			if test.name == "part of a name" {
				for _, division := range found {
					if !strings.Contains(division.Name, test.query) {
						t.Errorf("%q found %s", test.query, division.Name)
					}
				}
				return
			}
			if found[0].Code != code(test.want) {
				t.Errorf("%q found %s %s first, want %s", test.query, found[0].Code, found[0].FullName, test.want)
			}
		})
	}
}

func TestSearchFindsNothing(t *testing.T) {
	d := divisions(t)
	for _, query := range []string{"", "   ", "亚特兰蒂斯", "9999", "1234567890123", "\xff\xfe", strings.Repeat("市", MaxSearchRunes+1), strings.Repeat("x", 1<<16)} {
		if found := d.Search(query, 5); len(found) != 0 {
			t.Errorf("%.20q found %s", query, found[0].FullName)
		}
	}
}

func TestSearchHidesWhatPeopleDoNotSee(t *testing.T) {
	d := divisions(t)
	for _, query := range []string{"市辖区", "省直辖县级行政区划", "苏州工业园区", "1101", "320576"} {
		for _, division := range d.Search(query, 0) {
			if division.Hidden {
				t.Errorf("%q found %s %s", query, division.Code, division.Name)
			}
		}
	}
}

func TestSearchStartsTheSameWithEveryLimit(t *testing.T) {
	d := divisions(t)
	all := d.Search("城关", 0)
	if len(all) != MaxSearchResults {
		t.Fatalf("%d results without a limit, want %d", len(all), MaxSearchResults)
	}
	for _, limit := range []int{1, 7, 99} {
		some := d.Search("城关", limit)
		if len(some) != limit {
			t.Fatalf("%d results with limit %d", len(some), limit)
		}
		for i := range some {
			if some[i].Code != all[i].Code {
				t.Errorf("with limit %d, result %d is %s, without it %s", limit, i, some[i].Code, all[i].Code)
			}
		}
	}
}

func FuzzSearch(f *testing.F) {
	for _, seed := range []string{"苏州", "沧州孟村", "1309", " 河北省 ", "\xff", "自治", "市市市", "１３"} {
		f.Add(seed, 10)
	}
	d, err := LoadDivisions()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, query string, limit int) {
		found := d.Search(query, limit)
		if len(found) > MaxSearchResults || limit > 0 && len(found) > limit {
			t.Errorf("%d results with limit %d", len(found), limit)
		}
		seen := map[Code]bool{}
		for _, division := range found {
			if division.Hidden || seen[division.Code] || !utf8.ValidString(division.FullName) {
				t.Errorf("%q found %+v, hidden or twice", query, division)
			}
			seen[division.Code] = true
		}
	})
}

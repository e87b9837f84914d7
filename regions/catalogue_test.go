package regions

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestDefaultCatalogueIsWellFormed(t *testing.T) {
	c := DefaultCatalogue()
	if c.Len() < 55 || c.Len() > 75 {
		t.Errorf("%d services, want about 60", c.Len())
	}
	for _, service := range c.Services() {
		first, _, two := strings.Cut(service.Code, ".")
		if two {
			if _, found := c.Get(first); !found || strings.Count(service.Code, ".") > 1 {
				t.Errorf("%s is not on the second level below a service", service.Code)
			}
		}
		for _, word := range service.words() {
			if got, found := c.Resolve(word); !found || got.Code != service.Code {
				t.Errorf("%q of %s resolves to %q", word, service.Code, got.Code)
			}
		}
	}
}

func TestCategoriesOfMessageBoardsResolve(t *testing.T) {
	rows, err := csv.NewReader(bytes.NewReader(shared(t, "categories.csv"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	c := DefaultCatalogue()
	seen := map[string]bool{}
	for _, row := range rows[1:] {
		if seen[row[0]] {
			continue
		}
		seen[row[0]] = true
		service, found := c.Resolve(row[0])
		if !found {
			t.Errorf("%s does not resolve", row[0])
		}
		if strings.Contains(service.Code, ".") || c.EmergencyNumber(service.Code) != "" {
			t.Errorf("%s resolves to %s, want an ordinary service of the first level", row[0], service.Code)
		}
	}
	if len(seen) < 10 {
		t.Errorf("only %d first-level categories in the file", len(seen))
	}
	// No category of an ordinary message may be taken for an emergency.
	for _, row := range rows[1:] {
		for _, word := range row {
			if service, found := c.Resolve(word); found && c.EmergencyNumber(service.Code) != "" {
				t.Errorf("%s is taken for %s", word, service.Code)
			}
		}
	}
}

func TestFirstLevelClassesOfWuhuResolve(t *testing.T) {
	c := DefaultCatalogue()
	for _, word := range strings.Fields("经济财贸 卫生健康 市场监管 生态环境 公共服务 城乡建设 公共安全 劳动和社会保障 交通运输 科教文体 农林水土 城市管理") {
		if service, found := c.Resolve(word); !found || strings.Contains(service.Code, ".") {
			t.Errorf("%s resolves to %q, want a service of the first level", word, service.Code)
		}
	}
}

func TestResolve(t *testing.T) {
	c := DefaultCatalogue()
	tests := []struct{ name, word, want string }{
		{"code", "urban.housing", "urban.housing"},
		{"code in capitals", "Urban.Housing", "urban.housing"},
		{"Chinese name", "住房保障与房地产", "urban.housing"},
		{"English name", "  water   SUPPLY ", "utility.water"},
		{"alias", "卫生计生", "health"},
		{"full-width characters", "ｕｒｂａｎ", "urban"},
		{"emergency number", "110", "emergency.police"},
		{"full-width number", "１２０", "emergency.medical"},
		{"unknown", "星际旅行", ""},
		{"nothing", "", ""},
		{"white space", " \t\n", ""},
		{"bad UTF-8", "\xff\xfe", ""},
		{"endless", strings.Repeat("水", 10_000), ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, found := c.Resolve(test.word)
			if got.Code != test.want || found != (test.want != "") {
				t.Errorf("%.20q resolves to %q, %v; want %q", test.word, got.Code, found, test.want)
			}
		})
	}
}

func TestEmergencyNumbers(t *testing.T) {
	c := DefaultCatalogue()
	for code, want := range map[string]string{
		"emergency.police": "110", "emergency.fire": "119", "emergency.medical": "120", "emergency.traffic": "122",
		"emergency.medical.birth": "120", "emergency": "", "safety.fire": "", "health.care": "", "": "", "unknown": "",
	} {
		if got := c.EmergencyNumber(code); got != want {
			t.Errorf("%q: the number is %q, want %q", code, got, want)
		}
	}
}

func good(code string, words ...string) Service {
	return Service{Code: code, NameZH: "名" + code, NameEN: "name " + code, Aliases: words}
}

func TestServiceValidate(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(*Service)
		field string
	}{
		{"no code", func(s *Service) { s.Code = "" }, "code"},
		{"code with capitals", func(s *Service) { s.Code = "Urban" }, "code"},
		{"code that ends in a dot", func(s *Service) { s.Code = "urban." }, "code"},
		{"code with an empty level", func(s *Service) { s.Code = "urban..housing" }, "code"},
		{"level that begins with a digit", func(s *Service) { s.Code = "urban.2" }, "code"},
		{"code with a dash", func(s *Service) { s.Code = "urban-housing" }, "code"},
		{"code too long", func(s *Service) { s.Code = strings.Repeat("a", MaxServiceCode+1) }, "code"},
		{"code too deep", func(s *Service) { s.Code = "a" + strings.Repeat(".a", MaxServiceLevels) }, "code"},
		{"no Chinese name", func(s *Service) { s.NameZH = " " }, "nameZh"},
		{"no English name", func(s *Service) { s.NameEN = "" }, "nameEn"},
		{"control character", func(s *Service) { s.NameZH = "住\u0007房" }, "nameZh"},
		{"bad UTF-8", func(s *Service) { s.NameEN = "\xff" }, "nameEn"},
		{"name too long", func(s *Service) { s.NameZH = strings.Repeat("房", MaxServiceWord+1) }, "nameZh"},
		{"empty alias", func(s *Service) { s.Aliases = []string{""} }, "aliases"},
		{"too many aliases", func(s *Service) { s.Aliases = make([]string, MaxServiceAliases+1) }, "aliases"},
		{"number that is no emergency", func(s *Service) { s.Emergency = "12345" }, "emergency"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			service := good("urban.housing")
			if err := service.Validate(); err != nil {
				t.Fatal(err)
			}
			test.spoil(&service)
			var invalid *InvalidError
			if err := service.Validate(); !errors.As(err, &invalid) || invalid.Field != test.field {
				t.Errorf("got %v, want an InvalidError for %s", err, test.field)
			}
		})
	}
}

func TestAmbiguousWordsAreRefused(t *testing.T) {
	tests := []struct {
		name     string
		services []Service
		word     string
	}{
		{"alias of another", []Service{good("a", "水"), good("b", "水")}, "水"},
		{"alias is another's code", []Service{good("a"), good("b", "A")}, "A"},
		{"alias is another's name", []Service{good("a"), good("b", "Name  A")}, "Name  A"},
		{"same code twice", []Service{good("a"), good("a")}, "a"},
		{"same after folding", []Service{good("a", "Straße"), good("b", "STRASSE")}, "STRASSE"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := NewCatalogue(test.services)
			var ambiguous *AmbiguousWordError
			if !errors.As(err, &ambiguous) || ambiguous.Word != test.word {
				t.Errorf("got %v, want the word %q to be ambiguous", err, test.word)
			}
		})
	}
	if _, err := NewCatalogue([]Service{good("a", "a", "名a", "水", "水")}); err != nil {
		t.Errorf("a service may say one word twice: %v", err)
	}
}

func TestCatalogueWith(t *testing.T) {
	before, err := NewCatalogue([]Service{good("a", "水"), good("b", "电")})
	if err != nil {
		t.Fatal(err)
	}
	exchanged, err := before.With([]Service{good("a", "电"), good("b", "水")}, nil)
	if err != nil {
		t.Fatalf("two services cannot exchange a word: %v", err)
	}
	if got, _ := exchanged.Resolve("水"); got.Code != "b" {
		t.Errorf("水 resolves to %q after the exchange", got.Code)
	}
	if got, _ := before.Resolve("水"); got.Code != "a" {
		t.Errorf("the catalogue before was changed: 水 resolves to %q", got.Code)
	}
	shrunk, err := before.With([]Service{good("c", "水")}, []string{"a"})
	if err != nil {
		t.Fatal(err)
	}
	if _, found := shrunk.Get("a"); found || shrunk.Len() != 2 {
		t.Error("a was not deleted")
	}
	var missing *MissingServiceError
	if _, err := before.With(nil, []string{"z"}); !errors.As(err, &missing) || missing.Code != "z" {
		t.Errorf("deleting a service that is not there: got %v", err)
	}
	var ambiguous *AmbiguousWordError
	if _, err := before.With([]Service{good("c", "水")}, nil); !errors.As(err, &ambiguous) || ambiguous.Existing != "a" {
		t.Errorf("taking another's word: got %v", err)
	}
	if _, err := before.With([]Service{good("c"), good("c")}, nil); !errors.As(err, &ambiguous) {
		t.Errorf("one code twice in a change: got %v", err)
	}
}

// TestCatalogueWithIsAsNew: a catalogue changed step by step equals one made of
// its services at once.
func TestCatalogueWithIsAsNew(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, err := NewCatalogue(nil)
		if err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			var set []Service
			for _, i := range rapid.SliceOfNDistinct(rapid.IntRange(0, 5), 0, 3, rapid.ID[int]).Draw(t, "set") {
				aliases := rapid.SliceOfN(rapid.SampledFrom([]string{"水", "电", "气", "热"}), 0, 2).Draw(t, "aliases")
				set = append(set, good(fmt.Sprintf("s%d", i), aliases...))
			}
			del := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"s0", "s1", "s2"}), 0, 1, rapid.ID[string]).Draw(t, "del")
			next, err := c.With(set, del)
			if err != nil {
				continue
			}
			c = next
		}
		fresh, err := NewCatalogue(c.Services())
		if err != nil {
			t.Fatalf("the services do not make a catalogue: %v", err)
		}
		if !slices.EqualFunc(c.Services(), fresh.Services(), Service.equal) || len(c.words) != len(fresh.words) {
			t.Fatalf("got %v with %d words, want %v with %d", c.Services(), len(c.words), fresh.Services(), len(fresh.words))
		}
		for word, code := range fresh.words {
			if c.words[word] != code {
				t.Fatalf("%q stands for %q, want %q", word, c.words[word], code)
			}
		}
	})
}

func FuzzResolve(f *testing.F) {
	for _, seed := range []string{"urban", "城乡建设", "\xff", "ﬃ", "İ", "　水　"} {
		f.Add(seed)
	}
	c := DefaultCatalogue()
	f.Fuzz(func(t *testing.T, word string) {
		service, found := c.Resolve(word)
		if found && !slices.ContainsFunc(service.words(), func(w string) bool { return normalise(w) == normalise(word) }) {
			t.Errorf("%q resolves to %s, which has no such word", word, service.Code)
		}
		if ValidateServiceCode(word) == nil && strings.ToLower(word) != word {
			t.Errorf("%q is taken for a service code", word)
		}
	})
}

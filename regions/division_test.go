package regions

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// shared returns a file of the data for trying the gateway on, or skips the
// test where there is none.
func shared(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "shared", "data", name))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("%s is not beside this checkout", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func codes(texts ...string) []Code {
	var all []Code
	for _, text := range texts {
		all = append(all, code(text))
	}
	return all
}

func TestLookupDivision(t *testing.T) {
	tests := []struct {
		name, code string
		want       Division
	}{
		{"province", "13", Division{Code: code("13"), Name: "河北省", FullName: "河北省", Kind: Province}},
		{"municipality", "11", Division{Code: code("11"), Name: "北京市", FullName: "北京市", Kind: Province}},
		{"prefecture", "1309", Division{Code: code("1309"), Name: "沧州市", FullName: "河北省沧州市", Kind: Prefecture, Parent: code("13")}},
		{"county", "130930", Division{Code: code("130930"), Name: "孟村回族自治县", FullName: "河北省沧州市孟村回族自治县", Kind: County, Parent: code("1309")}},
		{"township", "130930100", Division{Code: code("130930100"), Name: "孟村镇", FullName: "河北省沧州市孟村回族自治县孟村镇", Kind: Township, Parent: code("130930")}},
		{"village gives its township", "130930100201", Division{Code: code("130930100"), Name: "孟村镇", FullName: "河北省沧州市孟村回族自治县孟村镇", Kind: Township, Parent: code("130930")}},
		{"six digits of a prefecture", "130900", Division{Code: code("1309"), Name: "沧州市", FullName: "河北省沧州市", Kind: Prefecture, Parent: code("13")}},
		{"district of a municipality", "110101", Division{Code: code("110101"), Name: "东城区", FullName: "北京市东城区", Kind: County, Parent: code("11")}},
		{"county of a municipality", "500233", Division{Code: code("500233"), Name: "忠县", FullName: "重庆市忠县", Kind: County, Parent: code("50")}},
		{"pseudo-city", "1101", Division{Code: code("1101"), Name: "市辖区", FullName: "北京市", Kind: Prefecture, Parent: code("11"), Hidden: true}},
		{"pseudo-city of counties", "5002", Division{Code: code("5002"), Name: "县", FullName: "重庆市", Kind: Prefecture, Parent: code("50"), Hidden: true}},
		{"county under its province", "429004", Division{Code: code("429004"), Name: "仙桃市", FullName: "湖北省仙桃市", Kind: County, Parent: code("42")}},
		{"development zone", "320576", Division{Code: code("320576"), Name: "苏州工业园区", FullName: "江苏省苏州市苏州工业园区", Kind: County, Parent: code("3205"), Hidden: true}},
		{"township in a development zone", "130171100", Division{Code: code("130171100"), Name: "宋营镇", FullName: "河北省石家庄市宋营镇", Kind: Township, Parent: code("1301")}},
		{"city without counties", "441900", Division{Code: code("4419"), Name: "东莞市", FullName: "广东省东莞市", Kind: Prefecture, Parent: code("44")}},
		{"township of a city without counties", "441900003", Division{Code: code("441900003"), Name: "东城街道", FullName: "广东省东莞市东城街道", Kind: Township, Parent: code("4419")}},
		{"county that repeats its city", "620201", Division{Code: code("620201"), Name: "嘉峪关市", FullName: "甘肃省嘉峪关市", Kind: County, Parent: code("6202"), Hidden: true}},
		{"township below it", "620201001", Division{Code: code("620201001"), Name: "雄关街道", FullName: "甘肃省嘉峪关市雄关街道", Kind: Township, Parent: code("6202")}},
		{"retired county", "330104", Division{Code: code("330104"), Name: "江干区", FullName: "浙江省杭州市江干区", Kind: County, Parent: code("3301"), Successors: codes("330102", "330114")}},
		{"place in a retired county", "330104005", Division{Code: code("330104"), Name: "江干区", FullName: "浙江省杭州市江干区", Kind: County, Parent: code("3301"), Successors: codes("330102", "330114")}},
		{"retired city", "371200", Division{Code: code("3712"), Name: "莱芜市", FullName: "山东省莱芜市", Kind: Prefecture, Parent: code("37"), Successors: codes("370116", "370117")}},
		{"county of a retired city", "371202", Division{Code: code("371202"), Name: "莱城区", FullName: "山东省莱芜市莱城区", Kind: County, Parent: code("3712"), Successors: codes("370116")}},
		{"county that became a city", "469003", Division{Code: code("469003"), Name: "儋州市", FullName: "海南省儋州市", Kind: County, Parent: code("46"), Successors: codes("4604")}},
	}
	d := divisions(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, found := d.Lookup(code(test.code))
			if !found {
				t.Fatalf("%s was not found", test.code)
			}
			if got.Code != test.want.Code || got.Name != test.want.Name || got.FullName != test.want.FullName ||
				got.Kind != test.want.Kind || got.Parent != test.want.Parent || got.Hidden != test.want.Hidden ||
				!slices.Equal(got.Successors, test.want.Successors) {
				t.Errorf("%s:\ngot  %+v\nwant %+v", test.code, got, test.want)
			}
			if !d.Knows(code(test.code)) {
				t.Errorf("%s is looked up but not known", test.code)
			}
		})
	}
}

func TestUnknownDivisions(t *testing.T) {
	d := divisions(t)
	for _, text := range []string{"99", "71", "1399", "130999", "130930999", "130930999001", "9912"} {
		if got, found := d.Lookup(code(text)); found || d.Knows(code(text)) {
			t.Errorf("%s: got %+v, want nothing", text, got)
		}
	}
	if d.Knows(0) || d.FullName(0) != "" {
		t.Error("the zero code is known")
	}
}

func TestDivisionCounts(t *testing.T) {
	d := divisions(t)
	counts := map[Kind]int{}
	for _, c := range d.codes {
		counts[c.Kind()]++
	}
	want := map[Kind]int{Province: 31, Prefecture: 342, County: 2975, Township: 41351}
	for kind, n := range want {
		if counts[kind] != n {
			t.Errorf("%d of kind %s, want %d", counts[kind], kind, n)
		}
	}
}

func TestXionganHasItsCounties(t *testing.T) {
	d := divisions(t)
	for text, name := range map[string]string{"130629": "容城县", "130632": "安新县", "130638": "雄县"} {
		if got, found := d.Lookup(code(text)); !found || got.Name != name {
			t.Errorf("%s is %q, want %q", text, got.Name, name)
		}
	}
}

// TestEveryDivisionHasAWayUp: parents are divisions in use that people see, and
// full names begin with theirs.
func TestEveryDivisionHasAWayUp(t *testing.T) {
	d := divisions(t)
	for _, c := range d.codes {
		division, found := d.Lookup(c)
		if !found || division.Code != c {
			t.Fatalf("%s is found as %s, %v", c, division.Code, found)
		}
		if c.Len() == 2 {
			if division.Parent != 0 {
				t.Fatalf("province %s has the parent %s", c, division.Parent)
			}
			continue
		}
		parent, found := d.Lookup(division.Parent)
		if !found || parent.Hidden || !parent.Code.Contains(c) {
			t.Fatalf("%s has the parent %s: found %v, hidden %v", c, division.Parent, found, parent.Hidden)
		}
		if !strings.HasPrefix(division.FullName, parent.FullName) {
			t.Fatalf("%s is %s, which does not begin with %s", c, division.FullName, parent.FullName)
		}
	}
}

func TestChildrenAreThoseWithThatParent(t *testing.T) {
	d := divisions(t)
	if got := d.Children(0); len(got) != 31 || got[0] != code("11") {
		t.Errorf("%d provinces, the first is %s", len(got), got[0])
	}
	if got := d.Children(code("50")); len(got) != 38 || got[0] != code("500101") || !slices.Contains(got, code("500229")) {
		t.Errorf("Chongqing has %d districts and counties: %v", len(got), got)
	}
	if got := d.Children(code("4604")); len(got) == 0 || got[0].Kind() != Township {
		t.Errorf("Danzhou has no counties, but townships; got %v", got)
	}
	if got := d.Children(code("3205")); slices.Contains(got, code("320576")) {
		t.Error("a development zone is seen by people")
	}
	total := 0
	var count func(c Code)
	count = func(c Code) {
		for _, child := range d.Children(c) {
			total++
			if child.Len() < 6 { // counting townships one county at a time is slow
				count(child)
			}
		}
	}
	count(0)
	if total < 3000 {
		t.Errorf("only %d divisions are reached from the top", total)
	}
}

func TestRetiredCodes(t *testing.T) {
	d := divisions(t)
	if len(d.retired) < 300 {
		t.Errorf("%d retired codes", len(d.retired))
	}
	for was := range d.retired {
		successors := d.Successors(was)
		if len(successors) == 0 {
			t.Errorf("%s has no successor", was)
		}
		for _, successor := range successors {
			if got, found := d.Lookup(successor); !found || got.Code != successor || got.Successors != nil {
				t.Errorf("%s, successor of %s, is not in use", successor, was)
			}
		}
	}
	if got := d.Successors(code("542123")); !slices.Equal(got, codes("5403")) {
		t.Errorf("a county of the retired 5421 has the successors %v, want 5403", got)
	}
	if got := d.Successors(code("330102")); got != nil {
		t.Errorf("330102 is in use, but has the successors %v", got)
	}
	d.Successors(code("330104"))[0] = 0
	if got := d.Successors(code("330104")); got[0] == 0 {
		t.Error("a caller can change the successors")
	}
}

func TestReadRetiredNamesTheBadLine(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"fields", "110103\t崇文区\n", "line 1: want code"},
		{"code", "# note\n11010\t崇文区\t110101\n", "line 2"},
		{"successor", "110103\t崇文区\t110101,x\n", "line 1: successor"},
		{"twice", "110103\t崇文区\t110101\n110103\t崇文区\t110101\n", "line 2: 110103 is there twice"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := readRetired(test.text); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestReadDivisionsRefusesDamage(t *testing.T) {
	if _, err := readDivisions(bytes.NewReader([]byte("no gzip")), ""); err == nil {
		t.Error("text was taken for the compressed file")
	}
	if _, err := readDivisions(bytes.NewReader(divisionsFile[:len(divisionsFile)/2]), ""); err == nil {
		t.Error("half of the file was taken for the whole")
	}
	if _, err := readDivisions(bytes.NewReader(divisionsFile), "110101\t东城区\t110102\n"); err == nil || !strings.Contains(err.Error(), "110101 is in use") {
		t.Errorf("a retired code in use: got %v", err)
	}
	if _, err := readDivisions(bytes.NewReader(divisionsFile), "110103\t崇文区\t110104\n"); err == nil || !strings.Contains(err.Error(), "not in use") {
		t.Errorf("a successor not in use: got %v", err)
	}
	var d Divisions
	for name, text := range map[string]string{"order": "12\t天津市\n11\t北京市\n", "code": "1x\t北京市\n", "name": "11\t\n", "empty": ""} {
		if err := d.readCurrent(strings.NewReader(text)); err == nil {
			t.Errorf("%s: bad lines were taken", name)
		}
	}
}

// TestFullNamesAreTheAddressesOfRealTickets: the sample tickets' addresses were
// made from the same codes by other means.
func TestFullNamesAreTheAddressesOfRealTickets(t *testing.T) {
	d := divisions(t)
	lines := bufio.NewScanner(bytes.NewReader(shared(t, "complaints.jsonl")))
	lines.Buffer(nil, 1<<20)
	tickets := 0
	for lines.Scan() {
		var line struct {
			Ticket struct {
				Division Code   `json:"division"`
				Address  string `json:"address"`
			} `json:"ticket"`
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatalf("line %d: %v", tickets+1, err)
		}
		if got := d.FullName(line.Ticket.Division); got != line.Ticket.Address {
			t.Errorf("%s is %s, want %s", line.Ticket.Division, got, line.Ticket.Address)
		}
		tickets++
	}
	if err := lines.Err(); err != nil || tickets == 0 {
		t.Errorf("%d tickets, %v", tickets, err)
	}
}

package entry

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/lang"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// Each mistake names its field and its rule, in both languages.
func TestMistakesAreToldInBothLanguages(t *testing.T) {
	route := func(division, service, region, from, to string) error {
		return Route(&jieliv1.Route{Division: division, Service: service, Region: region, ValidFrom: from, ValidTo: to})
	}
	node := func(region, name, address string) error {
		return Node(&jieliv1.Node{Region: region, Name: name, Address: address})
	}
	service := func(s *jieliv1.ServiceEntry) error {
		s.NameZh, s.NameEn = "名称", "Name"
		return Service(s)
	}
	many := make([]string, 65)
	for name, tc := range map[string]struct {
		err     error
		english string
		chinese string
	}{
		"region id":               {RegionID("successor", "Suzhou"), `successor: a region id has`, "successor：区域编号"},
		"short code":              {route("320", "", "suzhou", "", ""), `division: a division code has 2, 4, 6, 9 or 12 digits; it is "320"`, `division：行政区划代码为 2、4、6、9 或 12 位数字；现为 "320"`},
		"letters in a code":       {route("32a5", "", "suzhou", "", ""), "digits only", "只含数字"},
		"a code of nowhere":       {KnownDivision("3299"), "there is and was no such division", "没有此行政区划"},
		"no code at all":          {KnownDivision("x"), "division:", "division："},
		"service":                 {route("32", "Urban", "suzhou", "", ""), "service: a service code has words", "service：事项代码由点连接"},
		"long service":            {ServiceCode(strings.Repeat("a", 65)), "at most 64", "最多 64 个字符"},
		"deep service":            {ServiceCode("a.b.c.d.e.f.g.h.i.j.k.l.m"), "levels", "级"},
		"a day that is none":      {Day("--as-of", "tomorrow"), `--as-of: a day is written YYYY-MM-DD; it is "tomorrow"`, "--as-of：日期格式"},
		"ends before it begins":   {route("32", "", "suzhou", "2027-01-02", "2027-01-01"), "validTo: the last day is not before validFrom, 2027-01-02", "截止日不早于起始日 2027-01-02"},
		"address without port":    {node("suzhou", "n1", "sz.example"), `node.address: must be host:port; it is "sz.example"`, "须为 主机:端口"},
		"address of port 0":       {node("suzhou", "n1", "sz.example:0"), "port must be 1 to 65535", "端口须为 1 至 65535"},
		"address without host":    {node("suzhou", "n1", ":7345"), "host must be a DNS name", "主机须为域名"},
		"address that is no IPv4": {node("suzhou", "n1", "10.1.2.300:7345"), "10.1.2.300 is no IPv4 address", "10.1.2.300 不是 IPv4 地址"},
		"node's name":             {node("suzhou", "N 1", "sz.example:7345"), "node.name: must be 1 to 32", "node.name：须为 1 至 32 个"},
		"node's region":           {node("S", "n1", "sz.example:7345"), "node.region", "node.region：须为"},
		"aliases":                 {service(&jieliv1.ServiceEntry{Code: "urban", Aliases: many}), "at most 64 aliases", "最多 64 个别名"},
		"emergency":               {service(&jieliv1.ServiceEntry{Code: "urban", Emergency: "911"}), `emergency: an emergency number`, "紧急电话为"},
		"service without names":   {Service(&jieliv1.ServiceEntry{Code: "urban"}), "nameZh: must not be empty", "nameZh：不得为空"},
		"grace":                   {Policy(&jieliv1.Policy{RegistryGrace: durationpb.New(time.Second)}), "policy.registryGrace: must be 1 minute to 365 days", "须为 1 分钟至 365 天"},
		"request ids":             {Policy(&jieliv1.Policy{RequestIds: 1}), "policy.requestIds: must be 1000 to 10000000", "须为 1000 至 10000000"},
		"link floor":              {Policy(&jieliv1.Policy{LinkVersionFloor: 5000}), "must be at most 1000", "最大为 1000"},
		"no region":               {Registration(&jieliv1.RegisterRegionRequest{}), "pki show -o json", "region：缺失"},
		"in a line":               {Line(7, route("x", "", "suzhou", "", "")), "line 7: division: ", "第 7 行：division："},
		"long value":              {RegionID("id", strings.Repeat("苏", 100)), "…", "…"},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.err == nil || !strings.Contains(tc.err.Error(), tc.english) || !strings.Contains(lang.InChinese(tc.err), tc.chinese) {
				t.Errorf("got %v\nand %s", tc.err, lang.InChinese(tc.err))
			}
		})
	}
}

// All that is wrong with a registration is told at once.
func TestARegistrationIsCheckedWhole(t *testing.T) {
	req := &jieliv1.RegisterRegionRequest{
		Region: &jieliv1.Region{Id: "suzhou", NameZh: "苏州", LegalName: "苏州市便民服务中心", DutyPhone: "0512-12345", NumberPrefix: "sz"},
		Nodes: []*jieliv1.Node{
			{Region: "suzhou", Name: "n1", Address: "sz.example"}, {Region: "suzhou", Name: "n1", Address: "sz.example:7345"}, {Region: "wuxi", Name: "n2"},
		},
	}
	err := Registration(req)
	want := "region.numberPrefix: must be 1 to 8 of A to Z; it is \"sz\"\n" +
		"node.address: must be host:port; it is \"sz.example\"\n" +
		"nodes.name: stands twice; it is \"n1\"\n" +
		"nodes.region: must be the region's id; it is \"wuxi\""
	if err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
	if zh := lang.InChinese(err); !strings.Contains(zh, "region.numberPrefix：须为 1 至 8 个大写字母") || !strings.Contains(zh, "nodes.name：出现两次") {
		t.Errorf("got %s", zh)
	}
}

func TestGoodEntriesPass(t *testing.T) {
	for name, err := range map[string]error{
		"route":    Route(&jieliv1.Route{Division: "3205", Region: "suzhou", ValidFrom: "2027-01-01"}),
		"division": KnownDivision("320506"),
		"retired":  KnownDivision("330104"),
		"day":      Day("asOf", ""),
		"node":     Node(&jieliv1.Node{Region: "suzhou", Name: "n1", Address: "[::1]:7345"}),
		"policy":   Policy(&jieliv1.Policy{}),
		"none":     Joined([]error{nil, nil}),
		"key":      RouteKey("3205", "", ""),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

package regions

import "slices"

// Way is how a national hotline is joined to 12345.
type Way string

// The ways of the State Council's guideline of 2020, No. 53 (国办发〔2020〕53号).
const (
	Merged    Way = "MERGED"    // 整体并入: the number is gone, 12345 answers
	Parallel  Way = "PARALLEL"  // 双号并行: the number stays beside 12345
	Subcentre Way = "SUBCENTRE" // 设分中心: the number has a centre of its own under 12345
	Emergency Way = "EMERGENCY" // linked, never merged: to be called at once
)

// Hotline is a national service number. Provinces differ: it is a default that
// a region may override.
type Hotline struct {
	Number string
	Name   string
	Way    Way
	// Service is the code of the service that stands behind an emergency
	// number in the default catalogue; "" for the others.
	Service string
}

var hotlines = [...]Hotline{
	{Number: "110", Name: "公安报警", Way: Emergency, Service: "emergency.police"},
	{Number: "119", Name: "火警", Way: Emergency, Service: "emergency.fire"},
	{Number: "120", Name: "医疗急救", Way: Emergency, Service: "emergency.medical"},
	{Number: "122", Name: "道路交通事故报警", Way: Emergency, Service: "emergency.traffic"},

	{Number: "12300", Name: "电信用户申诉", Way: Merged},
	{Number: "12301", Name: "旅游服务", Way: Merged},
	{Number: "12312", Name: "商务举报投诉", Way: Merged},
	{Number: "12322", Name: "防震减灾公益服务", Way: Merged},
	{Number: "12330", Name: "知识产权维权援助与举报投诉", Way: Merged},
	{Number: "12331", Name: "食品药品投诉举报", Way: Merged},
	{Number: "12336", Name: "自然资源违法举报", Way: Merged},
	{Number: "12349", Name: "民政公益服务", Way: Merged},
	{Number: "12356", Name: "人口计生(卫生健康)服务", Way: Merged},
	{Number: "12358", Name: "价格举报", Way: Merged},
	{Number: "12365", Name: "质量监督举报", Way: Merged},
	{Number: "12396", Name: "科技公益服务", Way: Merged},
	{Number: "96119", Name: "火灾隐患举报", Way: Merged},

	{Number: "12315", Name: "市场监管投诉举报", Way: Parallel},
	{Number: "12316", Name: "三农综合信息服务", Way: Parallel},
	{Number: "12317", Name: "扶贫监督举报(乡村振兴)", Way: Parallel},
	{Number: "12318", Name: "文化市场举报", Way: Parallel},
	{Number: "12319", Name: "住房城乡建设服务", Way: Parallel},
	{Number: "12320", Name: "公共卫生公益", Way: Parallel},
	{Number: "12328", Name: "交通运输服务监督", Way: Parallel},
	{Number: "12329", Name: "住房公积金服务", Way: Parallel},
	{Number: "12333", Name: "人力资源社会保障服务", Way: Parallel},
	{Number: "12348", Name: "公共法律服务", Way: Parallel},
	{Number: "12350", Name: "安全生产举报投诉", Way: Parallel},
	{Number: "12369", Name: "生态环境投诉举报", Way: Parallel},
	{Number: "12385", Name: "残疾人维权服务", Way: Parallel},
	{Number: "12393", Name: "医疗保障服务", Way: Parallel},

	{Number: "12305", Name: "邮政业用户申诉", Way: Subcentre},
	{Number: "12313", Name: "烟草专卖品市场监管", Way: Subcentre},
	{Number: "12360", Name: "海关服务", Way: Subcentre},
	{Number: "12366", Name: "纳税缴费服务", Way: Subcentre},
	{Number: "12367", Name: "国家移民管理服务", Way: Subcentre},
}

// Hotlines returns the national hotlines: emergencies first, then by way and
// number.
func Hotlines() []Hotline { return slices.Clone(hotlines[:]) }

// LookupHotline returns the hotline with a number.
func LookupHotline(number string) (Hotline, bool) {
	for _, hotline := range hotlines {
		if hotline.Number == number {
			return hotline, true
		}
	}
	return Hotline{}, false
}

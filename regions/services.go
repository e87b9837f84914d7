package regions

// DefaultServices returns the services that a new federation starts with: two
// levels, the first of which covers the first-level classes that message boards
// and centres use. They are the project's own; the table of GB/T 39666-2020 was
// not available.
//
// A ticket whose category is a word of an emergency service is not taken but
// answered with a number to call, so those services have no word that a centre
// might use for an ordinary complaint about police, fire or traffic.
func DefaultServices() []Service {
	return []Service{
		{Code: "urban", NameZH: "城乡建设", NameEN: "Urban and rural development", Aliases: []string{"住房城乡建设", "住建"}},
		{Code: "urban.housing", NameZH: "住房保障与房地产", NameEN: "Housing", Aliases: []string{"住房保障", "房地产", "房产", "住房公积金"}},
		{Code: "urban.property", NameZH: "物业管理", NameEN: "Property management", Aliases: []string{"物业", "物业服务", "小区管理"}},
		{Code: "urban.construction", NameZH: "建筑工程", NameEN: "Construction", Aliases: []string{"建筑市场", "工程质量"}},
		{Code: "urban.planning", NameZH: "城乡规划", NameEN: "Planning", Aliases: []string{"规划", "村镇建设"}},
		{Code: "urban.demolition", NameZH: "房屋征收与补偿", NameEN: "Demolition and compensation", Aliases: []string{"房屋拆迁", "拆迁", "国有土地上房屋征收与补偿", "集体土地上房屋拆迁与补偿"}},

		{Code: "city", NameZH: "城市管理", NameEN: "City management", Aliases: []string{"城市建设和市政管理", "城管"}},
		{Code: "city.enforcement", NameZH: "城管执法", NameEN: "City law enforcement", Aliases: []string{"市容环境", "违章建筑", "违法建设"}},
		{Code: "city.sanitation", NameZH: "环境卫生", NameEN: "Sanitation", Aliases: []string{"环卫", "垃圾清运", "园林绿化环卫"}},
		{Code: "city.facilities", NameZH: "市政设施", NameEN: "Municipal facilities", Aliases: []string{"城市公共设施", "路灯", "排水", "园林绿化", "公园管理"}},

		{Code: "utility", NameZH: "公共服务", NameEN: "Public utilities", Aliases: []string{"公用事业"}},
		{Code: "utility.water", NameZH: "供水", NameEN: "Water supply", Aliases: []string{"自来水", "自来水供应"}},
		{Code: "utility.power", NameZH: "供电", NameEN: "Power supply", Aliases: []string{"电力供应", "停电"}},
		{Code: "utility.gas", NameZH: "供气", NameEN: "Gas supply", Aliases: []string{"燃气", "燃气供应"}},
		{Code: "utility.heating", NameZH: "供热", NameEN: "Heating", Aliases: []string{"供暖", "冬季采暖", "暖气"}},

		{Code: "transport", NameZH: "交通运输", NameEN: "Transport", Aliases: []string{"交通", "客货运输", "货运", "客运"}},
		{Code: "transport.transit", NameZH: "公共交通", NameEN: "Public transit", Aliases: []string{"公交", "公共汽车", "地铁", "地铁城铁"}},
		{Code: "transport.taxi", NameZH: "出租车管理", NameEN: "Taxis and ride hailing", Aliases: []string{"出租车", "网约车", "网约车问题"}},
		{Code: "transport.road", NameZH: "公路建设与养护", NameEN: "Roads", Aliases: []string{"公路", "公路收费"}},
		{Code: "transport.post", NameZH: "邮政快递", NameEN: "Post and courier", Aliases: []string{"邮政", "邮政管理", "快递"}},

		{Code: "environment", NameZH: "生态环境", NameEN: "Environment", Aliases: []string{"环境保护", "环保", "固体废物污染", "固体污染", "危险废物"}},
		{Code: "environment.air", NameZH: "大气污染", NameEN: "Air pollution", Aliases: []string{"油烟", "扬尘"}},
		{Code: "environment.water", NameZH: "水污染", NameEN: "Water pollution"},
		{Code: "environment.noise", NameZH: "噪声污染", NameEN: "Noise", Aliases: []string{"噪音污染", "噪音", "施工噪音"}},

		{Code: "labour", NameZH: "劳动和社会保障", NameEN: "Labour and social security", Aliases: []string{"人力资源社会保障", "人社", "Labor and social security"}},
		{Code: "labour.wages", NameZH: "工资福利", NameEN: "Wages", Aliases: []string{"拖欠工资", "欠薪", "农民工工资"}},
		{Code: "labour.relations", NameZH: "劳动关系", NameEN: "Employment relations", Aliases: []string{"劳动合同", "劳动保护", "劳动仲裁"}},
		{Code: "labour.insurance", NameZH: "社会保险", NameEN: "Social insurance", Aliases: []string{"社保", "城镇职工社会保险", "城镇居民社会保险", "退休政策及待遇", "养老金", "退休金", "退休"}},
		{Code: "labour.employment", NameZH: "就业培训", NameEN: "Employment and training", Aliases: []string{"就业", "职业培训"}},

		{Code: "health", NameZH: "卫生健康", NameEN: "Health", Aliases: []string{"卫生计生", "卫生", "公共卫生", "疾病预防控制", "疫情防控", "人口计生", "计划生育", "生育"}},
		{Code: "health.care", NameZH: "医疗服务", NameEN: "Medical care", Aliases: []string{"医政监管", "医院", "医患纠纷"}},
		{Code: "health.insurance", NameZH: "医疗保障", NameEN: "Medical insurance", Aliases: []string{"医保", "医疗保险"}},

		{Code: "education", NameZH: "教育文体", NameEN: "Education, culture and sport", Aliases: []string{"科教文体", "教育"}},
		{Code: "education.school", NameZH: "学校管理", NameEN: "Schools", Aliases: []string{"教育行政管理", "教师队伍和待遇", "校外培训", "教育收费"}},
		{Code: "education.admission", NameZH: "考试招生", NameEN: "Admission and examinations", Aliases: []string{"入学", "招生"}},
		{Code: "education.culture", NameZH: "文化体育", NameEN: "Culture and sport", Aliases: []string{"文化", "体育", "文物管理"}},

		{Code: "market", NameZH: "市场监管", NameEN: "Market regulation", Aliases: []string{"市场监督管理", "工商", "质量监督", "产品质量", "特种设备", "质监检验检疫"}},
		{Code: "market.consumer", NameZH: "消费维权", NameEN: "Consumer protection", Aliases: []string{"消费者权益", "消费纠纷", "价格监管", "物价", "物价监督"}},
		{Code: "market.food", NameZH: "食品药品监管", NameEN: "Food and drugs", Aliases: []string{"食品安全", "药品"}},

		{Code: "commerce", NameZH: "商贸旅游", NameEN: "Commerce and tourism", Aliases: []string{"商务", "商业贸易"}},
		{Code: "commerce.tourism", NameZH: "旅游管理", NameEN: "Tourism", Aliases: []string{"旅游"}},

		{Code: "economy", NameZH: "经济管理", NameEN: "Economy and finance", Aliases: []string{"经济财贸", "经济"}},
		{Code: "economy.tax", NameZH: "税务", NameEN: "Taxes", Aliases: []string{"税收", "税收征管"}},
		{Code: "economy.finance", NameZH: "金融财税", NameEN: "Finance", Aliases: []string{"金融", "银行", "保险证券期货", "非法集资"}},
		{Code: "economy.business", NameZH: "企业服务", NameEN: "Services for businesses", Aliases: []string{"营商环境", "惠企政策", "国资监管", "企业破产"}},

		{Code: "technology", NameZH: "科技与信息产业", NameEN: "Technology and information", Aliases: []string{"科技", "科学技术", "知识产权", "专利"}},
		{Code: "technology.telecom", NameZH: "电信", NameEN: "Telecommunications", Aliases: []string{"通信", "信息化建设"}},

		{Code: "civil", NameZH: "民政", NameEN: "Civil affairs", Aliases: []string{"养老服务", "养老", "社区与社会组织", "基层选举和社区建设", "民间组织", "区划地名", "婚姻登记"}},
		{Code: "civil.relief", NameZH: "社会救助", NameEN: "Social relief", Aliases: []string{"低保", "救灾募捐", "福利慈善"}},
		{Code: "civil.veterans", NameZH: "退役军人事务", NameEN: "Veterans", Aliases: []string{"优抚", "复退安置", "退役军人"}},

		{Code: "rural", NameZH: "农村农业", NameEN: "Agriculture and countryside", Aliases: []string{"农林水土", "农业农村", "三农", "村务管理", "村务公开", "惠农补贴", "扶贫开发", "水利水电", "水利", "水库移民", "林业管理", "林业", "草原草场"}},
		{Code: "rural.land", NameZH: "土地承包经营", NameEN: "Farmland contracts", Aliases: []string{"土地承包", "宅基地"}},

		{Code: "land", NameZH: "国土资源", NameEN: "Land and natural resources", Aliases: []string{"自然资源", "矿产资源管理", "矿产"}},
		{Code: "land.acquisition", NameZH: "土地征收", NameEN: "Land acquisition", Aliases: []string{"征地"}},

		{Code: "safety", NameZH: "公共安全", NameEN: "Public safety"},
		{Code: "safety.production", NameZH: "安全生产", NameEN: "Work safety", Aliases: []string{"安全隐患"}},
		{Code: "safety.fire", NameZH: "消防安全", NameEN: "Fire prevention", Aliases: []string{"火灾隐患", "消防通道"}},
		{Code: "safety.order", NameZH: "社会治安", NameEN: "Public order", Aliases: []string{"治安"}},
		{Code: "safety.traffic", NameZH: "交通管理", NameEN: "Traffic police", Aliases: []string{"交通安全管理", "违章停车", "交警"}},

		{Code: "justice", NameZH: "政法", NameEN: "Justice"},
		{Code: "justice.registration", NameZH: "户籍证件", NameEN: "Household registration and identity papers", Aliases: []string{"户籍", "户口", "身份证"}},
		{Code: "justice.legal", NameZH: "法律服务", NameEN: "Legal services", Aliases: []string{"法律援助", "仲裁与调解"}},

		{Code: "party", NameZH: "党务政务", NameEN: "Party and government affairs", Aliases: []string{"政务服务"}},
		{Code: "discipline", NameZH: "纪检监察", NameEN: "Discipline inspection", Aliases: []string{"干部作风"}},

		{Code: "emergency", NameZH: "紧急求助", NameEN: "Emergencies"},
		{Code: "emergency.police", NameZH: "公安报警", NameEN: "Police emergency", Aliases: []string{"110", "报警"}, Emergency: "110"},
		{Code: "emergency.fire", NameZH: "火警", NameEN: "Fire emergency", Aliases: []string{"119", "火警报警"}, Emergency: "119"},
		{Code: "emergency.medical", NameZH: "医疗急救", NameEN: "Medical emergency", Aliases: []string{"120", "急救"}, Emergency: "120"},
		{Code: "emergency.traffic", NameZH: "道路交通事故报警", NameEN: "Traffic accident emergency", Aliases: []string{"122", "交通事故报警"}, Emergency: "122"},
	}
}

// DefaultCatalogue returns the catalogue of DefaultServices.
func DefaultCatalogue() *Catalogue {
	catalogue, err := NewCatalogue(DefaultServices())
	if err != nil {
		panic(err) // a slip in the table above; a test builds it
	}
	return catalogue
}

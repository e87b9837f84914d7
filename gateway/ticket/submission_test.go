package ticket_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/jieli-gateway/jieli/gateway/ticket"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// complaint is a submission as a centre makes it, with every field it may give.
func complaint() *jieliv1.Ticket {
	return &jieliv1.Ticket{
		ExternalId: "TJ-2026.0042_a", Type: jieliv1.Ticket_COMPLAINT, Category: "交通运输", Service: "transport.repair",
		Channel: jieliv1.Ticket_WECHAT, Urgency: jieliv1.Ticket_URGENT,
		Title: "汽修厂拒绝退还定金", Description: "十月三日在苏州送修，\n\t至今未修。", Division: "320505", Address: "苏州市虎丘区",
		Location: &jieliv1.Location{Latitude: 31.3, Longitude: 120.5, Datum: jieliv1.Location_CGCS2000},
		Reporter: &jieliv1.Reporter{
			Name: "王女士", Phone: "+86 199-0000 0000", Anonymous: true, Business: true,
			Organization: &jieliv1.Organization{Name: "某某商贸有限公司", CreditCode: "91350100M000100Y43", Industry: "零售", Size: "小型"},
		},
		Publishable: true, Test: true, ReportedAt: timestamppb.New(morning),
	}
}

func TestGoodSubmissions(t *testing.T) {
	tests := map[string]func(*jieliv1.Ticket){
		"everything given": func(*jieliv1.Ticket) {},
		"only what is required": func(c *jieliv1.Ticket) {
			c.ExternalId, c.Category, c.Service, c.Channel, c.Urgency, c.Address = "", "", "", 0, 0, ""
			c.Location, c.Reporter, c.Publishable, c.Test, c.ReportedAt = nil, nil, false, false, nil
		},
		"texts as long as they may be": func(c *jieliv1.Ticket) {
			c.Title, c.Description, c.Address = strings.Repeat("字", 200), strings.Repeat("字", 20_000), strings.Repeat("字", 200)
		},
		"a province":         func(c *jieliv1.Ticket) { c.Division = "32" },
		"a village":          func(c *jieliv1.Ticket) { c.Division = "320505001001" },
		"a clock 5 min fast": func(c *jieliv1.Ticket) { c.ReportedAt = timestamppb.New(morning.Add(5 * time.Minute)) },
		"reported years ago": func(c *jieliv1.Ticket) { c.ReportedAt = timestamppb.New(morning.AddDate(-8, 0, 0)) },
		"the south pole": func(c *jieliv1.Ticket) {
			c.Location = &jieliv1.Location{Latitude: -90, Longitude: 180, Datum: jieliv1.Location_WGS84}
		},
		"nobody's name":                          func(c *jieliv1.Ticket) { c.Reporter = &jieliv1.Reporter{} },
		"a character beyond the basic plane":     func(c *jieliv1.Ticket) { c.Title = "𠮷野家" },
		"an organization without a credit code":  func(c *jieliv1.Ticket) { c.Reporter.Organization.CreditCode = "" },
		"a credit code that begins with a digit": func(c *jieliv1.Ticket) { c.Reporter.Organization.CreditCode = "914403001922038216" },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			c := complaint()
			change(c)
			if err := ticket.ValidateSubmission(c, morning); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestBadSubmissions(t *testing.T) {
	tests := map[string]struct {
		change func(*jieliv1.Ticket)
		field  string
	}{
		"an external id with a slash":    {func(c *jieliv1.Ticket) { c.ExternalId = "a/b" }, "externalId"},
		"an external id with a colon":    {func(c *jieliv1.Ticket) { c.ExternalId = "a:b" }, "externalId"},
		"an external id with a percent":  {func(c *jieliv1.Ticket) { c.ExternalId = "a%2fb" }, "externalId"},
		"an external id that climbs":     {func(c *jieliv1.Ticket) { c.ExternalId = "a..b" }, "externalId"},
		"an external id that is a dot":   {func(c *jieliv1.Ticket) { c.ExternalId = "." }, "externalId"},
		"an external id in Chinese":      {func(c *jieliv1.Ticket) { c.ExternalId = "津字四十二" }, "externalId"},
		"an external id of 65":           {func(c *jieliv1.Ticket) { c.ExternalId = strings.Repeat("x", 65) }, "externalId"},
		"no type":                        {func(c *jieliv1.Ticket) { c.Type = 0 }, "type"},
		"an unknown type":                {func(c *jieliv1.Ticket) { c.Type = 77 }, "type"},
		"a negative type":                {func(c *jieliv1.Ticket) { c.Type = -1 }, "type"},
		"an unknown channel":             {func(c *jieliv1.Ticket) { c.Channel = 7 }, "channel"},
		"an unknown urgency":             {func(c *jieliv1.Ticket) { c.Urgency = 4 }, "urgency"},
		"a category of 101":              {func(c *jieliv1.Ticket) { c.Category = strings.Repeat("类", 101) }, "category"},
		"a service that is no code":      {func(c *jieliv1.Ticket) { c.Service = "Urban Housing" }, "service"},
		"no title":                       {func(c *jieliv1.Ticket) { c.Title = "" }, "title"},
		"a title of spaces":              {func(c *jieliv1.Ticket) { c.Title = " \u3000" }, "title"},
		"a title of 201":                 {func(c *jieliv1.Ticket) { c.Title = strings.Repeat("字", 201) }, "title"},
		"a title of two lines":           {func(c *jieliv1.Ticket) { c.Title = "一\n二" }, "title"},
		"a title with a line separator":  {func(c *jieliv1.Ticket) { c.Title = "一\u2028二" }, "title"},
		"a title that is not UTF-8":      {func(c *jieliv1.Ticket) { c.Title = "\xff" }, "title"},
		"no description":                 {func(c *jieliv1.Ticket) { c.Description = "" }, "description"},
		"a description of 20,001":        {func(c *jieliv1.Ticket) { c.Description = strings.Repeat("字", 20_001) }, "description"},
		"a null character":               {func(c *jieliv1.Ticket) { c.Description = "a\x00b" }, "description"},
		"an escape sequence":             {func(c *jieliv1.Ticket) { c.Description = "\x1b[2J" }, "description"},
		"a carriage return":              {func(c *jieliv1.Ticket) { c.Description = "a\r\nb" }, "description"},
		"a control character beyond DEL": {func(c *jieliv1.Ticket) { c.Description = "a\u0085b" }, "description"},
		"half a surrogate":               {func(c *jieliv1.Ticket) { c.Description = "\xed\xa0\x80" }, "description"},
		"no division":                    {func(c *jieliv1.Ticket) { c.Division = "" }, "division"},
		"a division of 3 digits":         {func(c *jieliv1.Ticket) { c.Division = "320" }, "division"},
		"a division in letters":          {func(c *jieliv1.Ticket) { c.Division = "3205AB" }, "division"},
		"an address of 201":              {func(c *jieliv1.Ticket) { c.Address = strings.Repeat("路", 201) }, "address"},
		"north of the pole":              {func(c *jieliv1.Ticket) { c.Location.Latitude = 90.1 }, "location.latitude"},
		"nowhere":                        {func(c *jieliv1.Ticket) { c.Location.Latitude = math.NaN() }, "location.latitude"},
		"infinitely far east":            {func(c *jieliv1.Ticket) { c.Location.Longitude = math.Inf(1) }, "location.longitude"},
		"a point in no datum":            {func(c *jieliv1.Ticket) { c.Location.Datum = 0 }, "location.datum"},
		"a point in an unknown datum":    {func(c *jieliv1.Ticket) { c.Location.Datum = 9 }, "location.datum"},
		"a name of 101":                  {func(c *jieliv1.Ticket) { c.Reporter.Name = strings.Repeat("王", 101) }, "reporter.name"},
		"a phone in letters":             {func(c *jieliv1.Ticket) { c.Reporter.Phone = "call me" }, "reporter.phone"},
		"a phone without digits":         {func(c *jieliv1.Ticket) { c.Reporter.Phone = "+-" }, "reporter.phone"},
		"a phone of 33":                  {func(c *jieliv1.Ticket) { c.Reporter.Phone = strings.Repeat("1", 33) }, "reporter.phone"},
		"an organization's name of 201":  {func(c *jieliv1.Ticket) { c.Reporter.Organization.Name = strings.Repeat("厂", 201) }, "reporter.organization.name"},
		"a credit code of 17":            {func(c *jieliv1.Ticket) { c.Reporter.Organization.CreditCode = "91350100M000100Y4" }, "reporter.organization.creditCode"},
		"a credit code with an I":        {func(c *jieliv1.Ticket) { c.Reporter.Organization.CreditCode = "91350100I000100Y43" }, "reporter.organization.creditCode"},
		"a credit code with a wrong end": {func(c *jieliv1.Ticket) { c.Reporter.Organization.CreditCode = "91350100M000100Y44" }, "reporter.organization.creditCode"},
		"an industry of 101":             {func(c *jieliv1.Ticket) { c.Reporter.Organization.Industry = strings.Repeat("业", 101) }, "reporter.organization.industry"},
		"a size of 33":                   {func(c *jieliv1.Ticket) { c.Reporter.Organization.Size = strings.Repeat("大", 33) }, "reporter.organization.size"},
		"reported in the far future":     {func(c *jieliv1.Ticket) { c.ReportedAt = timestamppb.New(morning.Add(5*time.Minute + time.Second)) }, "reportedAt"},
		"reported at no time":            {func(c *jieliv1.Ticket) { c.ReportedAt = &timestamppb.Timestamp{Nanos: -1} }, "reportedAt"},
		"a field of tomorrow":            {func(c *jieliv1.Ticket) { c.ProtoReflect().SetUnknown([]byte{0xc0, 0x3e, 1}) }, "ticket"},
		"a field of tomorrow inside": {func(c *jieliv1.Ticket) {
			c.Reporter.Organization.ProtoReflect().SetUnknown([]byte{0xc0, 0x3e, 1})
		}, "ticket"},
		"its id":           {func(c *jieliv1.Ticket) { c.Id = ticketID }, "id"},
		"its number":       {func(c *jieliv1.Ticket) { c.Number = "JJJ-20261124-000042-7" }, "number"},
		"its state":        {func(c *jieliv1.Ticket) { c.State = jieliv1.Ticket_CLOSED }, "state"},
		"its holder":       {func(c *jieliv1.Ticket) { c.Holder = suzhou }, "holder"},
		"its events":       {func(c *jieliv1.Ticket) { c.Events = []*jieliv1.EventRecord{{}} }, "events"},
		"its create time":  {func(c *jieliv1.Ticket) { c.CreateTime = timestamppb.New(morning) }, "createTime"},
		"its deadlines":    {func(c *jieliv1.Ticket) { c.Due = &jieliv1.Due{} }, "due"},
		"a recall pending": {func(c *jieliv1.Ticket) { c.RecallPending = true }, "recallPending"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := complaint()
			test.change(c)
			err := ticket.ValidateSubmission(c, morning)
			var all ticket.Violations
			if !errors.As(err, &all) || len(all) != 1 || all[0].Field != test.field || all[0].Reason != ticket.ReasonInvalidField {
				t.Errorf("should be told of %s and nothing else, is told: %v", test.field, err)
			}
		})
	}
	t.Run("all that is wrong is told at once", func(t *testing.T) {
		err := ticket.ValidateSubmission(&jieliv1.Ticket{Id: ticketID, Reporter: &jieliv1.Reporter{Phone: "x"}}, morning)
		var all ticket.Violations
		if !errors.As(err, &all) {
			t.Fatal(err)
		}
		var fields []string
		for _, v := range all {
			fields = append(fields, v.Field)
		}
		if got := strings.Join(fields, " "); got != "id type title description division reporter.phone" {
			t.Errorf("told of %s", got)
		}
		if !strings.Contains(err.Error(), "; division: is required") {
			t.Errorf("in words: %v", err)
		}
		if reasonOf(t, err) != ticket.ReasonInvalidField {
			t.Errorf("the first of them is found too: %v", err)
		}
	})
	t.Run("no ticket at all", func(t *testing.T) {
		if err := ticket.ValidateSubmission(nil, morning); reasonOf(t, err) != ticket.ReasonInvalidField {
			t.Error(err)
		}
	})
}

// TestOutputOnlyFields: whatever field is added to Ticket later, a centre may not set it until it is read.
func TestOutputOnlyFields(t *testing.T) {
	given := map[string]bool{}
	c := complaint().ProtoReflect()
	for i := range c.Descriptor().Fields().Len() {
		field := c.Descriptor().Fields().Get(i)
		given[field.JSONName()] = c.Has(field)
	}
	read := "externalId type category service channel urgency title description division address location reporter publishable test reportedAt"
	for name, set := range given {
		if want := strings.Contains(" "+read+" ", " "+name+" "); set != want {
			t.Errorf("SubmitTicketRequest reads %s: %v; the complaint of these tests has it: %v", name, want, set)
		}
	}
}

// TestRealComplaints: what citizens really wrote is taken as it is: the demonstration's sample, and the real complaints
// of the folder that JIELI_E2E_DATA names.
func TestRealComplaints(t *testing.T) {
	files := []string{"../../cmd/jieli/internal/demo/sample.jsonl"}
	if data := os.Getenv("JIELI_E2E_DATA"); data != "" {
		files = append(files, filepath.Join(data, "complaints.jsonl"), filepath.Join(data, "answered.jsonl"))
	}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 1<<20)
		for n := 1; lines.Scan(); n++ {
			var line struct{ Ticket json.RawMessage }
			if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
				t.Fatalf("%s:%d: %v", name, n, err)
			}
			c := &jieliv1.Ticket{}
			if err := protojson.Unmarshal(line.Ticket, c); err != nil {
				t.Fatalf("%s:%d: %v", name, n, err)
			}
			if err := ticket.ValidateSubmission(c, morning); err != nil {
				t.Errorf("%s:%d: %v", name, n, err)
			}
		}
		if err := lines.Err(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSubmitted(t *testing.T) {
	first := ticket.Submitted(complaint())
	same := map[string]func(*jieliv1.Ticket){
		"the same":                  func(*jieliv1.Ticket) {},
		"what the node adds":        func(c *jieliv1.Ticket) { c.Id, c.Number, c.State = ticketID, "x", jieliv1.Ticket_CLOSED },
		"a field nobody knows here": func(c *jieliv1.Ticket) { c.ProtoReflect().SetUnknown([]byte{0xc0, 0x3e, 1}) },
	}
	for name, change := range same {
		c := complaint()
		change(c)
		before := proto.CloneOf(c)
		if ticket.Submitted(c) != first {
			t.Errorf("%s: should be recognised", name)
		}
		if !proto.Equal(before, c) {
			t.Errorf("%s: Submitted changed its argument", name)
		}
	}
	c := complaint()
	m := c.ProtoReflect()
	for i := range m.Descriptor().Fields().Len() {
		if field := m.Descriptor().Fields().Get(i); m.Has(field) {
			other := complaint()
			other.ProtoReflect().Clear(field)
			if ticket.Submitted(other) == first {
				t.Errorf("without %s it is another submission", field.JSONName())
			}
		}
	}
	silent, spoken := complaint(), complaint()
	silent.Channel, silent.Urgency = 0, 0
	spoken.Channel, spoken.Urgency = jieliv1.Ticket_PHONE, jieliv1.Ticket_NORMAL
	if ticket.Submitted(silent) != ticket.Submitted(spoken) {
		t.Error("a default and its value are the same submission")
	}
	if ticket.Submitted(&jieliv1.Ticket{Title: "\xff"}) == ticket.Submitted(&jieliv1.Ticket{}) {
		t.Error("what cannot be encoded should not pass for nothing")
	}
}

func TestContents(t *testing.T) {
	c := complaint()
	matter := &jieliv1.Matter{Title: c.GetTitle(), Description: c.GetDescription(), Category: c.GetCategory(), Address: c.GetAddress(), Location: c.GetLocation()}
	for name, test := range map[string]struct {
		err   error
		field string
	}{
		"a matter":                 {ticket.ValidateMatter(matter), ""},
		"a matter of nothing":      {ticket.ValidateMatter(&jieliv1.Matter{Description: "x"}), "title"},
		"a matter at no place":     {ticket.ValidateMatter(&jieliv1.Matter{Title: "x", Description: "x", Location: &jieliv1.Location{}}), "location.datum"},
		"a reporter":               {ticket.ValidateReporter(c.GetReporter()), ""},
		"no reporter":              {ticket.ValidateReporter(nil), ""},
		"a reporter with a menu":   {ticket.ValidateReporter(&jieliv1.Reporter{Name: "\x1b[A"}), "name"},
		"words":                    {ticket.ValidateWords(&jieliv1.Text{Text: "已修复。", LegalBasis: "《条例》第三条"}), ""},
		"no words":                 {ticket.ValidateWords(&jieliv1.Text{}), "text"},
		"a whole law as its basis": {ticket.ValidateWords(&jieliv1.Text{Text: "x", LegalBasis: strings.Repeat("法", 2_001)}), "legalBasis"},
	} {
		t.Run(name, func(t *testing.T) {
			var v *ticket.Violation
			if errors.As(test.err, &v) != (test.field != "") || v != nil && v.Field != test.field {
				t.Errorf("should be told of %q, is told: %v", test.field, test.err)
			}
		})
	}
}

func TestIdentifiers(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		good bool
	}{
		"a ticket id":                     {ticket.ValidateID("id", ticketID), true},
		"a ticket id of version 4":        {ticket.ValidateID("id", "0198c5a0-7d1e-4c3a-9f00-0123456789ab"), false},
		"a ticket id of another variant":  {ticket.ValidateID("id", "0198c5a0-7d1e-7c3a-cf00-0123456789ab"), false},
		"a ticket id with a slash":        {ticket.ValidateID("id", "0198c5a0/7d1e-7c3a-9f00-0123456789ab"), false},
		"a ticket id with a colon":        {ticket.ValidateID("id", "urn:uuid:"+ticketID), false},
		"a ticket id with a percent":      {ticket.ValidateID("id", "0198c5a0%2d7d1e-7c3a-9f00-0123456789"), false},
		"a ticket id that climbs":         {ticket.ValidateID("id", "../"+ticketID[3:]), false},
		"a ticket id in braces":           {ticket.ValidateID("id", "{"+ticketID+"}"), false},
		"no ticket id":                    {ticket.ValidateID("id", ""), false},
		"a request id":                    {ticket.ValidateRequestID(requestID), true},
		"a request id of version 4":       {ticket.ValidateRequestID("7d444840-9dc0-41d1-b245-5ffdce74fad2"), true},
		"a request id in capitals":        {ticket.ValidateRequestID(strings.ToUpper(requestID)), false},
		"a request id that is a word":     {ticket.ValidateRequestID("again"), false},
		"a reference":                     {ticket.ValidateReference("reference", "SZ-2026.1_b"), true},
		"no reference":                    {ticket.ValidateReference("reference", ""), true},
		"a reference in words":            {ticket.ValidateReference("reference", "苏信1号"), false},
		"a reference of 65":               {ticket.ValidateReference("reference", strings.Repeat("1", 65)), false},
		"a reference that climbs":         {ticket.ValidateReference("reference", "a..b"), false},
		"a text":                          {ticket.ValidateText("text", "好", 1, 1, false), true},
		"a text that may be left out":     {ticket.ValidateText("text", "", 0, 1, false), true},
		"a text that may not be left out": {ticket.ValidateText("text", "", 1, 1, false), false},
	} {
		if (test.err == nil) != test.good {
			t.Errorf("%s: %v", name, test.err)
		}
		if test.err != nil && reasonOf(t, test.err) != ticket.ReasonInvalidField {
			t.Errorf("%s: %v", name, test.err)
		}
	}
}

package regions

import "testing"

func TestFindTerms(t *testing.T) {
	answer := func(term Term) Terms { return Terms{Answer: term} }
	rules := []TermRule{
		{Urgency: "NORMAL", Type: "INQUIRY", Terms: answer(Workdays(2))},
		{Urgency: "NORMAL", Service: "urban", Terms: answer(Workdays(10))},
		{Urgency: "NORMAL", Service: "urban.housing", Type: "COMPLAINT", Terms: answer(Workdays(12))},
		{Urgency: "NORMAL", Service: "urban.housing", Terms: Terms{Answer: Workdays(9), Return: Workdays(3)}},
		{Urgency: "CRITICAL", Terms: answer(Hours(1))},
		{Region: "suzhou", Urgency: "NORMAL", Terms: answer(Workdays(5))},
		{Region: "suzhou", Urgency: "NORMAL", Type: "REPORT", Terms: answer(Workdays(4))},
	}
	for name, c := range map[string]struct {
		q    TermQuery
		want Term
	}{
		"the default":                       {TermQuery{"anhui", "traffic", "COMPLAINT", "NORMAL"}, Workdays(15)},
		"by type":                           {TermQuery{"anhui", "traffic", "INQUIRY", "NORMAL"}, Workdays(2)},
		"by service":                        {TermQuery{"anhui", "urban", "HELP", "NORMAL"}, Workdays(10)},
		"by the service above":              {TermQuery{"anhui", "urban.water", "HELP", "NORMAL"}, Workdays(10)},
		"a service of which it is no part":  {TermQuery{"anhui", "urbanism", "HELP", "NORMAL"}, Workdays(7)},
		"the longer service":                {TermQuery{"anhui", "urban.housing", "HELP", "NORMAL"}, Workdays(9)},
		"the type within a service":         {TermQuery{"anhui", "urban.housing", "COMPLAINT", "NORMAL"}, Workdays(12)},
		"the service before the type":       {TermQuery{"anhui", "urban", "INQUIRY", "NORMAL"}, Workdays(10)},
		"the region before all":             {TermQuery{"suzhou", "urban.housing", "COMPLAINT", "NORMAL"}, Workdays(5)},
		"the type within a region":          {TermQuery{"suzhou", "urban.housing", "REPORT", "NORMAL"}, Workdays(4)},
		"an urgency of its own":             {TermQuery{"suzhou", "urban", "REPORT", "CRITICAL"}, Hours(1)},
		"an urgency that no rule speaks of": {TermQuery{"suzhou", "urban", "REPORT", "URGENT"}, Hours(24)},
	} {
		t.Run(name, func(t *testing.T) {
			terms, err := FindTerms(rules, c.q)
			if err != nil || terms.Answer != c.want {
				t.Fatalf("answer within %+v, %v; want %+v", terms.Answer, err, c.want)
			}
		})
	}
	t.Run("each term by itself", func(t *testing.T) {
		terms, err := FindTerms(rules, TermQuery{"anhui", "urban.housing", "COMPLAINT", "NORMAL"})
		want := Terms{
			Deliver: Hours(1), Accept: Workdays(1), Contact: Workdays(1), Answer: Workdays(12),
			Return: Workdays(3), ReturnComplex: Workdays(2),
		}
		if err != nil || terms != want {
			t.Fatalf("got %+v, %v; want %+v", terms, err, want)
		}
	})
	t.Run("an unknown type", func(t *testing.T) {
		if _, err := FindTerms(rules, TermQuery{Type: "GOSSIP", Urgency: "NORMAL"}); err == nil {
			t.Fatal("no error")
		}
	})
}

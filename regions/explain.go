package regions

import "slices"

// Outcome says what became of a rule that might have answered a query.
type Outcome string

// Outcomes of a Candidate. A rule that is not valid on the day is said to be
// just that, whatever else it would have lost by.
const (
	Won                 Outcome = "WON"
	ShorterPrefix       Outcome = "SHORTER_PREFIX"        // a rule for a narrower division won
	LessSpecificService Outcome = "LESS_SPECIFIC_SERVICE" // a rule for a narrower service won, in the same division
	NotYetValid         Outcome = "NOT_YET_VALID"         // its first day is after the day asked for
	Expired             Outcome = "EXPIRED"               // its last day is before the day asked for
	SuccessorsDiffer    Outcome = "SUCCESSORS_DIFFER"     // it won for one successor of a retired division, but others have another region or none
)

// Candidate is a rule that covers the place and the matter of a query, with
// what became of it.
type Candidate struct {
	Rule    Rule
	Outcome Outcome
	Via     Code // the successor of a retired division that it covers; else zero
}

// Explanation is an answer with all rules that were weighed for it.
type Explanation struct {
	Answer     Answer
	Candidates []Candidate // by successor, then from the narrowest division and service to the widest
}

// Explain answers a query as Lookup does, and tells why each rule that covers
// the place and the matter won or lost.
func (t *Table) Explain(q Query) Explanation {
	explanation := Explanation{Answer: t.Lookup(q)}
	if explanation.Answer.Reason == UnknownDivision {
		return explanation
	}
	services := t.services.covering(q.Service)
	was := Code(0)
	if !t.divisions.current(q.Division) {
		was = t.divisions.retiredPrefix(q.Division)
	}
	if was == 0 {
		explanation.Candidates = t.candidates(q.Division, 0, services, q.AsOf)
		return explanation
	}
	explanation.Candidates = t.candidates(q.Division, levelOf(was), services, q.AsOf)
	if explanation.Answer.Found() && explanation.Answer.Via == 0 {
		return explanation // a rule for the old code won, and no successor was asked
	}
	for _, successor := range t.divisions.successors(was) {
		candidates := t.candidates(successor, 0, services, q.AsOf)
		for i := range candidates {
			candidates[i].Via = successor
			if candidates[i].Outcome == Won && !explanation.Answer.Found() {
				candidates[i].Outcome = SuccessorsDiffer
			}
		}
		explanation.Candidates = append(explanation.Candidates, candidates...)
	}
	return explanation
}

// candidates weighs the rules for a division and those it lies in, the widest
// of which has the level given.
func (t *Table) candidates(code Code, widest int, services chain, day Day) []Candidate {
	const none = -1
	var candidates []Candidate
	p := t.places.path(code)
	wonAt := none // level of the division of the winner
	for level := p.level; level >= widest; level-- {
		group := p.at(level)
		for _, service := range services {
			first, end := serviceRun(group, service)
			// The newest first, so that what is to come stands before what was.
			for _, e := range slices.Backward(group[first:end]) {
				candidate := Candidate{Rule: t.rule(code.cut(levels[level]), e)}
				switch {
				case e.from > day:
					candidate.Outcome = NotYetValid
				case e.to < day:
					candidate.Outcome = Expired
				case wonAt == none:
					candidate.Outcome = Won
					wonAt = level
				case wonAt > level:
					candidate.Outcome = ShorterPrefix
				default:
					candidate.Outcome = LessSpecificService
				}
				candidates = append(candidates, candidate)
			}
		}
	}
	return candidates
}

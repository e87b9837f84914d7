package regions

// Terms are the limits that apply to a ticket of one type and urgency. Each runs
// from a moment of its own.
type Terms struct {
	Deliver Term // from the hand-off until the other region's node has the ticket
	Accept  Term // from delivery until it is signed for (签收)
	Contact Term // from signing for it until the caller was first contacted
	Answer  Term // from when the origin took the call; nothing resets it
	// Return is how long from delivery a ticket may be given back, after which it
	// is deemed accepted (视为签收); ReturnComplex if the matter is complex.
	Return, ReturnComplex Term
}

// termsByUrgency is what depends on the urgency only: Tianjin's times to sign for,
// 15 minutes where life or property is in danger and 30 for water, power, gas and
// heat, both day and night, else 1 working day; Qingpu's (Shanghai) first contact;
// Tianjin's window for returns; Beijing's 2 and 24 hours to answer. The times to
// deliver are the project's own. A term of zero to answer goes by the type.
var termsByUrgency = map[string]Terms{
	"NORMAL":   {Deliver: Hours(1), Accept: Workdays(1)},
	"URGENT":   {Deliver: Minutes(5), Accept: Minutes(30), Answer: Hours(24)},
	"CRITICAL": {Deliver: Minutes(1), Accept: Minutes(15), Answer: Hours(2)},
}

// answerByType is Sichuan's time to answer (December 2025), for what is not urgent.
// Its rule names no praise, which takes the time of the mildest of the others.
var answerByType = map[string]Term{
	"INQUIRY":    Workdays(3),
	"HELP":       Workdays(7),
	"SUGGESTION": Workdays(7),
	"PRAISE":     Workdays(7),
	"COMPLAINT":  Workdays(15),
	"REPORT":     Workdays(15),
}

// DefaultTerms returns the terms that apply where no policy says otherwise, for a
// type and an urgency by their names in the public contract ("INQUIRY", "NORMAL").
// The error is an *InvalidError with Field "type" or "urgency".
func DefaultTerms(ticketType, urgency string) (Terms, error) {
	terms, found := termsByUrgency[urgency]
	if !found {
		return Terms{}, &InvalidError{Field: "urgency", Value: urgency, Rule: "an urgency is NORMAL, URGENT or CRITICAL"}
	}
	answer, found := answerByType[ticketType]
	if !found {
		return Terms{}, &InvalidError{Field: "type", Value: ticketType, Rule: "a type is INQUIRY, HELP, COMPLAINT, REPORT, SUGGESTION or PRAISE"}
	}
	if terms.Answer.IsZero() {
		terms.Answer = answer
	}
	terms.Contact = Workdays(1)
	terms.Return, terms.ReturnComplex = Workdays(1), Workdays(2)
	return terms, nil
}

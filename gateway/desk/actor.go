package desk

// Actor is who causes a step: shown in local records, never sent to another region.
type Actor struct {
	// Name of the token or certificate: a person or a system.
	Name string
	// Operator is the person a system acts for (`Jieli-Operator`); empty when Name is a person.
	Operator string
}

// String is what local records show.
func (a Actor) String() string {
	if a.Operator != "" {
		return a.Operator + " via " + a.Name
	}
	return a.Name
}

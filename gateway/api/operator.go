package api

import (
	"net/url"

	"github.com/jieli-gateway/jieli/gateway/access"
	"github.com/jieli-gateway/jieli/gateway/fault"
)

// operatorHeader is the header (HTTP) and metadata key (gRPC) that names the person a system acts for: 1 to 100
// characters, percent-encoded as in a URL where they are not printable ASCII, since gRPC metadata holds nothing
// else. Over HTTP plain UTF-8 is taken too. A `%` that is meant is written `%25`.
const operatorHeader = "Jieli-Operator"

// parseOperator reads the values of the header.
func parseOperator(values []string) (string, error) {
	switch len(values) {
	case 0:
		return "", nil
	case 1:
	default:
		return "", errOperator("is sent more than once")
	}
	name, err := url.PathUnescape(values[0])
	if err != nil {
		return "", errOperator("has a percent sign without two hexadecimal digits; write %25 for a plain one")
	}
	if err := access.CheckName(name, access.MaxOperator); err != nil {
		return "", errOperator(err.Error())
	}
	return name, nil
}

func errOperator(rule string) error {
	e := fault.New(fault.Invalid, "INVALID_OPERATOR",
		"%s %s: send the name of the person you act for, 1 to %d characters, percent-encoded UTF-8", operatorHeader, rule, access.MaxOperator)
	e.Fields = []fault.Field{{Name: operatorHeader, Rule: rule}}
	return e
}

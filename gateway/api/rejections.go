package api

import (
	"github.com/jieli-gateway/jieli/gateway/fault"
)

// rejection turns a recorded rejection of a command into what its caller is told.
func rejection(reason, message string) error {
	return fault.New(kindOf(reason), reason, "%s", message)
}

func kindOf(reason string) fault.Kind {
	switch reason {
	case "NOT_YOUR_ENTRY":
		return fault.Denied
	case "REVISION_MOVED_ON":
		return fault.Aborted
	case "REGION_ID_USED", "ROUTE_TIE":
		return fault.Exists
	default:
		return fault.Precondition
	}
}

// registryFault turns an error of the registry into what its caller is told.
func registryFault(err error) error { return err }

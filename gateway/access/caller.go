package access

import (
	"fmt"
	"slices"
	"strings"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// Role is something a caller may do. Values stand in tokens.json, in configuration and on the command line.
type Role string

// The roles, as in proto/jieli/v1/access.proto.
const (
	Operator Role = "operator" // submits tickets and acts on them
	Admin    Role = "admin"    // changes the registry
	Auditor  Role = "auditor"  // reads evidence and, under audit, personal data
	Monitor  Role = "monitor"  // reads status and metrics
)

// AllRoles lists every role.
func AllRoles() []Role { return []Role{Operator, Admin, Auditor, Monitor} }

// RoleOf gives the role that an annotation names; false for one that no caller can have.
func RoleOf(r jieliv1.Access_Role) (Role, bool) {
	switch r {
	case jieliv1.Access_OPERATOR:
		return Operator, true
	case jieliv1.Access_ADMIN:
		return Admin, true
	case jieliv1.Access_AUDITOR:
		return Auditor, true
	case jieliv1.Access_MONITOR:
		return Monitor, true
	default:
		return "", false
	}
}

// ParseRoles reads role names, in any order; doubles are dropped. At least one is needed.
func ParseRoles(names ...string) ([]Role, error) {
	var roles []Role
	for _, name := range names {
		role := Role(strings.TrimSpace(name))
		if !slices.Contains(AllRoles(), role) {
			return nil, fmt.Errorf("role %q: must be one of operator, admin, auditor, monitor", name)
		}
		roles = append(roles, role)
	}
	if len(roles) == 0 {
		return nil, fmt.Errorf("roles: at least one of operator, admin, auditor, monitor is needed")
	}
	slices.Sort(roles)
	return slices.Compact(roles), nil
}

// Kind says whether a caller is one person or a system that acts for several.
type Kind string

// The kinds of callers.
const (
	// Person speaks for themselves.
	Person Kind = "person"
	// System names its operator on each call that needs one (`Jieli-Operator`).
	System Kind = "system"
)

// Caller is who makes a call.
type Caller struct {
	// ID is the token's id, or `certificate:` and the common name: what logs show. It is not secret.
	ID string
	// Name of the person or system.
	Name string
	// Kind of caller.
	Kind Kind
	// Roles it has.
	Roles []Role
	// Operator is the person a system acts for in this call; empty for a person.
	Operator string
}

// HasAny reports whether the caller has any one of the roles.
func (c Caller) HasAny(roles ...Role) bool {
	return slices.ContainsFunc(roles, func(r Role) bool { return slices.Contains(c.Roles, r) })
}

// NamesPerson reports whether it is known which person makes the call.
func (c Caller) NamesPerson() bool { return c.Kind == Person || c.Operator != "" }

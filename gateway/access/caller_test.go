package access

import (
	"slices"
	"testing"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

func TestEachRoleOfTheContractIsARole(t *testing.T) {
	for number, name := range jieliv1.Access_Role_name {
		role, ok := RoleOf(jieliv1.Access_Role(number))
		if ok != (number != 0) || ok && !slices.Contains(AllRoles(), role) {
			t.Errorf("%s: got %q, %v", name, role, ok)
		}
	}
	if _, ok := RoleOf(99); ok {
		t.Error("an unknown number is a role")
	}
}

func TestParseRoles(t *testing.T) {
	for name, test := range map[string]struct {
		words []string
		want  []Role
	}{
		"one":        {[]string{"admin"}, []Role{Admin}},
		"set":        {[]string{"operator", " admin", "operator"}, []Role{Admin, Operator}},
		"none":       {nil, nil},
		"unknown":    {[]string{"root"}, nil},
		"capitals":   {[]string{"ADMIN"}, nil},
		"with empty": {[]string{"admin", ""}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseRoles(test.words...)
			if !slices.Equal(got, test.want) || (err == nil) != (test.want != nil) {
				t.Fatalf("got %v, %v; want %v", got, err, test.want)
			}
		})
	}
}

func TestCertificates(t *testing.T) {
	certificates, err := NewCertificates(
		Grant{CommonName: "crm.tianjin", Roles: []Role{Operator}},
		Grant{CommonName: "王芳", Kind: Person, Roles: []Role{Admin}},
	)
	if err != nil {
		t.Fatal(err)
	}
	if caller, ok := certificates.Caller("crm.tianjin"); !ok || caller.Kind != System || caller.ID != "certificate:crm.tianjin" {
		t.Fatalf("got %+v, %v", caller, ok)
	}
	if _, ok := certificates.Caller("somebody"); ok {
		t.Fatal("a name without a grant is let in")
	}
	var none *Certificates
	if _, ok := none.Caller("crm.tianjin"); ok {
		t.Fatal("no grants let somebody in")
	}
	for name, grants := range map[string][]Grant{
		"no name":  {{Roles: []Role{Admin}}},
		"no roles": {{CommonName: "a"}},
		"twice":    {{CommonName: "a", Roles: []Role{Admin}}, {CommonName: "a", Roles: []Role{Monitor}}},
	} {
		if _, err := NewCertificates(grants...); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

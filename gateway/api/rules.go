package api

import (
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/jieli-gateway/jieli/gateway/access"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// port is what a server listens on.
type port string

const (
	apiPort        port = "API"        // centres and admins
	federationPort port = "federation" // nodes of registered regions
)

// rule says who may call one method.
type rule struct {
	anonymous bool
	peer      bool
	operator  bool // a system must name its operator
	roles     []access.Role
}

// rules has the rule of each method by its full name; a method that is not in it is denied to everybody.
type rules map[string]rule

// builtin are the rules of methods that are not ours and so have no annotation: whoever reaches the port may ask
// whether it serves, and whoever has a token may ask what.
func builtin() rules {
	reflection := rule{roles: access.AllRoles()}
	return rules{
		"/grpc.health.v1.Health/Check":                                   {anonymous: true},
		"/grpc.health.v1.Health/Watch":                                   {anonymous: true},
		"/grpc.health.v1.Health/List":                                    {anonymous: true},
		"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo":      reflection,
		"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": reflection,
	}
}

// add reads the annotations of a service. It fails for a method that has none or one that does not belong on this
// port, so that a slip in a .proto is seen when a node starts and not when somebody is refused, or let in.
func (r rules) add(service string, on port) error {
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(service))
	if err != nil {
		return fmt.Errorf("service %s: %w", service, err)
	}
	descriptor, ok := found.(protoreflect.ServiceDescriptor)
	if !ok {
		return fmt.Errorf("%s is not a service", service)
	}
	methods := descriptor.Methods()
	for i := range methods.Len() {
		method := methods.Get(i)
		made, err := ruleOf(method)
		if err == nil && made.peer != (on == federationPort) {
			err = fmt.Errorf("its access rule does not belong on the %s port", on)
		}
		if err != nil {
			return fmt.Errorf("method %s: %w", method.FullName(), err)
		}
		r[fullMethod(service, string(method.Name()))] = made
	}
	return nil
}

// ruleOf reads a method's annotation.
func ruleOf(method protoreflect.MethodDescriptor) (rule, error) {
	options, ok := method.Options().(*descriptorpb.MethodOptions)
	if !ok || !proto.HasExtension(options, jieliv1.E_Access) {
		return rule{}, fmt.Errorf("has no (jieli.v1.access) annotation")
	}
	annotation, ok := proto.GetExtension(options, jieliv1.E_Access).(*jieliv1.Access)
	if !ok {
		return rule{}, fmt.Errorf("has a (jieli.v1.access) annotation of another type")
	}
	made := rule{
		anonymous: annotation.GetAnonymous(), peer: annotation.GetPeer(), operator: annotation.GetOperatorRequired(),
	}
	for _, number := range annotation.GetRoles() {
		role, ok := access.RoleOf(number)
		if !ok {
			return rule{}, fmt.Errorf("names %s, which is not a role", number)
		}
		made.roles = append(made.roles, role)
	}
	ways := 0
	for _, way := range []bool{made.anonymous, made.peer, len(made.roles) > 0} {
		if way {
			ways++
		}
	}
	if ways != 1 || made.operator && len(made.roles) == 0 {
		return rule{}, fmt.Errorf("must be for roles, for peers or for anybody: exactly one of them")
	}
	return made, nil
}

func fullMethod(service, method string) string { return "/" + service + "/" + method }

// Service is a gRPC service and what implements it.
type Service struct {
	Desc *grpc.ServiceDesc
	Impl any
}

package api

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// inProcess is a connection to services of this very process: a call goes through the gate to the service as it would
// over gRPC, without bytes in between. It carries what its context has of the caller: peer, incoming metadata and
// correlation id.
type inProcess struct {
	interceptor grpc.UnaryServerInterceptor
	methods     map[string]inProcessMethod
}

type inProcessMethod struct {
	service any
	handler grpc.MethodHandler
}

func newInProcess(interceptor grpc.UnaryServerInterceptor) *inProcess {
	return &inProcess{interceptor: interceptor, methods: make(map[string]inProcessMethod)}
}

// add makes a service's unary methods callable.
func (p *inProcess) add(desc *grpc.ServiceDesc, service any) {
	for _, method := range desc.Methods {
		p.methods[fullMethod(desc.ServiceName, method.MethodName)] = inProcessMethod{service, method.Handler}
	}
}

// Invoke implements grpc.ClientConnInterface.
func (p *inProcess) Invoke(ctx context.Context, method string, args, reply any, _ ...grpc.CallOption) error {
	m, ok := p.methods[method]
	if !ok {
		return status.Errorf(codes.Unimplemented, "there is no method %s", method)
	}
	request, isRequest := args.(proto.Message)
	into, isReply := reply.(proto.Message)
	if !isRequest || !isReply {
		return status.Errorf(codes.Internal, "%s: not Protobuf messages: %T, %T", method, args, reply)
	}
	// What transcoding has put there for a real connection, the caller's token for one, must not leave this node with
	// a call that the service makes in turn.
	ctx = metadata.NewOutgoingContext(ctx, metadata.MD{})
	response, err := m.handler(m.service, ctx, func(target any) error {
		proto.Merge(target.(proto.Message), request)
		return nil
	}, p.interceptor)
	if err != nil {
		return err
	}
	// A copy: what services answer with may be part of the registry's state.
	proto.Merge(into, response.(proto.Message))
	return nil
}

// NewStream implements grpc.ClientConnInterface. Streams are not transcoded; sse.go serves the one there is.
func (p *inProcess) NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, status.Error(codes.Unimplemented, "streams are not served in process")
}

package api

import (
	"slices"
	"testing"

	"google.golang.org/grpc/codes"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
)

// Whoever has a token, of whatever role, can ask a node what it serves; nobody else can.
func TestReflection(t *testing.T) {
	c := newCentre(t)
	ask := func(token string) (*reflectionv1.ServerReflectionResponse, error) {
		stream, err := reflectionv1.NewServerReflectionClient(c.conn).ServerReflectionInfo(as(token))
		if err != nil {
			return nil, err
		}
		// What goes wrong with sending is told by Recv.
		_ = stream.Send(&reflectionv1.ServerReflectionRequest{MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{}})
		_ = stream.CloseSend()
		return stream.Recv()
	}
	_, err := ask("")
	wantStatus(t, err, codes.Unauthenticated, "NO_TOKEN")
	answer, err := ask(c.monitor)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, service := range answer.GetListServicesResponse().GetService() {
		names = append(names, service.GetName())
	}
	for _, service := range c.api.services() {
		if !slices.Contains(names, service.Desc.ServiceName) {
			t.Errorf("%s is not listed: %v", service.Desc.ServiceName, names)
		}
	}
}

package federation

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/jieli-gateway/jieli/federation/trust"
)

func TestErrorsKeepTheirKindBetweenNodes(t *testing.T) {
	for _, k := range kinds() {
		t.Run(k.reason, func(t *testing.T) {
			told := fromStatus(toStatus(fmt.Errorf("while doing something: %w", k.err)))
			if !errors.Is(told, k.err) {
				t.Errorf("%v became %v", k.err, told)
			}
			reason, code, ok := ReasonOf(told)
			if reason != k.reason || code != k.code || !ok {
				t.Errorf("reason %q, code %v", reason, code)
			}
		})
	}
}

func TestOtherErrors(t *testing.T) {
	if got := status.Code(toStatus(fmt.Errorf("wait: %w", context.DeadlineExceeded))); got != codes.DeadlineExceeded {
		t.Errorf("a deadline became %v", got)
	}
	if got := status.Code(toStatus(errors.New("something"))); got != codes.Internal {
		t.Errorf("something became %v", got)
	}
	if toStatus(nil) != nil {
		t.Error("no error became one")
	}
	unknown := status.Error(codes.Unavailable, "connection refused")
	if _, _, ok := ReasonOf(fromStatus(unknown)); ok {
		t.Error("an error of gRPC became one of ours")
	}
}

func TestQuorumErrorNamesTheVoters(t *testing.T) {
	for _, test := range []struct {
		name string
		err  QuorumError
		want string
	}{
		{"no voters known", QuorumError{}, "the registry has no quorum: this node does not know the voters yet"},
		{"all there", QuorumError{Voters: 3}, "the registry has no quorum: all 3 voters answer, but none leads yet"},
		{
			"two missing",
			QuorumError{Voters: 3, Missing: []trust.NodeID{{Region: "wuhan", Node: "1"}, {Region: "beijing", Node: "1"}}, Err: errors.New("nobody leads")},
			"the registry has no quorum: missing beijing/1, wuhan/1 of 3 voters (last: nobody leads)",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.err.Error(); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if !errors.Is(&test.err, ErrNoQuorum) {
				t.Error("it is no ErrNoQuorum")
			}
		})
	}
}

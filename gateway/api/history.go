package api

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/jieli-gateway/jieli/gateway/fault"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
	"github.com/jieli-gateway/jieli/regions"
)

// maxSubject bounds the text that a change is looked for by.
const maxSubject = 128

// ListChanges implements jieliv1.RegistryServiceServer.
func (s *registryService) ListChanges(ctx context.Context, req *jieliv1.ListChangesRequest) (*jieliv1.ListChangesResponse, error) {
	limit, err := checkListChanges(req)
	if err != nil {
		return nil, err
	}
	filters := fmt.Sprintf("changes|%s|%d|%s|%d", req.GetRegion(), req.GetAbout(), req.GetSubject(), req.GetAfter())
	before, err := parseRevision(filters, req.GetPageToken())
	if err != nil {
		return nil, err
	}
	v, err := s.view(ctx, req.GetConsistency())
	if err != nil {
		return nil, err
	}
	if _, ok := v.Region(req.GetRegion()); req.GetRegion() != "" && !ok {
		return nil, errNoRegion(req.GetRegion())
	}
	out := &jieliv1.ListChangesResponse{Revision: v.Revision()}
	looked, size := 0, 0
	for change := range v.Changes(req.GetRegion(), before) {
		if change.GetRevision() <= req.GetAfter() {
			break
		}
		if looked++; looked%1000 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if !isAbout(change, req.GetAbout()) || !isOf(change, req.GetSubject()) {
			continue
		}
		size += proto.Size(change)
		if n := len(out.GetChanges()); n == limit || n > 0 && size > maxListBytes {
			out.NextPageToken = tokenOf(filters, strconv.FormatUint(out.GetChanges()[n-1].GetRevision(), 10))
			break
		}
		out.Changes = append(out.Changes, change)
	}
	return out, nil
}

func checkListChanges(req *jieliv1.ListChangesRequest) (limit int, err error) {
	var wrong []fault.Field
	if req.GetRegion() != "" {
		if err := regions.ValidateRegionID(req.GetRegion()); err != nil {
			wrong = append(wrong, fieldOf(err))
		}
	}
	if _, known := jieliv1.ListChangesRequest_About_name[int32(req.GetAbout())]; !known {
		wrong = append(wrong, fault.Field{Name: "about", Rule: "must be ANYTHING, REGIONS, NODES, ROUTES, SERVICES or POLICY"})
	}
	if len(req.GetSubject()) > maxSubject {
		wrong = append(wrong, fault.Field{Name: "subject", Rule: "has at most 128 bytes"})
	}
	limit = int(req.GetPageSize())
	switch {
	case limit == 0:
		limit = defaultPage
	case limit < 0 || limit > maxPage:
		wrong = append(wrong, fault.Field{Name: "pageSize", Rule: "must be from 1 to 1000, or 0 for 100"})
	}
	if len(wrong) > 0 {
		return 0, fault.InvalidFields(wrong...)
	}
	return limit, nil
}

// parseRevision gives the revision before which a page begins; 0 begins at the newest.
func parseRevision(filters, token string) (uint64, error) {
	place, err := placeOf(filters, token)
	if err != nil || place == "" {
		return 0, err
	}
	before, err := strconv.ParseUint(place, 10, 64)
	if err != nil || before == 0 {
		return 0, errPageToken("is not a token of an answer here")
	}
	return before, nil
}

// isAbout tells whether a change is about a kind of thing. The first revision is about nearly everything.
func isAbout(change *jieliv1.Change, about jieliv1.ListChangesRequest_About) bool {
	kind := change.GetKind()
	first := kind == jieliv1.Change_FEDERATION_STARTED
	within := func(from, to jieliv1.Change_Kind) bool { return from <= kind && kind <= to }
	switch about {
	case jieliv1.ListChangesRequest_REGIONS:
		return first || within(jieliv1.Change_REGION_REGISTERED, jieliv1.Change_REGION_REVOKED)
	case jieliv1.ListChangesRequest_NODES:
		return first || within(jieliv1.Change_NODE_ADDED, jieliv1.Change_NODE_REPORTED)
	case jieliv1.ListChangesRequest_ROUTES:
		return within(jieliv1.Change_ROUTES_CHANGED, jieliv1.Change_ROUTES_IMPORTED)
	case jieliv1.ListChangesRequest_SERVICES:
		return first || kind == jieliv1.Change_SERVICES_CHANGED
	case jieliv1.ListChangesRequest_POLICY:
		return first || within(jieliv1.Change_POLICY_CHANGED, jieliv1.Change_LEVEL_RAISED)
	}
	return true
}

// isOf tells whether a change is of a subject, or of one below it: suzhou has suzhou/n1, 3205 has 3205/urban.
func isOf(change *jieliv1.Change, subject string) bool {
	return subject == "" || change.GetSubject() == subject || strings.HasPrefix(change.GetSubject(), subject+"/")
}

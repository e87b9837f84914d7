package api

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/jieli-gateway/jieli/gateway/fault"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
	"github.com/jieli-gateway/jieli/regions"
)

// Store tells how the ticket store is.
type Store interface {
	Status(context.Context) (*jieliv1.StoreStatus, error)
}

// Links tells how the links are, in any order. link.Links implements it.
type Links interface {
	Status() []*jieliv1.LinkStatus
}

// Views asks other regions' nodes what they see, within 3 s.
type Views interface {
	Views(ctx context.Context) []*jieliv1.View
}

// LinkTester tries to reach a region's nodes, step by step, within 10 s. It answers fault.NotFound for a region that is
// not in the registry.
type LinkTester interface {
	TestLink(ctx context.Context, region string) (*jieliv1.TestLinkResponse, error)
}

// statusService implements jieliv1.StatusServiceServer.
type statusService struct {
	jieliv1.UnimplementedStatusServiceServer
	api *Server
}

// GetStatus implements jieliv1.StatusServiceServer. It answers also while the node is starting.
func (s *statusService) GetStatus(ctx context.Context, req *jieliv1.GetStatusRequest) (*jieliv1.Status, error) {
	out := &jieliv1.Status{
		Region: s.api.cfg.Region, Node: s.api.cfg.Node, Version: s.api.cfg.Version,
		StartTime: timestamppb.New(s.api.started),
	}
	var found findings
	if loading := *s.api.loading.Load(); len(loading) > 0 {
		found.add(starting(loading, s.api.started))
	}
	if p := s.api.parts.Load(); p != nil {
		s.look(ctx, p, out, &found)
		if req.GetAll() && p.Views != nil {
			out.Views = p.Views.Views(ctx)
			out.Verdicts = verdicts(s.api.cfg.Region, out.GetLinks(), out.GetViews())
		}
	}
	found.add(ofTokens(s.api.cfg.Tokens.Ending(tokenRenewalTime))...)
	phone(found, out.GetLinks())
	out.Health, out.Problems = found.health(), found.problems()
	return out, nil
}

// look fills in what the parts tell.
func (s *statusService) look(ctx context.Context, p *Parts, out *jieliv1.Status, found *findings) {
	out.Registry = p.Registry.Status(ctx, true)
	if joining := p.joining(); joining != nil && out.GetRegistry().GetClusterId() == "" {
		found.add(ofJoining(joining))
	} else {
		found.add(ofRegistry(out.GetRegistry())...)
	}
	if p.CertificateEnd != nil {
		found.add(ofCertificate(p.CertificateEnd(), s.api.cfg.Now())...)
	}
	if p.Store != nil {
		store, err := p.Store.Status(ctx)
		if err != nil {
			s.api.cfg.Log.Warn("the ticket store does not tell how it is",
				slog.String("correlationId", CorrelationID(ctx)), slog.Any("error", err))
			found.add(storeSilent())
		}
		out.Store = store
		found.add(ofStore(store)...)
	}
	if p.Links != nil {
		out.Links = sorted(p.Links.Status())
		now := s.api.cfg.Now()
		for _, link := range out.GetLinks() {
			found.add(ofLink(link, now)...)
		}
	}
}

// joining is how the node's joining stands; nil when it is not joining.
func (p *Parts) joining() *Joining {
	if p.Joining == nil {
		return nil
	}
	return p.Joining()
}

// phone adds whom to phone to what was found about a region by other means than its link.
func phone(f findings, links []*jieliv1.LinkStatus) {
	phones := map[string]string{}
	for _, l := range links {
		phones[l.GetPeer()] = l.GetDutyPhone()
	}
	for _, one := range f {
		if one.problem.GetDutyPhone() == "" {
			one.problem.DutyPhone = phones[one.problem.GetPeer()]
		}
	}
}

// TestLink implements jieliv1.StatusServiceServer.
func (s *statusService) TestLink(ctx context.Context, req *jieliv1.TestLinkRequest) (*jieliv1.TestLinkResponse, error) {
	if err := regions.ValidateRegionID(req.GetRegion()); err != nil {
		return nil, fault.InvalidFields(fieldOf(err))
	}
	p, err := s.api.attached()
	if err != nil {
		return nil, err
	}
	if p.Tester == nil {
		return nil, starts()
	}
	res, err := p.Tester.TestLink(ctx, req.GetRegion())
	if err != nil || p.Links == nil {
		return res, err
	}
	for _, l := range p.Links.Status() {
		if l.GetPeer() == req.GetRegion() {
			res.Link = l
		}
	}
	return res, nil
}

// ListLinks implements jieliv1.StatusServiceServer.
func (s *statusService) ListLinks(ctx context.Context, _ *jieliv1.ListLinksRequest) (*jieliv1.ListLinksResponse, error) {
	p, err := s.api.attached()
	if err != nil {
		return nil, err
	}
	if p.Links == nil {
		return &jieliv1.ListLinksResponse{}, nil
	}
	return &jieliv1.ListLinksResponse{Links: sorted(p.Links.Status())}, nil
}

// sorted puts links in order of peer.
func sorted(links []*jieliv1.LinkStatus) []*jieliv1.LinkStatus {
	links = slices.Clone(links)
	slices.SortFunc(links, func(a, b *jieliv1.LinkStatus) int { return strings.Compare(a.GetPeer(), b.GetPeer()) })
	return links
}

// RetryTicket implements jieliv1.StatusServiceServer.
func (s *statusService) RetryTicket(ctx context.Context, req *jieliv1.RetryTicketRequest) (*jieliv1.RetryTicketResponse, error) {
	if err := checkTicketID("ticket", req.GetTicket()); err != nil {
		return nil, err
	}
	d, err := s.api.desk()
	if err != nil {
		return nil, err
	}
	return d.RetryTicket(ctx, req.GetTicket())
}

// maxExcuse is the longest reason for excusing a peer, in characters.
const maxExcuse = 1000

// ExcusePeer implements jieliv1.StatusServiceServer.
func (s *statusService) ExcusePeer(ctx context.Context, req *jieliv1.ExcusePeerRequest) (*jieliv1.ExcusePeerResponse, error) {
	var wrong []fault.Field
	if err := regions.ValidateRegionID(req.GetRegion()); err != nil {
		wrong = append(wrong, fieldOf(err))
	}
	if n := utf8.RuneCountInString(req.GetReason()); n == 0 || n > maxExcuse {
		wrong = append(wrong, fault.Field{Name: "reason", Rule: "must say why, in 1 to 1000 characters"})
	}
	if len(wrong) > 0 {
		return nil, fault.InvalidFields(wrong...)
	}
	d, err := s.api.desk()
	if err != nil {
		return nil, err
	}
	if err := d.ExcusePeer(ctx, actorOf(ctx), req.GetRegion(), req.GetReason()); err != nil {
		return nil, err
	}
	return &jieliv1.ExcusePeerResponse{}, nil
}

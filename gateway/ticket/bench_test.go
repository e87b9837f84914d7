package ticket_test

import (
	"testing"

	"github.com/jieli-gateway/jieli/gateway/ticket"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// A hand-off makes and judges some ten events, so each of these runs 10^5 times a second at the goal of design §9.

func BenchmarkEncode(b *testing.B) {
	ev := taken(b).does(tianjin, route(suzhou)).events[1]
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := ticket.Encode(ev); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	for name, bytes := range map[string][]byte{
		"received": taken(b).bytes[0],
		"offered":  taken(b).does(tianjin, route(suzhou)).bytes[1],
		"refused":  taken(b).does(tianjin, route(suzhou)).refuses(suzhou, "STALE_ROUTE").bytes[2],
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(bytes)))
			for b.Loop() {
				if _, err := ticket.Decode(bytes); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkApply(b *testing.B) {
	s := taken(b).does(tianjin, route(suzhou)).does(suzhou, &jieliv1.Accepted{Reference: "SZ-1"})
	before := taken(b).does(tianjin, route(suzhou)).st
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ticket.Apply(before, s.events[2], s.hashes[2]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNext(b *testing.B) {
	st := taken(b).st
	draft := ticket.Draft{Body: route(suzhou)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ticket.Next(st, ticketID, tianjin, draft, morning, 7); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRunningHash(b *testing.B) {
	var running [32]byte
	item := ticket.EmptyItemHash()
	b.ReportAllocs()
	for b.Loop() {
		running = ticket.RunningHash(running, item)
	}
}

func BenchmarkValidateSubmission(b *testing.B) {
	c := complaint()
	b.ReportAllocs()
	for b.Loop() {
		if err := ticket.ValidateSubmission(c, morning); err != nil {
			b.Fatal(err)
		}
	}
}

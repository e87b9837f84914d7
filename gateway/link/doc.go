// Package link is the ordered, durable exchange of items between this region and each other one: outbox, batch,
// receipt (docs/protocol.md, Links). It knows sequences, running hashes, cursors, receipts, hellos, streams and
// back-off. What an item means it does not know: that it asks Tickets, which gateway/desk implements.
//
// Where to look:
//
//	links.go      Links: one link for each member of the federation; New, Run, Status and what the desk asks
//	link.go       one link: when it dials, which of two streams has it, what is shown of it
//	dial.go       reaching a peer, and why that failed
//	handshake.go  the first frame each way, and what is committed before anything else flows
//	history.go    whether two sides' accounts of their exchange agree (pure)
//	stream.go     a live stream: its goroutines, its end
//	sender.go     outbox to batches, requests; window.go bounds what is under way
//	writer.go     the one goroutine that sends frames; outgoing.go what waits for it
//	reader.go     frames in, checked, into inbox.go
//	committer.go  what came in, made durable; turn.go is one such transaction
//	receipt.go    a receipt's bytes, signature, and what makes one acceptable
//	retry.go      stopped tickets judged again
//	keepalive.go  signs of life, round trip, clocks, registries compared
//
// One stream at a time has a link, from before its hello until its last commit has ended; so whatever a stream reads
// of the link's durable state stays true while it lives, and needs no lock.
package link

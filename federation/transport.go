package federation

import "github.com/hashicorp/raft"

// Transport is what Raft needs of a transport here. Pre-vote and Close are optional to Raft, which turns pre-vote off
// with only a warning when a wrapper hides it: so here they are part of the type.
type Transport interface {
	raft.Transport
	raft.WithPreVote
	raft.WithClose
}

var (
	_ Transport = (*raft.NetworkTransport)(nil)
	_ Transport = (*raft.InmemTransport)(nil)
	_ Transport = (*gatedTransport)(nil)
)

// gatedTransport is the one seam between Raft and the network: it keeps a leader with a stalled disk from leading on,
// and lets nodes be called by name, never by address.
type gatedTransport struct {
	Transport
	gate *gate
	name raft.ServerAddress
}

// AppendEntries sends entries or a heartbeat, unless this node's disk stalls.
func (t *gatedTransport) AppendEntries(id raft.ServerID, target raft.ServerAddress, request *raft.AppendEntriesRequest, response *raft.AppendEntriesResponse) error {
	if t.gate.stalled() {
		return errStalled
	}
	return t.Transport.AppendEntries(id, target, request, response)
}

// AppendEntriesPipeline is never given: it would go round the gate, and loses followers (maxRPCsInFlight).
func (t *gatedTransport) AppendEntriesPipeline(raft.ServerID, raft.ServerAddress) (raft.AppendPipeline, error) {
	return nil, raft.ErrPipelineReplicationNotSupported
}

// LocalAddr is this node's name.
func (t *gatedTransport) LocalAddr() raft.ServerAddress { return t.name }

// EncodePeer writes a node as its name.
func (t *gatedTransport) EncodePeer(id raft.ServerID, _ raft.ServerAddress) []byte { return []byte(id) }

// DecodePeer reads what EncodePeer wrote.
func (t *gatedTransport) DecodePeer(name []byte) raft.ServerAddress { return raft.ServerAddress(name) }

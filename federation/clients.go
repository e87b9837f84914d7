package federation

import (
	"errors"
	"fmt"
	"sync"

	"github.com/jieli-gateway/jieli/federation/trust"
)

// clients keeps one gRPC connection to each node that is called.
type clients struct {
	network Network
	address func(trust.NodeID) (string, bool)

	mu     sync.Mutex
	closed bool
	open   map[trust.NodeID]clientOf
}

type clientOf struct {
	Client
	address string
}

func newClients(network Network, address func(trust.NodeID) (string, bool)) *clients {
	return &clients{network: network, address: address, open: map[trust.NodeID]clientOf{}}
}

// to gives the client of a registered node.
func (c *clients) to(id trust.NodeID) (Client, error) {
	address, ok := c.address(id)
	if !ok {
		return nil, fmt.Errorf("call %s: it is not registered", id)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, ErrClosed
	}
	known, ok := c.open[id]
	if ok && known.address == address {
		return known, nil
	}
	client, err := c.network.Client(id, address)
	if err != nil {
		return nil, fmt.Errorf("call %s: %w", id, err)
	}
	if ok {
		_ = known.Close() // it went to where the node no longer is
	}
	c.open[id] = clientOf{Client: client, address: address}
	return client, nil
}

// prune drops connections to nodes that are no longer registered, or elsewhere.
func (c *clients) prune() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, known := range c.open {
		if address, ok := c.address(id); !ok || address != known.address {
			_ = known.Close() // nobody needs it
			delete(c.open, id)
		}
	}
}

func (c *clients) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	var failures []error
	for id, known := range c.open {
		failures = append(failures, known.Close())
		delete(c.open, id)
	}
	return errors.Join(failures...)
}

package chaintest

import (
	"fmt"

	"satchel/chain"
)

// Chain is our side of the chain: what a follower of Steps has stored. It is the OurChain of tests.
type Chain struct {
	headers []chain.Header // contiguous; the last is the tip
}

// NewChain starts at a header, below which nothing is stored.
func NewChain(start chain.Header) *Chain { return &Chain{headers: []chain.Header{start}} }

// Tip gives the tip.
func (c *Chain) Tip() chain.Header { return c.headers[len(c.headers)-1] }

// HeaderAt gives a stored header.
func (c *Chain) HeaderAt(height int32) (chain.Header, bool) {
	i := int(height) - int(c.headers[0].Height)
	if i < 0 || i >= len(c.headers) {
		return chain.Header{}, false
	}
	return c.headers[i], true
}

// Apply follows steps and refuses one that does not fit the tip: out of order, with a hole, or twice.
func (c *Chain) Apply(steps []chain.Step) error {
	for i, s := range steps {
		tip := c.Tip()
		switch s.Op {
		case chain.Disconnect:
			if s.Header != tip || len(c.headers) == 1 {
				return fmt.Errorf("step %d takes off %v at %d, the tip is %v at %d", i, s.Header.Hash, s.Header.Height, tip.Hash, tip.Height)
			}
			c.headers = c.headers[:len(c.headers)-1]
		case chain.Connect:
			if s.Header.Prev != tip.Hash || s.Header.Height != tip.Height+1 || s.Header.Work.Cmp(tip.Work) <= 0 {
				return fmt.Errorf("step %d puts %v at %d on %v at %d", i, s.Header.Hash, s.Header.Height, tip.Hash, tip.Height)
			}
			c.headers = append(c.headers, s.Header)
		}
	}
	return nil
}

package keys

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"satchel/chain"
	"satchel/wallet"
)

// NodeDeriver lets the wallet ask the node. The node's range includes its end, the wallet's does not.
type NodeDeriver struct{ node *chain.Node }

// ByNode derives with a node.
func ByNode(node *chain.Node) NodeDeriver { return NodeDeriver{node} }

// DeriveScripts gives the addresses of the indexes from (included) to (excluded).
func (n NodeDeriver) DeriveScripts(ctx context.Context, descriptor string, from, to uint32) ([]wallet.Address, error) {
	derived, err := n.node.DeriveScripts(ctx, descriptor, from, to-1)
	if err != nil {
		return nil, err
	}
	list := make([]wallet.Address, len(derived))
	for i, a := range derived {
		list[i] = wallet.Address{Text: a.Address, Script: a.Script, Index: from + uint32(i)}
	}
	return list, nil
}

// HighestUsed is the highest index below upTo whose address holds coins; -1: none.
func (n NodeDeriver) HighestUsed(ctx context.Context, descriptor string, upTo uint32) (int64, error) {
	return n.node.HighestUsed(ctx, descriptor, upTo)
}

// atOnce bounds one question to the node.
const atOnce = 1000

// Span is a part of a key's addresses: the indexes from (included) to (excluded).
type Span struct{ From, To uint32 }

// Derived gives a part of a key's addresses in order, derived here where we can and else by the node. An error is the last.
func Derived(ctx context.Context, key *wallet.WatchKey, node wallet.NodeDeriver, s Span) iter.Seq2[wallet.Address, error] {
	return func(yield func(wallet.Address, error) bool) {
		for ; s.From < s.To; s.From += atOnce {
			list, err := derive(ctx, key, node, Span{s.From, min(s.From+atOnce, s.To)})
			if err != nil {
				yield(wallet.Address{}, err)
				return
			}
			for _, a := range list {
				if !yield(a, nil) {
					return
				}
			}
		}
	}
}

func derive(ctx context.Context, key *wallet.WatchKey, node wallet.NodeDeriver, s Span) ([]wallet.Address, error) {
	if key.NeedsNode() {
		return node.DeriveScripts(ctx, key.Descriptor(), s.From, s.To)
	}
	list := make([]wallet.Address, 0, s.To-s.From)
	for index := s.From; index < s.To; index++ {
		a, err := key.Derive(index)
		if errors.Is(err, wallet.ErrSkip) {
			continue
		}
		if err != nil {
			return nil, err
		}
		list = append(list, a)
	}
	return list, ctx.Err()
}

// AddressesFrom gives the first addresses from an index on, derived here where we can.
func AddressesFrom(ctx context.Context, key *wallet.WatchKey, node wallet.NodeDeriver, start uint32) ([]wallet.Address, error) {
	if key.NeedsNode() {
		list, err := node.DeriveScripts(ctx, key.Descriptor(), start, start+Compared)
		if err != nil {
			return nil, fmt.Errorf("only the node can derive this descriptor's addresses, and it did not: %w", err)
		}
		return list, nil
	}
	var list []wallet.Address
	for i := start; len(list) < Compared; i++ {
		a, err := key.Derive(i)
		if errors.Is(err, wallet.ErrSkip) {
			continue
		}
		if err != nil {
			return nil, err
		}
		list = append(list, a)
	}
	return list, nil
}

// Texts are addresses as people read them.
func Texts(list []wallet.Address, err error) ([]string, error) {
	out := make([]string, len(list))
	for i, a := range list {
		out[i] = a.Text
	}
	return out, err
}

// LookedAt is how many addresses of a key are looked at for coins before its first one is issued.
const LookedAt = 1000

// StartAbove gives the index above the highest used one, and says why.
func StartAbove(highest int64, err error) (start uint32, note string) {
	switch {
	case errors.Is(err, chain.ErrUnreachable):
		return 0, "the node cannot be reached, so used addresses were not looked for; starting at 0, see --start-index"
	case err != nil:
		return 0, fmt.Sprintf("the node could not be asked for used addresses (%s); starting at 0, see --start-index", err)
	case highest >= 0:
		return uint32(highest + 1), fmt.Sprintf("address %d of this key holds coins; starting at %d", highest, highest+1) //nolint:gosec // at most 1,000
	}
	return 0, ""
}

package wallet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
)

// NodeDeriver derives with the node what Satchel does not derive itself, and what it compares itself with.
type NodeDeriver interface {
	// DeriveScripts gives the addresses of a ranged descriptor with checksum for the indexes from (included) to to
	// (excluded), in order.
	DeriveScripts(ctx context.Context, descriptor string, from, to uint32) ([]Address, error)
}

// ErrDisagree says that the node derives other addresses than we do. Nothing may be issued then.
var ErrDisagree = errors.New("the node and the wallet disagree about an address")

// DefaultAhead is how many scripts of a NeedsNode key are known before they are issued.
const DefaultAhead = 100

// Lookahead says which scripts must be fetched from the node, those of the indexes from (included) to to (excluded),
// so that ahead scripts are known that were not issued yet. next is the index that is issued next, have the first one
// that is not known; ahead 0 means DefaultAhead. need is false when enough are known, and for keys that derive here.
func (k *WatchKey) Lookahead(next, have, ahead uint32) (from, to uint32, need bool) {
	if !k.NeedsNode() {
		return 0, 0, false
	}
	if ahead == 0 {
		ahead = DefaultAhead
	}
	end := min(uint64(next)+uint64(ahead), hardened)
	if uint64(have) >= end {
		return 0, 0, false
	}
	return have, uint32(end), true
}

// Compare derives the first n addresses here and with the node, and returns ErrDisagree with the first difference. Of a
// key that only the node derives it checks what can be checked: one address for each index, each with the script it
// stands for, none twice.
func Compare(ctx context.Context, k *WatchKey, node NodeDeriver, n uint32) error {
	theirs, err := node.DeriveScripts(ctx, k.Descriptor(), 0, n)
	if err != nil {
		return fmt.Errorf("derive with the node: %w", err)
	}
	if uint64(len(theirs)) != uint64(n) {
		return fmt.Errorf("%w: it gives %d addresses for %d indexes, and there must be one for each", ErrDisagree, len(theirs), n)
	}
	seen := make(map[string]uint32, n)
	for i, their := range theirs {
		index := uint32(i)
		our, err := k.expect(index, their)
		if errors.Is(err, ErrSkip) {
			continue
		}
		if err != nil {
			return fmt.Errorf("derive address %d: %w", index, err)
		}
		if their.Index != index || their.Text != our.Text || !bytes.Equal(their.Script, our.Script) {
			return fmt.Errorf("%w: address %d is %s (script %x) here, but %s (script %x, index %d) there",
				ErrDisagree, index, our.Text, our.Script, their.Text, their.Script, their.Index)
		}
		if before, twice := seen[our.Text]; twice {
			return fmt.Errorf("%w: %s is address %d and address %d", ErrDisagree, our.Text, before, index)
		}
		seen[our.Text] = index
	}
	return nil
}

// expect gives the address at an index as it should be: our own where we derive, else the node's with our own reading
// of its script.
func (k *WatchKey) expect(index uint32, their Address) (Address, error) {
	if !k.NeedsNode() {
		return k.Derive(index)
	}
	script, err := ScriptFor(their.Text, k.network)
	if err != nil {
		return Address{}, err
	}
	return Address{Text: their.Text, Script: script, Index: index}, nil
}

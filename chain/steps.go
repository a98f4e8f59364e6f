package chain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
)

// ErrTooDeep says that the node's chain leaves ours below what we stored. That is no reorg to follow without a human.
var ErrTooDeep = errors.New("the node's chain leaves ours below what we have stored")

// OurChain is the chain as we stored it: the tip, and the headers below it as far back as they are kept.
type OurChain interface {
	Tip() Header
	HeaderAt(height int32) (Header, bool) // false: above the tip, or no longer kept
}

// Steps gives the moves from our tip towards the node's best block: first all disconnects from our tip down to the
// fork, newest first, then at most limit connects (at least one), oldest first. None means that there is nothing to do.
// Where the chain is cut by limit, the next call goes on.
//
// A node with less work than ours is ErrBehind: it lost data, and nothing may be taken back for that. A chain that
// moves meanwhile is ErrMoved, one that forks below what we stored ErrTooDeep, a block that the node threw away
// ErrPruned. When blocks fail after others were read, those are given first, and the next call meets the failure.
func (n *Node) Steps(ctx context.Context, ours OurChain, limit int) ([]Step, error) {
	info, err := n.Info(ctx)
	if err != nil {
		return nil, err
	}
	tip := ours.Tip()
	if info.Best.Hash == tip.Hash {
		return nil, nil
	}
	if info.Best.Work.Cmp(tip.Work) < 0 {
		return nil, ErrBehind
	}
	limit = max(limit, 1)
	fork, above, err := n.findFork(ctx, ours, info.Best.Height, limit)
	if err != nil {
		return nil, err
	}
	var steps []Step
	for at := tip; at.Height > fork.Height; {
		steps = append(steps, Step{Op: Disconnect, Header: at})
		below, ok := ours.HeaderAt(at.Height - 1)
		if !ok || at.Prev != (BlockHash{}) && below.Hash != at.Prev {
			return nil, fmt.Errorf("our own chain has a hole below height %d", at.Height)
		}
		at = below
	}
	if len(above) < limit && fork.Height+int32(len(above)) < info.Best.Height { //nolint:gosec // few
		more, err := n.hashes(ctx, fork.Height+1+int32(len(above)), min(info.Best.Height, fork.Height+int32(limit))) //nolint:gosec // few
		if err != nil {
			return nil, err
		}
		above = append(above, more...)
	}
	return n.connect(ctx, steps, fork, above[:min(len(above), limit)])
}

// hashWindow is how many hashes below our tip are asked for at once; a reorg is rarely deeper than the first window.
const hashWindow = 8

// findFork finds the highest block of ours that is in the node's best chain, and the node's hashes above it as far as
// they came along. The usual case, a tip that is still good, costs one post.
func (n *Node) findFork(ctx context.Context, ours OurChain, best int32, limit int) (Header, []BlockHash, error) {
	tip := ours.Tip()
	top := min(best, tip.Height)
	theirs, err := n.hashes(ctx, top, min(best, top+int32(min(limit, maxHashes)))) //nolint:gosec // bounded
	if err != nil {
		return Header{}, nil, err
	}
	from := top // height of theirs[0]
	for window := int32(hashWindow); ; window = min(window*2, maxHashes) {
		for at := min(top, from+int32(len(theirs))-1); at >= from; at-- { //nolint:gosec // bounded
			header, ok := tip, true
			if at != tip.Height {
				header, ok = ours.HeaderAt(at)
			}
			if !ok {
				return Header{}, nil, ErrTooDeep
			}
			if header.Hash == theirs[at-from] {
				return header, theirs[at-from+1:], nil
			}
		}
		if from == 0 {
			return Header{}, nil, ErrTooDeep
		}
		top = from - 1
		from = max(0, from-window)
		below, err := n.hashes(ctx, from, top)
		if err != nil {
			return Header{}, nil, err
		}
		theirs = append(below, theirs...)
	}
}

// maxHashes is how many hashes are asked for in one post.
const maxHashes = 2000

// hashes asks for the best chain's hashes from one height to another, both included. A height that the chain no longer
// reaches is ErrMoved.
func (n *Node) hashes(ctx context.Context, from, to int32) ([]BlockHash, error) {
	hashes := make([]BlockHash, 0, to-from+1)
	for part := from; part <= to; part += maxHashes {
		some, err := n.hashBatch(ctx, part, min(to, part+maxHashes-1))
		if err != nil {
			return nil, err
		}
		hashes = append(hashes, some...)
	}
	return hashes, nil
}

func (n *Node) hashBatch(ctx context.Context, from, to int32) ([]BlockHash, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	hashes := make([]BlockHash, to-from+1)
	params := make([][]any, len(hashes))
	for i := range params {
		params[i] = []any{from + int32(i)}
	}
	err := n.wire.batch(ctx, "getblockhash", params, func(i int, result json.RawMessage, err error) error {
		if hasCode(err, codeInvalidParam) {
			return ErrMoved
		}
		if err != nil {
			return err
		}
		var text string
		if err := json.Unmarshal(result, &text); err != nil {
			return err
		}
		hashes[i], err = ParseBlockHash(text)
		return err
	})
	return hashes, err
}

// connect reads the blocks on top of the fork and appends a step for each.
func (n *Node) connect(ctx context.Context, steps []Step, fork Header, hashes []BlockHash) ([]Step, error) {
	if len(hashes) == 0 {
		return nil, ErrMoved // the fork was the best block's child a moment ago
	}
	steps = slices.Grow(steps, len(hashes))
	blocks, failed := n.blocks(ctx, hashes)
	prev := fork
	for _, b := range blocks {
		if b.head.Prev != prev.Hash {
			return nil, ErrMoved
		}
		work, err := addWork(prev.Work, b.head.Bits)
		if err != nil {
			return nil, fmt.Errorf("block %v: %w", b.head.Hash, err)
		}
		prev = Header{Hash: b.head.Hash, Prev: prev.Hash, Height: prev.Height + 1, Time: b.head.Time, Work: work}
		steps = append(steps, Step{Op: Connect, Header: prev, Txs: b.txs})
	}
	if ctx.Err() != nil || failed != nil && len(blocks) == 0 {
		return nil, n.whyNoBlock(ctx, prev.Height+1, failed)
	}
	return steps, nil
}

// whyNoBlock tells a pruned block from other failures: bitcoind has one code for many of them.
func (n *Node) whyNoBlock(ctx context.Context, height int32, failed error) error {
	if !hasCode(failed, codeMisc) {
		return fmt.Errorf("height %d: %w", height, failed)
	}
	info, err := n.Info(ctx)
	if err == nil && info.Pruned && height < info.PruneHeight {
		return fmt.Errorf("%w: height %d, and it has none below %d", ErrPruned, height, info.PruneHeight)
	}
	return fmt.Errorf("height %d: %w", height, failed)
}

// addWork adds a block's work to its chain's: 2^256 / (target + 1), of the compact target in its header.
func addWork(before Work, bits uint32) (Work, error) {
	mantissa, size := int64(bits&0x007fffff), uint(bits>>24)
	if bits&0x00800000 != 0 || mantissa == 0 || size > 34 {
		return Work{}, fmt.Errorf("impossible target %08x", bits)
	}
	target := big.NewInt(mantissa)
	if size <= 3 {
		target.Rsh(target, 8*(3-size))
	} else {
		target.Lsh(target, 8*(size-3))
	}
	if target.BitLen() > 256 || target.Sign() == 0 {
		return Work{}, fmt.Errorf("impossible target %08x", bits)
	}
	sum := new(big.Int).Lsh(big.NewInt(1), 256)
	sum.Div(sum, target.Add(target, big.NewInt(1)))
	sum.Add(sum, new(big.Int).SetBytes(before[:]))
	if sum.BitLen() > 256 {
		return Work{}, errors.New("more work than 256 bits hold")
	}
	var after Work
	sum.FillBytes(after[:])
	return after, nil
}

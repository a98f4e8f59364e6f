package regtest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"satchel/chain"
)

// nobody is a fresh output descriptor that pays nobody: blocks mined to it never repeat, not even when the same height
// is mined twice within a second.
func nobody() string {
	program := make([]byte, 20)
	_, _ = rand.Read(program) // never fails
	return "raw(0014" + hex.EncodeToString(program) + ")"
}

// minedAtOnce bounds one question to the node, which has a deadline however busy the machine is.
const minedAtOnce = 10

// Mine mines blocks of whatever the mempool holds. Their coins go to the address, or to nobody where it is empty.
func (n *Node) Mine(ctx context.Context, blocks int, address string) ([]chain.BlockHash, error) {
	hashes := make([]chain.BlockHash, 0, blocks)
	for ; blocks > 0; blocks -= minedAtOnce {
		some, err := n.mine(ctx, min(blocks, minedAtOnce), address)
		if err != nil {
			return nil, err
		}
		hashes = append(hashes, some...)
	}
	return hashes, nil
}

func (n *Node) mine(ctx context.Context, blocks int, address string) ([]chain.BlockHash, error) {
	var raw json.RawMessage
	var err error
	if address == "" {
		raw, err = n.node.Call(ctx, "generatetodescriptor", blocks, nobody())
	} else {
		raw, err = n.node.Call(ctx, "generatetoaddress", blocks, address)
	}
	if err != nil {
		return nil, err
	}
	var texts []string
	if err := json.Unmarshal(raw, &texts); err != nil {
		return nil, fmt.Errorf("mine: %w", err)
	}
	hashes := make([]chain.BlockHash, len(texts))
	for i, text := range texts {
		if hashes[i], err = chain.ParseBlockHash(text); err != nil {
			return nil, fmt.Errorf("mine: %w", err)
		}
	}
	return hashes, nil
}

// MineOnly mines one block that holds these transactions of the mempool and no others; none: an empty block.
func (n *Node) MineOnly(ctx context.Context, ids ...chain.TxID) (chain.BlockHash, error) {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = id.String()
	}
	return n.generate(ctx, texts)
}

// MineRaw mines one block that holds these raw transactions, which need not be in the mempool and may conflict with it.
func (n *Node) MineRaw(ctx context.Context, raws ...[]byte) (chain.BlockHash, error) {
	texts := make([]string, len(raws))
	for i, raw := range raws {
		texts[i] = hex.EncodeToString(raw)
	}
	return n.generate(ctx, texts)
}

func (n *Node) generate(ctx context.Context, txs []string) (chain.BlockHash, error) {
	raw, err := n.node.Call(ctx, "generateblock", nobody(), txs)
	if err != nil {
		return chain.BlockHash{}, err
	}
	var r struct {
		Hash string `json:"hash"`
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		return chain.BlockHash{}, fmt.Errorf("generateblock: %w", err)
	}
	return chain.ParseBlockHash(r.Hash)
}

// Invalidate takes a block and all above it out of the best chain.
func (n *Node) Invalidate(ctx context.Context, hash chain.BlockHash) error {
	_, err := n.node.Call(ctx, "invalidateblock", hash.String())
	return err
}

// Reconsider takes an Invalidate back.
func (n *Node) Reconsider(ctx context.Context, hash chain.BlockHash) error {
	_, err := n.node.Call(ctx, "reconsiderblock", hash.String())
	return err
}

// Reorg replaces the topmost blocks by one more empty ones than were taken off. Their transactions fall back into the
// mempool.
func (n *Node) Reorg(ctx context.Context, depth int) error {
	info, err := n.node.Info(ctx)
	if err != nil {
		return err
	}
	first, ok, err := n.node.HashAt(ctx, info.Best.Height-int32(depth)+1) //nolint:gosec // a handful
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("reorg: the chain is not %d deep", depth)
	}
	if err := n.Invalidate(ctx, first); err != nil {
		return err
	}
	for range depth + 1 {
		if _, err := n.MineOnly(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Send puts a raw transaction into the node's mempool.
func (n *Node) Send(ctx context.Context, raw []byte) (chain.TxID, error) {
	return n.node.Broadcast(ctx, raw)
}

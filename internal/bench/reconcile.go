package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"satchel/chain"
	"satchel/regtest"
)

const (
	auditedBlocks = 1_000
	blockOutputs  = 11_000    // as many as a block of mainnet has
	blockPadding  = 1_250_000 // bytes of witness, which fill it up to 1.6 MB
)

// reconcileBlocks measures `satchel reconcile` over a thousand full blocks, beside fetching them over REST, one after the
// other. The blocks have the size and the outputs of mainnet's; their outputs are of OP_RETURN, since coins that nobody
// spends would slow the node down.
func (b *bench) reconcileBlocks(ctx context.Context) error {
	node, err := regtest.Start(ctx, regtest.Config{Dir: b.dir})
	if err != nil {
		return err
	}
	defer node.Stop()
	coins, err := node.FreeCoins(ctx, auditedBlocks, 100_000)
	if err != nil {
		return err
	}
	outputs := make([]regtest.Output, blockOutputs)
	for i := range outputs {
		outputs[i].Script = append([]byte{0x6a, 20, byte(i), byte(i >> 8)}, make([]byte, 18)...)
	}
	padding := [][]byte{bytes.Repeat([]byte{7}, blockPadding)}
	hashes := make([]chain.BlockHash, auditedBlocks)
	for i := range hashes {
		raw, _, err := coins[i].SpendWith(padding, outputs...)
		if err != nil {
			return err
		}
		if hashes[i], err = node.MineRaw(ctx, raw); err != nil {
			return err
		}
	}
	b.say("%d full blocks are there", auditedBlocks)
	d, err := b.newDaemon(ctx, node, "")
	if err != nil {
		return err
	}
	defer d.stop()
	info, err := node.Chain().Info(ctx)
	if err != nil {
		return err
	}
	from := fmt.Sprint(info.Best.Height - auditedBlocks + 1)
	var answer []byte
	took, err := timed(func() error { answer, err = d.run(ctx, "reconcile", "--from", from); return err })
	if err != nil {
		return err
	}
	var doc struct{ From, To int32 }
	if err := json.Unmarshal(answer, &doc); err != nil || doc.To-doc.From+1 < auditedBlocks {
		return errors.Join(fmt.Errorf("it did not read all blocks: %s", answer), err)
	}
	bare, err := fetchAll(hashes, func(h chain.BlockHash) error { return get(node.URL() + "/rest/block/" + h.String() + ".bin") })
	if err != nil {
		return err
	}
	rate := auditedBlocks / (float64(took) / float64(time.Second))
	b.atLeast(figure{Name: "reconcile of 1,000 full blocks", Value: rate, Unit: "blocks/s", Beside: "REST alone, one after the other, /s", Limit: bare}, 0.7)
	return nil
}

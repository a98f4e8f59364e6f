package regtest_test

import (
	"bytes"
	"testing"

	"satchel/chain"
	"satchel/regtest"
)

func TestCoinsAreSpentWithoutAWallet(t *testing.T) {
	ctx := t.Context()
	n := start(t, regtest.Config{})
	coins := must[[]regtest.Coin](t)(n.Coins(ctx, 2_500, 20_000))
	if len(coins) != 2_500 || coins[2_499].Sats != 20_000 {
		t.Fatalf("%d coins", len(coins))
	}
	script := must[[]byte](t)(n.Script(ctx, "bcrt1q6rz28mcfaxtmd6v789l9rrlrusdprr9pz3cppk"))
	var raws [][]byte
	for _, c := range coins[:1_200] {
		raw, _, err := c.Spend(regtest.Output{Script: script, Sats: 19_000})
		if err != nil {
			t.Fatal(err)
		}
		raws = append(raws, raw)
	}
	if err := n.SendAll(ctx, raws); err != nil {
		t.Fatal(err)
	}
	if pool := must[chain.Mempool](t)(n.Chain().Mempool(ctx)); len(pool.IDs) != 1_200 {
		t.Fatalf("%d in the mempool", len(pool.IDs))
	}
	if err := n.SendAll(ctx, [][]byte{raws[0][:20]}); err == nil {
		t.Fatal("half a transaction was taken")
	}
	if _, err := n.Script(ctx, "bc1qnothere"); err == nil {
		t.Fatal("an address of nowhere has a script")
	}
}

func TestFreeCoinsTakeAnyWitness(t *testing.T) {
	ctx := t.Context()
	n := start(t, regtest.Config{})
	coins := must[[]regtest.Coin](t)(n.FreeCoins(ctx, 1, 100_000))
	raw, id, err := coins[0].SpendWith([][]byte{bytes.Repeat([]byte{7}, 3_900_000)}, regtest.Output{Script: []byte{0x51}, Sats: 1_000})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.Send(ctx, raw); err == nil {
		t.Fatal("the mempool took it")
	}
	hash := must[chain.BlockHash](t)(n.MineRaw(ctx, raw))
	block := must[[]byte](t)(n.Call(ctx, "getblock", hash.String(), 1))
	if !bytes.Contains(block, []byte(id.String())) {
		t.Fatalf("the block does not hold %s", id)
	}
}

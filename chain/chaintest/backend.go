package chaintest

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/chaincfg"

	"satchel/chain"
	"satchel/money"
	"satchel/regtest"
)

// Source is what a follower of the chain asks: chain.Node has it, and Fake.
type Source interface {
	Info(ctx context.Context) (chain.Info, error)
	HashAt(ctx context.Context, height int32) (chain.BlockHash, bool, error)
	Header(ctx context.Context, hash chain.BlockHash) (chain.Header, error)
	Steps(ctx context.Context, ours chain.OurChain, limit int) ([]chain.Step, error)
	Mempool(ctx context.Context) (chain.Mempool, error)
	Entry(ctx context.Context, id chain.TxID) (chain.Entry, bool, error)
	Loaded(ctx context.Context) (chain.BlockHash, error)
	Txs(ctx context.Context, ids []chain.TxID) (ours []chain.Tx, left []chain.TxID, err error)
	Spender(ctx context.Context, spent []chain.Outpoint) (chain.TxID, bool, error)
	FeeFloor(ctx context.Context) (money.SatPerVB, error)
}

// Backend is a chain that a test can move.
type Backend interface {
	Source
	Pay(ctx context.Context, script []byte, sats money.Sats) (chain.TxID, error)   // into the mempool
	Mine(ctx context.Context) error                                                // one block with the whole mempool
	MineOnly(ctx context.Context, ids ...chain.TxID) error                         // one block with these only
	MineTo(ctx context.Context, script []byte) error                               // one block whose coinbase pays the script
	Reorg(ctx context.Context, depth int) error                                    // one more empty blocks than are taken off
	Lose(ctx context.Context, depth int) (restore func() error, err error)         // the node lost its topmost blocks
	Replace(ctx context.Context, id chain.TxID, script []byte) (chain.TxID, error) // by one that pays script instead
	Evict(ctx context.Context, id chain.TxID) error
}

// RandomScript makes a P2WPKH script that nobody has the key of.
func RandomScript() []byte {
	script := make([]byte, 22)
	_, _ = rand.Read(script) // never fails
	script[0], script[1] = 0, 20
	return script
}

// Address gives the regtest address of a P2WPKH script.
func Address(script []byte) (string, error) {
	a, err := btcutil.NewAddressWitnessPubKeyHash(script[2:], &chaincfg.RegressionNetParams)
	if err != nil {
		return "", err
	}
	return a.EncodeAddress(), nil
}

// FakeBackend is the Fake as the suite moves it.
func FakeBackend(filter *chain.Filter) Backend {
	f := NewFake(filter, time.Now)
	for range 10 {
		f.Mine()
	}
	return fakeBackend{f}
}

type fakeBackend struct{ *Fake }

func (b fakeBackend) Pay(_ context.Context, script []byte, sats money.Sats) (chain.TxID, error) {
	return b.Fake.Pay(script, sats), nil
}

func (b fakeBackend) Mine(context.Context) error {
	b.Fake.Mine()
	return nil
}

func (b fakeBackend) MineOnly(_ context.Context, ids ...chain.TxID) error {
	b.Fake.MineOnly(ids...)
	return nil
}

func (b fakeBackend) MineTo(_ context.Context, script []byte) error {
	b.Fake.MineTo(script, 50*money.Bitcoin)
	return nil
}

func (b fakeBackend) Reorg(_ context.Context, depth int) error {
	b.Fake.Reorg(depth)
	return nil
}

func (b fakeBackend) Lose(_ context.Context, depth int) (func() error, error) {
	tip := b.Tip()
	b.Rewind(depth)
	return func() error { b.Restore(tip.Hash); return nil }, nil
}

func (b fakeBackend) Replace(_ context.Context, id chain.TxID, script []byte) (chain.TxID, error) {
	return b.Fake.Replace(id, chain.Output{Sats: 1_000, Script: script})
}

func (b fakeBackend) Evict(_ context.Context, id chain.TxID) error {
	b.Fake.Evict(id)
	return nil
}

// RealBackend is a bitcoind of the test's own as the suite moves it.
func RealBackend(t testing.TB, filter *chain.Filter) Backend {
	t.Helper()
	n := Own(t)
	return realBackend{Client(t, n, filter), n}
}

type realBackend struct {
	*chain.Node
	node *regtest.Node
}

func (b realBackend) Pay(ctx context.Context, script []byte, sats money.Sats) (chain.TxID, error) {
	address, err := Address(script)
	if err != nil {
		return chain.TxID{}, err
	}
	return b.node.Pay(ctx, address, int64(sats))
}

func (b realBackend) Mine(ctx context.Context) error {
	_, err := b.node.Mine(ctx, 1, "")
	return err
}

func (b realBackend) MineOnly(ctx context.Context, ids ...chain.TxID) error {
	_, err := b.node.MineOnly(ctx, ids...)
	return err
}

func (b realBackend) MineTo(ctx context.Context, script []byte) error {
	address, err := Address(script)
	if err != nil {
		return err
	}
	_, err = b.node.Mine(ctx, 1, address)
	return err
}

func (b realBackend) Reorg(ctx context.Context, depth int) error { return b.node.Reorg(ctx, depth) }

func (b realBackend) Lose(ctx context.Context, depth int) (func() error, error) {
	info, err := b.Info(ctx)
	if err != nil {
		return nil, err
	}
	first, _, err := b.HashAt(ctx, info.Best.Height-int32(depth)+1)
	if err != nil {
		return nil, err
	}
	return func() error { return b.node.Reconsider(ctx, first) }, b.node.Invalidate(ctx, first)
}

func (b realBackend) Replace(ctx context.Context, id chain.TxID, script []byte) (chain.TxID, error) {
	address, err := Address(script)
	if err != nil {
		return chain.TxID{}, err
	}
	raw, err := b.node.DoubleSpend(ctx, id, address)
	if err != nil {
		return chain.TxID{}, err
	}
	return b.node.Send(ctx, raw)
}

// Evict lets the transaction grow too old: bitcoind looks for such only when another one arrives. The wallet must not
// be there to send it again.
func (b realBackend) Evict(ctx context.Context, id chain.TxID) error {
	entry, ok, err := b.Entry(ctx, id)
	if err != nil || !ok {
		return err
	}
	if err := b.SetMockTime(ctx, entry.Time.Add(15*24*time.Hour)); err != nil {
		return err
	}
	if _, err := b.Pay(ctx, RandomScript(), 10_000); err != nil {
		return err
	}
	if err := b.node.UnloadWallet(ctx); err != nil {
		return err
	}
	return b.SetMockTime(ctx, time.Time{})
}

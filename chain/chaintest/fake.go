package chaintest

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"satchel/chain"
	"satchel/money"
)

// Fake is a node in memory. It mines, reorganises and forgets when it is told to, and answers as chain.Node does and
// hints as chain.Watcher does. It is safe for concurrent use.
type Fake struct {
	filter *chain.Filter
	now    func() time.Time

	mu      sync.Mutex
	blocks  map[chain.BlockHash]*block
	best    []*block // by height, from the genesis block
	pool    map[chain.TxID]*pooled
	order   []chain.TxID // of the mempool, by time of arrival
	made    uint64       // makes ids and hashes differ
	floor   money.SatPerVB
	loading bool
	syncing bool
	fail    func(method string) error
	hints   fakeHints
}

type block struct {
	header chain.Header
	txs    []chain.Tx // with all outputs
}

type pooled struct {
	tx    chain.Tx // with all outputs
	entry chain.Entry
}

// DefaultFeeRate is what transactions of a Fake pay unless Edit says otherwise: ten times the fee floor at the start.
const DefaultFeeRate money.SatPerVB = 10_000

// NewFake makes a chain of a genesis block alone. Times of blocks and mempool entries are now's.
func NewFake(filter *chain.Filter, now func() time.Time) *Fake {
	f := &Fake{
		filter: filter,
		now:    now,
		blocks: map[chain.BlockHash]*block{},
		pool:   map[chain.TxID]*pooled{},
		floor:  DefaultFeeRate / 10,
		hints:  fakeHints{wake: make(chan struct{}, 1), live: true},
	}
	f.extend(nil)
	return f
}

// Mine mines a block with the whole mempool.
func (f *Fake) Mine() chain.Header {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mine(f.coinbase(nil, 0), f.order...)
}

// MineOnly mines a block with these transactions of the mempool; none: an empty one.
func (f *Fake) MineOnly(ids ...chain.TxID) chain.Header {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mine(f.coinbase(nil, 0), ids...)
}

// MineTo mines an empty block whose coinbase pays a script.
func (f *Fake) MineTo(script []byte, sats money.Sats) chain.Header {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mine(f.coinbase(script, sats))
}

// MineTx mines a block with a transaction that the mempool never saw. What it conflicts with leaves the mempool.
func (f *Fake) MineTx(tx chain.Tx) (chain.Header, chain.TxID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	tx = f.complete(tx)
	f.conflicts(tx)
	h := f.extend([]chain.Tx{f.coinbase(nil, 0), tx})
	f.hints.block()
	return h, tx.ID
}

// mine builds a block of the mempool's transactions, in their order there.
func (f *Fake) mine(coinbase chain.Tx, ids ...chain.TxID) chain.Header {
	txs := []chain.Tx{coinbase}
	for _, id := range slices.Clone(f.order) {
		if slices.Contains(ids, id) {
			txs = append(txs, f.pool[id].tx)
			f.drop(id)
		}
	}
	h := f.extend(txs)
	f.hints.block()
	return h
}

// extend puts a block on the best chain.
func (f *Fake) extend(txs []chain.Tx) chain.Header {
	h := chain.Header{Hash: chain.BlockHash(f.unique("block")), Height: int32(len(f.best)), Time: f.now().Truncate(time.Second).UTC()}
	if len(f.best) > 0 {
		h.Prev = f.best[len(f.best)-1].header.Hash
	}
	binary.BigEndian.PutUint64(h.Work[24:], 2*uint64(len(f.best)+1)) // as on regtest: two per block
	b := &block{h, txs}
	f.blocks[h.Hash] = b
	f.best = append(f.best, b)
	return h
}

// Reorg replaces the topmost blocks by one more empty ones than were taken off. Their transactions fall back into the
// mempool, with the time of the fall, as bitcoind has it.
func (f *Fake) Reorg(depth int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rewind(depth)
	for range depth + 1 {
		f.extend([]chain.Tx{f.coinbase(nil, 0)})
	}
	f.hints.block()
}

// Rewind takes the topmost blocks off, as a node that lost data: Restore puts them back, unless others were mined.
func (f *Fake) Rewind(depth int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rewind(depth)
	f.hints.block()
}

func (f *Fake) rewind(depth int) {
	cut := f.best[len(f.best)-depth:]
	f.best = f.best[:len(f.best)-depth]
	for _, b := range cut {
		for _, tx := range b.txs {
			if !tx.Coinbase && !f.spent(tx) {
				f.accept(tx)
			}
		}
	}
}

// Restore makes a block the best one again, with all that it stands on.
func (f *Fake) Restore(hash chain.BlockHash) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var branch []*block
	for at := f.blocks[hash]; at != nil; at = f.blocks[at.header.Prev] {
		branch = append(branch, at)
	}
	slices.Reverse(branch)
	f.best = branch
	for _, b := range branch {
		for _, tx := range b.txs {
			f.drop(tx.ID)
			f.conflicts(tx)
		}
	}
	f.hints.block()
}

// Pay puts a transaction with one fresh input into the mempool that pays a script.
func (f *Fake) Pay(script []byte, sats money.Sats) chain.TxID {
	return f.AddMempool(chain.Tx{Outputs: []chain.Output{{Sats: sats, Script: script}}})
}

// AddMempool puts a transaction into the mempool. Where it names no id or no inputs, it gets fresh ones; outputs are
// numbered in order. Whatever spends the same inputs is replaced by it.
func (f *Fake) AddMempool(tx chain.Tx) chain.TxID {
	f.mu.Lock()
	defer f.mu.Unlock()
	tx = f.complete(tx)
	f.conflicts(tx)
	f.accept(tx)
	return tx.ID
}

// Replace replaces a transaction of the mempool by one that spends the same inputs and has other outputs.
func (f *Fake) Replace(id chain.TxID, outputs ...chain.Output) (chain.TxID, error) {
	f.mu.Lock()
	p := f.pool[id]
	f.mu.Unlock()
	if p == nil {
		return chain.TxID{}, fmt.Errorf("replace: %v is not in the mempool", id)
	}
	return f.AddMempool(chain.Tx{Inputs: slices.Clone(p.tx.Inputs), Outputs: outputs}), nil
}

// Evict throws transactions and what descends from them out of the mempool, as when it is full.
func (f *Fake) Evict(ids ...chain.TxID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, id := range ids {
		f.remove(id)
	}
}

// Edit changes what the mempool says of a transaction: its time, fee rate, or whether a peer asked for it.
func (f *Fake) Edit(id chain.TxID, change func(*chain.Entry)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p := f.pool[id]; p != nil {
		change(&p.entry)
	}
}

// Tx gives a transaction's inputs and all its outputs, from the mempool or the best chain.
func (f *Fake) Tx(id chain.TxID) (chain.Tx, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p := f.pool[id]; p != nil {
		return p.tx, true
	}
	for _, b := range f.best {
		for _, tx := range b.txs {
			if tx.ID == id {
				return tx, true
			}
		}
	}
	return chain.Tx{}, false
}

// Block gives the transactions of a block, with all their outputs, whether it is on the best chain or not.
func (f *Fake) Block(hash chain.BlockHash) []chain.Tx {
	f.mu.Lock()
	defer f.mu.Unlock()
	b := f.blocks[hash]
	if b == nil {
		return nil
	}
	return slices.Clone(b.txs)
}

// Pool gives the transactions of the mempool, with all their outputs, by time of arrival.
func (f *Fake) Pool() []chain.Tx {
	f.mu.Lock()
	defer f.mu.Unlock()
	txs := make([]chain.Tx, len(f.order))
	for i, id := range f.order {
		txs[i] = f.pool[id].tx
	}
	return txs
}

// All gives every transaction of the best chain and of the mempool: what a tracker must have credited in the end.
func (f *Fake) All() []chain.Tx {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []chain.Tx
	for _, b := range f.best {
		all = append(all, b.txs...)
	}
	for _, id := range f.order {
		all = append(all, f.pool[id].tx)
	}
	return all
}

// SetFeeFloor sets what FeeFloor answers.
func (f *Fake) SetFeeFloor(floor money.SatPerVB) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.floor = floor
}

// SetLoading makes the mempool one that still loads.
func (f *Fake) SetLoading(loading bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.loading = loading
}

// SetSyncing makes the node one in its initial block download.
func (f *Fake) SetSyncing(syncing bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.syncing = syncing
}

// Fail asks fail before each call, by its name ("Info", "Steps"…); an error is the call's answer. Nil: no failures.
func (f *Fake) Fail(fail func(method string) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail = fail
}

func (f *Fake) unique(kind string) [32]byte {
	f.made++
	return sha256.Sum256(fmt.Appendf(nil, "%s %d", kind, f.made))
}

func (f *Fake) coinbase(script []byte, sats money.Sats) chain.Tx {
	return chain.Tx{ID: chain.TxID(f.unique("coinbase")), Coinbase: true, Outputs: []chain.Output{{Sats: sats, Script: script}}}
}

// complete gives a transaction what it lacks.
func (f *Fake) complete(tx chain.Tx) chain.Tx {
	if tx.ID == (chain.TxID{}) {
		tx.ID = chain.TxID(f.unique("tx"))
	}
	if len(tx.Inputs) == 0 {
		tx.Inputs = []chain.Outpoint{{TxID: chain.TxID(f.unique("coin"))}}
	}
	tx.Outputs = slices.Clone(tx.Outputs)
	for i := range tx.Outputs {
		tx.Outputs[i].Vout = uint32(i)
	}
	return tx
}

// accept puts a transaction into the mempool and says so.
func (f *Fake) accept(tx chain.Tx) {
	f.pool[tx.ID] = &pooled{tx: tx, entry: chain.Entry{Time: f.now().Truncate(time.Second).UTC(), FeeRate: DefaultFeeRate}}
	f.order = append(f.order, tx.ID)
	if ours, ok := f.concerns(tx); ok {
		f.hints.tx(ours)
	}
}

// conflicts removes what spends the same inputs as tx.
func (f *Fake) conflicts(tx chain.Tx) {
	for _, id := range slices.Clone(f.order) {
		p := f.pool[id]
		if p != nil && id != tx.ID && slices.ContainsFunc(p.tx.Inputs, func(in chain.Outpoint) bool { return slices.Contains(tx.Inputs, in) }) {
			f.remove(id)
		}
	}
}

// spent tells whether the best chain spends one of tx's inputs.
func (f *Fake) spent(tx chain.Tx) bool {
	for _, b := range f.best {
		for _, other := range b.txs {
			if slices.ContainsFunc(other.Inputs, func(in chain.Outpoint) bool { return slices.Contains(tx.Inputs, in) }) {
				return true
			}
		}
	}
	return false
}

// remove takes a transaction and its descendants out of the mempool and says so.
func (f *Fake) remove(id chain.TxID) {
	if f.pool[id] == nil {
		return
	}
	f.drop(id)
	f.hints.removed(id)
	for _, child := range slices.Collect(maps.Keys(f.pool)) {
		p := f.pool[child]
		if p != nil && slices.ContainsFunc(p.tx.Inputs, func(in chain.Outpoint) bool { return in.TxID == id }) {
			f.remove(child)
		}
	}
}

func (f *Fake) drop(id chain.TxID) {
	delete(f.pool, id)
	f.order = slices.DeleteFunc(f.order, func(o chain.TxID) bool { return o == id })
}

// concerns does what the node's filter does: the watched outputs only, and whether anything is of interest at all.
func (f *Fake) concerns(tx chain.Tx) (chain.Tx, bool) {
	out := chain.Tx{ID: tx.ID, Coinbase: tx.Coinbase, Inputs: slices.Clone(tx.Inputs)}
	for _, o := range tx.Outputs {
		if f.filter.Scripts != nil && f.filter.Scripts.Has(o.Script) {
			out.Outputs = append(out.Outputs, o)
		}
	}
	spends := f.filter.Spends != nil && slices.ContainsFunc(tx.Inputs, f.filter.Spends.Has)
	return out, spends || len(out.Outputs) > 0
}

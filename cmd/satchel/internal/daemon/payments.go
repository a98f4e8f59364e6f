package daemon

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"satchel/chain"
	"satchel/fault"
	"satchel/money"
	"satchel/paypro"
)

// payments asks the node about transactions that wallets hand in, and hands them on (api.PayPro).
type payments struct {
	node     paymentNode
	announce func(raw []byte) error // makes the tracker look at once
	now      func() time.Time
	log      *slog.Logger
	told     paypro.Fees

	mu    sync.Mutex
	rate  money.SatPerVB // the latest that the node said
	asked time.Time      // when it was asked
}

// paymentNode is what payments needs of a node. None of it goes through a pool that repeats calls.
type paymentNode interface {
	FeeFloor(ctx context.Context) (money.SatPerVB, error)
	Unspent(ctx context.Context, outputs []chain.Outpoint, mempool bool) ([]chain.Unspent, error)
	Spender(ctx context.Context, spent []chain.Outpoint) (chain.TxID, bool, error)
	Accepts(ctx context.Context, raw []byte) (reason string, ok bool, err error)
	Broadcast(ctx context.Context, raw []byte) (chain.TxID, error)
}

// ratesEvery is how often the node is asked for a fee rate, ratesPatience how long everybody waits for its answer, and
// leastRate what is said until there is one: the least that nodes relay by default.
const (
	ratesEvery                   = 10 * time.Second
	ratesPatience                = 2 * time.Second
	leastRate     money.SatPerVB = 1000
)

// FeeRate implements api's payments. A node that is away does not keep an invoice from being shown.
func (p *payments) FeeRate(ctx context.Context) money.SatPerVB {
	rate := p.present(ctx)
	p.told.Told(rate, p.now())
	return rate
}

func (p *payments) present(ctx context.Context) money.SatPerVB {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if age := now.Sub(p.asked); p.rate > 0 && age >= 0 && age < ratesEvery {
		return p.rate
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), ratesPatience) // the answer is for all, also where this caller leaves
	defer cancel()
	rate, err := p.node.FeeFloor(ctx)
	p.asked = now
	switch {
	case err != nil:
		p.log.WarnContext(ctx, "the node gives no fee rate for the payment protocols", "err", err)
	case rate > 0:
		p.rate = rate
	}
	if p.rate == 0 {
		p.rate = leastRate
	}
	return p.rate
}

// nodeAway is what a wallet learns when the node does not answer.
func nodeAway(err error) error {
	return fault.New(fault.Unavailable, "The bitcoin node is not available. Try again shortly").Because(err)
}

// Verify implements api's payments.
func (p *payments) Verify(ctx context.Context, tx paypro.Tx, vsize int64) error {
	if err := p.coins(ctx, tx, vsize); err != nil {
		return err
	}
	by, spent, err := p.node.Spender(ctx, outpoints(tx))
	if err != nil {
		return nodeAway(err)
	}
	if spent && by != chain.TxID(tx.ID) {
		return paypro.ErrNoInput().Because(errors.New("spent by " + by.String()))
	}
	return nil
}

// coins judges what a transaction spends: it is there, and in a block, and leaves enough for the fee.
func (p *payments) coins(ctx context.Context, tx paypro.Tx, vsize int64) error {
	inputs := outpoints(tx)
	list, err := p.node.Unspent(ctx, inputs, false)
	if err != nil {
		return nodeAway(err)
	}
	var sum money.Sats
	var odd []chain.Outpoint
	young := false
	for i, u := range list {
		if sum += u.Sats; !u.Found {
			odd = append(odd, inputs[i])
		} else if !u.Spendable() {
			young = true
		}
	}
	switch {
	case len(odd) > 0:
		return p.missing(ctx, odd)
	case young:
		return paypro.ErrUnconfirmed()
	}
	return paypro.CheckFee(sum-tx.Out(), vsize, p.told.Threshold(p.present(ctx), p.now()))
}

// missing tells coins that are in no block yet from those that are nowhere.
func (p *payments) missing(ctx context.Context, inputs []chain.Outpoint) error {
	list, err := p.node.Unspent(ctx, inputs, true)
	if err != nil {
		return nodeAway(err)
	}
	for _, u := range list {
		if !u.Found {
			return paypro.ErrNoInput()
		}
	}
	return paypro.ErrUnconfirmed()
}

func outpoints(tx paypro.Tx) []chain.Outpoint {
	list := make([]chain.Outpoint, len(tx.Inputs))
	for i, in := range tx.Inputs {
		list[i] = chain.Outpoint{TxID: chain.TxID(in.TxID), Vout: in.Vout}
	}
	return list
}

// Pay implements api's payments. What the mempool would not take is not sent, and before that comes what wallets can be
// told a reason for.
func (p *payments) Pay(ctx context.Context, tx paypro.Tx) error {
	reason, ok, err := p.node.Accepts(ctx, tx.Raw)
	switch {
	case err != nil:
		return nodeAway(err)
	case !ok && has(reason):
		p.count(ctx, tx)
		return nil
	}
	if err := p.coins(ctx, tx, tx.VSize()); err != nil {
		return err
	}
	if !ok {
		return paypro.ErrBroadcast().Because(errors.New(reason))
	}
	if _, err := p.node.Broadcast(ctx, tx.Raw); err != nil && !nodeSays(err, codeInUTXOSet) {
		// Whether it went out is not known where the node did not answer. It is counted if it did, and may be sent again.
		return paypro.ErrBroadcast().Because(err)
	}
	p.count(ctx, tx)
	return nil
}

// Has implements api's payments.
func (p *payments) Has(ctx context.Context, tx paypro.Tx) (bool, error) {
	reason, ok, err := p.node.Accepts(ctx, tx.Raw)
	if err != nil {
		return false, nodeAway(err)
	}
	return !ok && has(reason), nil
}

// codeInUTXOSet is what sendrawtransaction says when a block has the transaction.
const codeInUTXOSet = -27

// has tells the node's words for a transaction that it has already (bitcoin's src/validation.cpp).
func has(reason string) bool {
	switch reason {
	case "txn-already-in-mempool", "txn-same-nonwitness-data-in-mempool", "txn-already-known":
		return true
	}
	return false
}

// count makes the tracker look at the payment now, and not when the node tells of it.
func (p *payments) count(ctx context.Context, tx paypro.Tx) {
	if err := p.announce(tx.Raw); err != nil {
		p.log.WarnContext(ctx, "a payment that the node took is not understood here", "txid", chain.TxID(tx.ID).String(), "err", err)
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"satchel/chain"
	"satchel/fault"
	"satchel/invoice"
	"satchel/merchant"
	"satchel/wallet"
)

// deriver gives addresses to new invoices. Those of a key that only the node can derive are asked from it ahead of time
// and kept in the store, which serves them from there.
type deriver struct{ key *wallet.WatchKey }

// Key names the watch key.
func (d deriver) Key() string { return d.key.Fingerprint() }

// Address derives. It does no I/O: it is called inside a transaction.
func (d deriver) Address(index uint32) (invoice.Address, error) {
	if d.key.NeedsNode() {
		return invoice.Address{}, fault.New(fault.Unavailable, "No address is ready: the node must derive more of them.").After(time.Second)
	}
	a, err := d.key.Derive(index)
	if errors.Is(err, wallet.ErrSkip) {
		return invoice.Address{}, invoice.ErrSkip
	}
	return d.given(a), err
}

// given is a derived address as an invoice has it.
func (d deriver) given(a wallet.Address) invoice.Address {
	return invoice.Address{Text: a.Text, Script: a.Script, Key: d.Key(), Index: a.Index}
}

// derivers are the watch keys of all merchants, each merchant's own.
type derivers struct {
	mu sync.RWMutex
	of map[merchant.ID]deriver
}

func newDerivers() *derivers { return &derivers{of: map[merchant.ID]deriver{}} }

// load takes the first merchant's watch key from the configuration, and the others' from their records.
func (d *derivers) load(set settings, merchants []merchant.Merchant) (first merchant.ID, err error) {
	if len(merchants) == 0 {
		return "", errors.New("the database has no merchant; it was not made by `satchel init`")
	}
	d.put(merchants[0].ID, set.key)
	for _, m := range merchants[1:] {
		key, err := wallet.ParseKey(m.Watch.Key.Reveal(), set.network, wallet.AddressType(m.Watch.Type))
		if err != nil {
			return "", fmt.Errorf("the key of merchant %s: %w", m.ID, err)
		}
		if key.Fingerprint() != m.Watch.Fingerprint {
			return "", fmt.Errorf("the key of merchant %s is another one than it was when it was added", m.ID)
		}
		d.put(m.ID, key)
	}
	return merchants[0].ID, nil
}

// For finds a merchant's.
func (d *derivers) For(m merchant.ID) (invoice.Deriver, bool) {
	one, ok := d.get(m)
	return one, ok
}

func (d *derivers) get(m merchant.ID) (deriver, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	one, ok := d.of[m]
	return one, ok
}

func (d *derivers) put(m merchant.ID, key *wallet.WatchKey) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.of[m] = deriver{key}
}

// all gives every merchant's.
func (d *derivers) all() map[merchant.ID]deriver {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return maps.Clone(d.of)
}

// watchKey finds a key by its fingerprint; nil where no merchant has it any more.
func (d *derivers) watchKey(fingerprint string) *wallet.WatchKey {
	for _, one := range d.all() {
		if one.Key() == fingerprint {
			return one.key
		}
	}
	return nil
}

// lookahead keeps derived addresses that no invoice has yet.
type lookahead interface {
	Lookahead(ctx context.Context, key string) (next, have uint32, err error)
	PutLookahead(ctx context.Context, key string, list []invoice.Address) error
}

// lookAhead keeps enough derived addresses of every key in the store, ahead of need.
func (d *derivers) lookAhead(ctx context.Context, store lookahead, node wallet.NodeDeriver, log *slog.Logger) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		for m, one := range d.all() {
			if err := one.fill(ctx, store, node); err != nil && ctx.Err() == nil {
				log.Warn("addresses cannot be derived ahead", "merchant", string(m), "err", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (d deriver) fill(ctx context.Context, store lookahead, node wallet.NodeDeriver) error {
	if !d.key.NeedsNode() {
		return nil
	}
	next, have, err := store.Lookahead(ctx, d.Key())
	if err != nil {
		return err
	}
	from, to, need := d.key.Lookahead(next, have, lookAheadBy)
	if !need {
		return nil
	}
	derived, err := node.DeriveScripts(ctx, d.key.Descriptor(), from, to)
	if err != nil {
		return err
	}
	list := make([]invoice.Address, 0, len(derived))
	for _, a := range derived {
		list = append(list, d.given(a))
	}
	return store.PutLookahead(ctx, d.Key(), list)
}

// lookAheadBy is how many addresses that only the node derives wait for invoices.
const lookAheadBy = 1000

// nodeDeriver lets the wallet ask the node. The node's range includes its end, the wallet's does not.
type nodeDeriver struct{ node *chain.Node }

// DeriveScripts gives the addresses of the indexes from (included) to (excluded).
func (n nodeDeriver) DeriveScripts(ctx context.Context, descriptor string, from, to uint32) ([]wallet.Address, error) {
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

// derivedAtOnce bounds one question to the node.
const derivedAtOnce = 1000

// span is a part of a key's addresses: the indexes from (included) to (excluded).
type span struct{ from, to uint32 }

// derive gives a part of a key's addresses, derived here where we can and else by the node.
func derive(ctx context.Context, key *wallet.WatchKey, node wallet.NodeDeriver, s span) ([]wallet.Address, error) {
	if key.NeedsNode() {
		return node.DeriveScripts(ctx, key.Descriptor(), s.from, s.to)
	}
	list := make([]wallet.Address, 0, s.to-s.from)
	for index := s.from; index < s.to; index++ {
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

// compared is how many addresses of a key are compared with the node's and with those of the other keys.
const compared = 3

// agree compares every key's first addresses with the node's, and with those of the others: two texts may stand for
// one wallet, and its addresses must not serve two merchants.
func (d *derivers) agree(ctx context.Context, node wallet.NodeDeriver) error {
	owners := map[string]merchant.ID{}
	for m, one := range d.all() {
		if err := wallet.Compare(ctx, one.key, node, compared); err != nil {
			return fmt.Errorf("the key of merchant %s: %w", m, err)
		}
		list, err := addressesFrom(ctx, one.key, node, 0)
		if err != nil {
			return err
		}
		for _, a := range list {
			if other, ok := owners[a.Text]; ok {
				return fmt.Errorf("%w: it would be paid to merchants %s and %s; one wallet serves one merchant", errShared, m, other)
			}
			owners[a.Text] = m
		}
	}
	return nil
}

// errShared is an address that two merchants' keys lead to.
var errShared = errors.New("two merchants have one address")

// addressesFrom gives the first addresses from an index on, derived here where we can.
func addressesFrom(ctx context.Context, key *wallet.WatchKey, node wallet.NodeDeriver, start uint32) ([]wallet.Address, error) {
	if key.NeedsNode() {
		list, err := node.DeriveScripts(ctx, key.Descriptor(), start, start+compared)
		if err != nil {
			return nil, fmt.Errorf("only the node can derive this descriptor's addresses, and it did not: %w", err)
		}
		return list, nil
	}
	var list []wallet.Address
	for i := start; len(list) < compared; i++ {
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

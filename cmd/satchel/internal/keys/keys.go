// Package keys holds the watch keys of all merchants: it gives their addresses to new invoices, derives them ahead of need where only
// the node can, and compares them with the node's and with each other before money depends on them.
package keys

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"satchel/cmd/satchel/internal/config"
	"satchel/fault"
	"satchel/invoice"
	"satchel/merchant"
	"satchel/wallet"
)

// Deriver gives addresses to new invoices. Those of a key that only the node can derive are asked from it ahead of time
// and kept in the store, which serves them from there.
type Deriver struct{ Watch *wallet.WatchKey }

// Of derives from one watch key.
func Of(key *wallet.WatchKey) Deriver { return Deriver{key} }

// Key names the watch key.
func (d Deriver) Key() string { return d.Watch.Fingerprint() }

// Address derives. It does no I/O: it is called inside a transaction.
func (d Deriver) Address(index uint32) (invoice.Address, error) {
	if d.Watch.NeedsNode() {
		return invoice.Address{}, fault.New(fault.Unavailable, "No address is ready: the node must derive more of them.").After(time.Second)
	}
	a, err := d.Watch.Derive(index)
	if errors.Is(err, wallet.ErrSkip) {
		return invoice.Address{}, invoice.ErrSkip
	}
	return d.Given(a), err
}

// Given is a derived address as an invoice has it.
func (d Deriver) Given(a wallet.Address) invoice.Address {
	return invoice.Address{Text: a.Text, Script: a.Script, Key: d.Key(), Index: a.Index}
}

// Derivers are the watch keys of all merchants, each merchant's own.
type Derivers struct {
	mu sync.RWMutex
	of map[merchant.ID]Deriver
}

// New holds no key yet.
func New() *Derivers { return &Derivers{of: map[merchant.ID]Deriver{}} }

// Load takes the first merchant's watch key from the configuration, and the others' from their records.
func (d *Derivers) Load(set config.Settings, merchants []merchant.Merchant) (first merchant.ID, err error) {
	if len(merchants) == 0 {
		return "", errors.New("the database has no merchant; it was not made by `satchel init`")
	}
	d.Put(merchants[0].ID, set.Key)
	for _, m := range merchants[1:] {
		key, err := wallet.ParseKey(m.Watch.Key.Reveal(), set.Network, wallet.AddressType(m.Watch.Type))
		if err != nil {
			return "", fmt.Errorf("the key of merchant %s: %w", m.ID, err)
		}
		if key.Fingerprint() != m.Watch.Fingerprint {
			return "", fmt.Errorf("the key of merchant %s is another one than it was when it was added", m.ID)
		}
		d.Put(m.ID, key)
	}
	return merchants[0].ID, nil
}

// For finds a merchant's.
func (d *Derivers) For(m merchant.ID) (invoice.Deriver, bool) {
	one, ok := d.Get(m)
	return one, ok
}

// Get finds a merchant's, as it is.
func (d *Derivers) Get(m merchant.ID) (Deriver, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	one, ok := d.of[m]
	return one, ok
}

// Put gives a merchant a key.
func (d *Derivers) Put(m merchant.ID, key *wallet.WatchKey) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.of[m] = Deriver{key}
}

// All gives every merchant's.
func (d *Derivers) All() map[merchant.ID]Deriver {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return maps.Clone(d.of)
}

// WatchKey finds a key by its fingerprint; nil where no merchant has it any more.
func (d *Derivers) WatchKey(fingerprint string) *wallet.WatchKey {
	for _, one := range d.All() {
		if one.Key() == fingerprint {
			return one.Watch
		}
	}
	return nil
}

// Lookahead keeps derived addresses that no invoice has yet.
type Lookahead interface {
	Lookahead(ctx context.Context, key string) (next, have uint32, err error)
	PutLookahead(ctx context.Context, key string, list []invoice.Address) error
}

// LookAhead keeps enough derived addresses of every key in the store, ahead of need.
func (d *Derivers) LookAhead(ctx context.Context, store Lookahead, node wallet.NodeDeriver, log *slog.Logger) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		for m, one := range d.All() {
			if err := one.Fill(ctx, store, node); err != nil && ctx.Err() == nil {
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

// Fill keeps enough derived addresses of one key in the store; nothing to do where we derive ourselves.
func (d Deriver) Fill(ctx context.Context, store Lookahead, node wallet.NodeDeriver) error {
	if !d.Watch.NeedsNode() {
		return nil
	}
	next, have, err := store.Lookahead(ctx, d.Key())
	if err != nil {
		return err
	}
	from, to, need := d.Watch.Lookahead(next, have, lookAheadBy)
	if !need {
		return nil
	}
	derived, err := node.DeriveScripts(ctx, d.Watch.Descriptor(), from, to)
	if err != nil {
		return err
	}
	list := make([]invoice.Address, 0, len(derived))
	for _, a := range derived {
		list = append(list, d.Given(a))
	}
	return store.PutLookahead(ctx, d.Key(), list)
}

// lookAheadBy is how many addresses that only the node derives wait for invoices.
const lookAheadBy = 1000

// Compared is how many addresses of a key are compared with the node's and with those of the other keys.
const Compared = 3

// Agree compares every key's first addresses with the node's, and with those of the others: two texts may stand for
// one wallet, and its addresses must not serve two merchants.
func (d *Derivers) Agree(ctx context.Context, node wallet.NodeDeriver) error {
	owners := map[string]merchant.ID{}
	for m, one := range d.All() {
		if err := wallet.Compare(ctx, one.Watch, node, Compared); err != nil {
			return fmt.Errorf("the key of merchant %s: %w", m, err)
		}
		list, err := AddressesFrom(ctx, one.Watch, node, 0)
		if err != nil {
			return err
		}
		for _, a := range list {
			if other, ok := owners[a.Text]; ok {
				return fmt.Errorf("%w: it would be paid to merchants %s and %s; one wallet serves one merchant", ErrShared, m, other)
			}
			owners[a.Text] = m
		}
	}
	return nil
}

// ErrShared is an address that two merchants' keys lead to.
var ErrShared = errors.New("two merchants have one address")

// Beyond is how far above the issued addresses of a key is looked: as far as a restored database skips ahead.
const Beyond = 1000

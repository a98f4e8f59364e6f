package storetest

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"testing"

	"satchel/invoice"
	"satchel/merchant"
	"satchel/money"
	"satchel/tracker"
)

// Derivers gives each of the two merchants an own Deriver.
type Derivers struct{}

// For finds a merchant's.
func (Derivers) For(m merchant.ID) (invoice.Deriver, bool) {
	switch m {
	case Shop:
		return Deriver{}, true
	case Other:
		return OtherDeriver{}, true
	}
	return nil, false
}

// OtherDeriver is the other merchant's: its addresses are none of Deriver's.
type OtherDeriver struct{}

// Key names it.
func (OtherDeriver) Key() string { return "other-key" }

// Address makes a P2WPKH script of the index.
func (OtherDeriver) Address(index uint32) (invoice.Address, error) {
	sum := sha256.Sum256(binary.BigEndian.AppendUint32([]byte("other"), index))
	return invoice.Address{Text: fmt.Sprintf("other-%d", index), Script: append([]byte{0, 20}, sum[:20]...), Key: "other-key", Index: index}, nil
}

// ownKeys: the merchants' addresses come from their own keys, each with its own counter; who has none gets none.
func ownKeys(t *testing.T, k *kit) {
	seen := map[string]bool{}
	for i := range 3 {
		for m, key := range map[merchant.ID]string{Shop: Deriver{}.Key(), Other: OtherDeriver{}.Key()} {
			inv, err := k.create(invoice.Creation{Merchant: m})
			k.must(err)
			if inv.Address.Key != key || inv.Address.Index != uint32(i) || inv.Ref.Merchant != m || inv.Ref.Seq != uint64(i+1) || seen[inv.Address.Text] {
				t.Errorf("invoice %d of %s is at %+v", i, m, inv.Address)
			}
			seen[inv.Address.Text] = true
			k.must(k.s.UpdateChain(k.ctx, func(tx tracker.Tx) error {
				if ref, ok := tx.Owner(inv.Address.Script); !ok || ref != inv.Ref {
					t.Errorf("%s belongs to %+v, %v", inv.Address.Text, ref, ok)
				}
				return nil
			}))
		}
	}
	stats, err := k.s.Stats(k.ctx)
	k.must(err)
	for _, s := range stats.Keys {
		if s.Next != 3 || s.Merchant != map[string]merchant.ID{Deriver{}.Key(): Shop, OtherDeriver{}.Key(): Other}[s.Key] {
			t.Errorf("key %+v", s)
		}
	}
	if len(stats.Keys) != 2 {
		t.Errorf("%d keys", len(stats.Keys))
	}
}

// exposure: what is at risk without a block is one sum over all merchants, until blocks come.
func exposure(t *testing.T, k *kit) {
	sum := func() (s money.Sats) {
		t.Helper()
		k.must(k.s.ViewChain(k.ctx, func(tx tracker.Reader) (err error) {
			s, err = tx.Exposure()
			return err
		}))
		return s
	}
	for n, m := range []merchant.ID{Shop, Other} {
		id := k.id()
		inv, err := k.s.Create(k.ctx, invoice.Creation{Merchant: m}, func(slot invoice.Slot) (invoice.Invoice, []invoice.Event, error) {
			inv, events, err := build(id, slot)
			inv.Terms.Speed, inv.Terms.ZeroConf = merchant.High, merchant.Limited
			return inv, events, err
		})
		k.must(err)
		k.pay(inv, n+1, 1_000_000, invoice.Place{Where: invoice.InMempool})
		k.must(k.step(inv.Ref, func(b *invoice.Book) { b.Judge(invoice.Verdict{Yes: true, Final: true, At: Noon()}) }))
		if got := sum(); got != money.Sats(n+1)*1_000_000 {
			t.Fatalf("%d invoices without a block expose %d sat", n+1, got)
		}
	}
}

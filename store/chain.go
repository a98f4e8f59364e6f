package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"satchel/chain"
	"satchel/invoice"
	"satchel/tracker"
)

// UpdateChain runs fn within one commit, which other writers may share. It may run again.
func (db *DB) UpdateChain(ctx context.Context, fn func(tx tracker.Tx) error) error {
	return db.follow(ctx, func(t *txn) error { return fn(chainTx{t}) })
}

// ViewChain runs fn on a consistent view.
func (db *DB) ViewChain(ctx context.Context, fn func(tx tracker.Reader) error) error {
	return db.view(ctx, func(t *txn) error { return fn(chainTx{t}) })
}

// chainTx is the chain's side of a transaction. Where a method cannot return an error, the transaction keeps it and
// fails in the end, so that a damaged value never looks like a missing one.
type chainTx struct{ t *txn }

var _ tracker.Tx = chainTx{}

// Tip is our best block; the zero header before the first one.
func (c chainTx) Tip() chain.Header { return c.t.tip() }

// HeaderAt is the header we stored at a height.
func (c chainTx) HeaderAt(height int32) (chain.Header, bool) {
	h, ok, err := c.t.headerAt(height)
	if err != nil {
		c.t.fail(err)
	}
	return h, ok
}

// Owner finds whose script it is.
func (c chainTx) Owner(script []byte) (invoice.Ref, bool) {
	if len(script) == 0 {
		return invoice.Ref{}, false
	}
	payload, ok, err := c.t.get(bScripts, script)
	if err != nil {
		c.t.fail(err)
	}
	if !ok {
		return invoice.Ref{}, false
	}
	of, err := c.t.domainRef(parseRef(payload))
	if err != nil {
		c.t.fail(err)
	}
	return of, err == nil
}

// Adopt makes an invoice for an address that a restore skipped; false where the script is none such.
func (c chainTx) Adopt(script []byte, now time.Time) (invoice.Ref, bool, error) {
	rec, key, ok, err := c.t.skipped(script)
	if err != nil || !ok {
		return invoice.Ref{}, false, err
	}
	m, err := c.t.shop(key.No)
	if err != nil {
		return invoice.Ref{}, false, err
	}
	last, err := c.t.lastNumber(bInvoices, key32(nil, key.No))
	if err != nil {
		return invoice.Ref{}, false, err
	}
	at := ref{no: key.No, seq: last + 1}
	slot := invoice.Slot{Ref: invoice.Ref{Merchant: m.ID, Seq: at.seq}, Address: invoice.Address(rec), Tip: c.t.tip().Height}
	inv, events := invoice.Lost(slot, m.Settings, invoice.ID(c.t.db.cfg.NewID()), now)
	if err := errors.Join(c.t.remove(bSkipped, bytes.Clone(script)), c.t.tally(bSkipped, -1)); err != nil {
		return invoice.Ref{}, false, err
	}
	_, err = c.t.writeInvoice(at, inv, facts{}, events)
	return inv.Ref, err == nil, err
}

// Invoice reads one by its place.
func (c chainTx) Invoice(r invoice.Ref) (invoice.Invoice, error) {
	at, err := c.t.place(r)
	if err != nil {
		return invoice.Invoice{}, err
	}
	return c.t.invoice(at, r.Merchant)
}

// Receipt reads one by its outpoint.
func (c chainTx) Receipt(o invoice.Outpoint) (invoice.Receipt, bool, error) {
	r, ok, err := c.t.receipt(o)
	return r, ok, err
}

// Receipts reads all of an invoice, in order of first sight.
func (c chainTx) Receipts(r invoice.Ref) ([]invoice.Receipt, error) {
	at, err := c.t.place(r)
	if err != nil {
		return nil, err
	}
	return c.t.receipts(at, r.Merchant, 0)
}

// ReceiptsOf lists the receipts of a transaction, by output.
func (c chainTx) ReceiptsOf(id invoice.TxID) ([]invoice.Receipt, error) { return c.t.receiptsOf(id) }

func (t *txn) receiptsOf(id invoice.TxID) (list []invoice.Receipt, err error) {
	err = t.scan(bOutpoints, id[:], nil, func(key, payload []byte) (bool, error) {
		r, err := t.receiptAt(parsePlace(payload, parseOutpoint(key)))
		list = append(list, r)
		return true, err
	})
	return list, err
}

// ReceiptsIn lists the receipts that a block holds.
func (c chainTx) ReceiptsIn(block [32]byte) ([]invoice.Receipt, error) {
	return c.t.listed(bInBlock, block[:])
}

// Pending lists the receipts that are in no block and not gone.
func (c chainTx) Pending() ([]invoice.Receipt, error) { return c.t.listed(bPending, nil) }

// listed reads the receipts whose outpoints end the keys under a prefix.
func (t *txn) listed(b bucket, prefix []byte) (list []invoice.Receipt, err error) {
	err = t.scan(b, prefix, nil, func(key, _ []byte) (bool, error) {
		out := key[len(key)-outpointLen:]
		r, ok, err := t.receipt(parseOutpoint(out))
		if err != nil || !ok {
			return false, errors.Join(err, missing(err == nil, bOutpoints, out))
		}
		list = append(list, r)
		return true, nil
	})
	return list, err
}

// Spends gives the outputs that a transaction which paid us spends.
func (c chainTx) Spends(id invoice.TxID) (list []invoice.Outpoint, err error) {
	payload, _, err := c.t.get(bSpends, id[:])
	if err != nil || len(payload)%outpointLen != 0 {
		return nil, errors.Join(err, missing(err == nil, bSpends, id[:]))
	}
	for ; len(payload) > 0; payload = payload[outpointLen:] {
		list = append(list, parseOutpoint(payload))
	}
	return list, nil
}

// Following lists the invoices that a new block may change.
func (c chainTx) Following() (list []invoice.Ref, err error) {
	err = c.t.scan(bFollowing, nil, nil, func(key, _ []byte) (bool, error) {
		r, err := c.t.domainRef(parseRef(key))
		list = append(list, r)
		return true, err
	})
	return list, err
}

// Ticks lists the invoices that time alone may change by then, earliest first, at most limit.
func (c chainTx) Ticks(until time.Time, limit int) (list []invoice.Ref, err error) {
	err = c.t.scan(bTicks, nil, nil, func(key, _ []byte) (bool, error) {
		if len(list) >= limit || parseTime(key).After(until) {
			return false, nil
		}
		r, err := c.t.domainRef(parseRef(key[timeLen:]))
		list = append(list, r)
		return true, err
	})
	return list, err
}

// NextTick is the earliest of those times; false: none.
func (c chainTx) NextTick() (at time.Time, ok bool) {
	err := c.t.scan(bTicks, nil, nil, func(key, _ []byte) (bool, error) {
		at, ok = parseTime(key), true
		return false, nil
	})
	if err != nil {
		c.t.fail(err)
	}
	return at, ok
}

// Observed is when we last had looked at chain and mempool without a hole; zero: never.
func (c chainTx) Observed() time.Time {
	payload, ok, err := c.t.get(bMeta, []byte(metaObserved))
	if err != nil {
		c.t.fail(err)
	}
	if !ok {
		return time.Time{}
	}
	return parseTime(payload)
}

// SetObserved records a complete look.
func (c chainTx) SetObserved(at time.Time) error {
	return c.t.put(bMeta, []byte(metaObserved), keyTime(nil, at))
}

// PutInvoice writes an invoice with the receipts that changed and the events that announce it, whose deliveries it
// queues.
func (c chainTx) PutInvoice(inv invoice.Invoice, receipts []invoice.Receipt, events []invoice.Event) error {
	_, err := c.t.putInvoice(inv, receipts, events)
	return err
}

// PutSpends keeps what a transaction that pays us spends.
func (c chainTx) PutSpends(id invoice.TxID, spends []invoice.Outpoint) error {
	payload := make([]byte, 0, len(spends)*outpointLen)
	for _, o := range spends {
		payload = keyOutpoint(payload, o)
	}
	if _, ok, err := c.t.get(bSpends, id[:]); err != nil || !ok {
		if err = errors.Join(err, c.t.tally(bSpends, 1)); err != nil {
			return err
		}
	}
	return c.t.put(bSpends, id[:], payload)
}

// SetTip moves our chain by one step.
func (c chainTx) SetTip(step chain.Step) error {
	tip := c.t.tip()
	if c.t.err != nil {
		return c.t.err
	}
	switch step.Op {
	case chain.Connect:
		return c.t.connect(tip, &step.Header)
	case chain.Disconnect:
		return c.t.disconnect(tip, &step.Header)
	}
	return fmt.Errorf("set the tip: no such step: %d", step.Op)
}

// noTip tells that no block was taken yet. The genesis block has work, so a known tip is never zero.
func noTip(tip chain.Header) bool { return tip == chain.Header{} }

func (t *txn) connect(tip chain.Header, h *chain.Header) error {
	if noTip(tip) {
		if err := t.putFirst(h); err != nil {
			return err
		}
	} else if h.Prev != tip.Hash || h.Height != tip.Height+1 {
		return fmt.Errorf("set the tip: block %s at height %d does not follow our tip %s at height %d", h.Hash, h.Height, tip.Hash, tip.Height)
	}
	if err := t.save(bHeaders, heightKey(h.Height), fromHeader(h)); err != nil {
		return err
	}
	if h.Height < headersKept {
		return nil
	}
	old := heightKey(h.Height - headersKept)
	if _, ok, err := t.get(bHeaders, old); err != nil || !ok {
		return err
	}
	return t.remove(bHeaders, old)
}

// putFirst remembers from which block on we watched; it stays when a reorg takes that block back.
func (t *txn) putFirst(h *chain.Header) error {
	if _, ok, err := t.get(bMeta, []byte(metaFirst)); err != nil || ok {
		return err
	}
	return t.save(bMeta, []byte(metaFirst), firstRecord{Height: h.Height, Header: fromHeader(h)})
}

func (t *txn) disconnect(tip chain.Header, h *chain.Header) error {
	if noTip(tip) || h.Hash != tip.Hash {
		return fmt.Errorf("set the tip: block %s at height %d is not our tip %s at height %d", h.Hash, h.Height, tip.Hash, tip.Height)
	}
	if below, ok, err := t.headerAt(tip.Height - 1); err != nil || !ok || below.Hash != tip.Prev {
		return errors.Join(err, fmt.Errorf("set the tip: nothing is stored below height %d to go back to", tip.Height))
	}
	return t.remove(bHeaders, heightKey(tip.Height))
}

func heightKey(height int32) []byte { return key32(nil, uint32(height)) } //nolint:gosec // heights are not negative

// tip reads our best block: the last of the headers.
func (t *txn) tip() (tip chain.Header) {
	err := t.scanBack(bHeaders, nil, nil, func(key, payload []byte) (bool, error) {
		var rec headerRecord
		err := decode(bHeaders, key, payload, &rec)
		tip = rec.header(int32(binary.BigEndian.Uint32(key))) //nolint:gosec // written as int32
		return false, err
	})
	if err != nil {
		t.fail(err)
	}
	return tip
}

func (t *txn) headerAt(height int32) (chain.Header, bool, error) {
	var rec headerRecord
	if height < 0 {
		return chain.Header{}, false, nil
	}
	ok, err := t.load(bHeaders, heightKey(height), &rec)
	return rec.header(height), ok, err
}

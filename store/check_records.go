package store

import (
	"encoding/binary"
	"errors"
	"fmt"

	"satchel/chain"
	"satchel/invoice"
)

// invoices checks each invoice with its receipts.
func (a *audit) invoices() error {
	last := map[uint32]uint64{}
	return a.each(bInvoices, func(key, payload []byte) error {
		var rec invoiceRecord
		if err := decode(bInvoices, key, payload, &rec); err != nil {
			return err
		}
		at := parseRef(key)
		a.expect(bInvoices, key, rec.facts(at))
		if last[at.no]++; at.seq != last[at.no] {
			last[at.no] = at.seq
			return errors.New("a number before it is missing")
		}
		m, err := a.t.shop(at.no)
		if err != nil {
			return err
		}
		inv := rec.invoice(invoice.Ref{Merchant: m.ID, Seq: at.seq})
		if rec.Marks != marksOf(&inv) {
			return errors.New("what it counts as is not what it is")
		}
		if err := a.index(at.no, &rec); err != nil {
			return err
		}
		if err := a.revisions(at, rec.State.Revision); err != nil {
			return err
		}
		return a.balance(at, &inv)
	})
}

// index checks that the invoice's address is of its merchant's key, and that the key's counter is beyond it.
func (a *audit) index(no uint32, rec *invoiceRecord) error {
	if rec.Address.Key == "" {
		return nil
	}
	key, ok, err := a.t.watchKey(rec.Address.Key)
	switch {
	case err != nil:
		return err
	case !ok:
		return errors.New("its watch key is missing")
	case key.No != no:
		return errors.New("its watch key is another merchant's")
	case rec.Address.Index >= key.Next:
		return errors.New("its address could be issued again")
	case rec.Sums.Receipts > 0 && rec.Address.Index >= key.Paid:
		return errors.New("its key does not know that it was paid")
	}
	return nil
}

// revisions checks that an invoice's events are numbered without a gap.
func (a *audit) revisions(at ref, want uint32) error {
	n := uint32(0)
	err := a.t.scan(bEventsOf, at.key(), nil, func(key, _ []byte) (bool, error) {
		if n++; binary.BigEndian.Uint32(key[refLen:]) != n {
			return false, fmt.Errorf("its event of revision %d is missing", n)
		}
		return true, nil
	})
	if err == nil && n != want {
		err = fmt.Errorf("it has %d events and revision %d", n, want)
	}
	return err
}

// balance computes an invoice's sums from its receipts.
func (a *audit) balance(at ref, inv *invoice.Invoice) error {
	list, err := a.t.receipts(at, inv.Ref.Merchant, 0)
	if err != nil {
		return err
	}
	s := inv.Sums
	is := invoice.Sums{CoveredAt: s.CoveredAt, FullAt: s.FullAt, FullTip: s.FullTip, ConflictAt: s.ConflictAt}
	for i := range list {
		r := &list[i]
		is.Receipts++
		switch r.Place.Where {
		case invoice.Gone:
			is.Gone++
			continue
		case invoice.Unproved:
			is.Unproved++
		case invoice.InMempool, invoice.InBlock:
		}
		switch r.Disposition {
		case invoice.Credited, invoice.Over, invoice.Accepted:
			is.In += r.Sats
			if r.Place.Where == invoice.InBlock {
				is.InBlocks += r.Sats
			}
		case invoice.Late:
			is.Late += r.Sats
		case invoice.Stray:
			is.Stray += r.Sats
		case invoice.Returned:
		}
	}
	if is != s {
		return fmt.Errorf("its receipts make %+v, and it says %+v", is, s)
	}
	return nil
}

func (a *audit) receipts() error {
	return a.each(bReceipts, func(key, payload []byte) error {
		var rec receiptRecord
		if err := decode(bReceipts, key, payload, &rec); err != nil {
			return err
		}
		at := parseReceiptKey(key)
		a.expect(bReceipts, key, rec.facts(at))
		if rec.Where == invoice.InBlock {
			if h, ok, err := a.t.headerAt(rec.Height); err != nil || ok && h.Hash != chain.BlockHash(rec.Block) {
				return errors.Join(err, errors.New("its block is not in our chain"))
			}
		}
		_, err := a.t.invoiceRecord(at.ref)
		return err
	})
}

// events checks that the log has no gap.
func (a *audit) events() error {
	n := uint64(0)
	return a.each(bEvents, func(key, payload []byte) error {
		rec, document, err := decodeEvent(key, payload)
		if err != nil {
			return err
		}
		seq := binary.BigEndian.Uint64(key)
		a.expect(bEvents, key, rec.facts(seq))
		if rec.Sum != 0 && rec.Sum != sum(nil, document) {
			return errors.New("its document is another one")
		}
		if n++; seq != n {
			n = seq
			return errors.New("a number before it is missing")
		}
		return nil
	})
}

// deliveries checks each delivery with its event, its body and its attempts, and that each lane has one at its head.
func (a *audit) deliveries() error {
	heads := map[string]bool{}
	return a.each(bDeliveries, func(key, payload []byte) error {
		var rec deliveryRecord
		if err := decode(bDeliveries, key, payload, &rec); err != nil {
			return err
		}
		id := binary.BigEndian.Uint64(key)
		a.expect(bDeliveries, key, rec.facts(id))
		if _, ok, err := a.t.get(bEvents, key64(nil, rec.Event)); err != nil || !ok {
			return errors.Join(err, errors.New("its event is missing"))
		}
		body, ok, err := a.t.get(bBodies, key64(nil, rec.Body))
		if err != nil || !ok {
			return errors.Join(err, errors.New("its body is missing"))
		}
		if rec.Body == id {
			a.wanted[bBodies]++
		}
		if rec.Sum != 0 && rec.Sum != sum(nil, body) {
			return errors.New("its body is another one")
		}
		lane := string(rec.lane())
		if rec.Held != (heads[lane] && rec.Blocks) {
			return errors.New("it is held without need, or goes before its turn")
		}
		heads[lane] = heads[lane] || rec.Blocks
		return a.attempts(id, rec.Attempts)
	})
}

func (a *audit) attempts(id uint64, want int) error {
	n := 0
	err := a.t.scan(bAttempts, key64(nil, id), nil, func(key, payload []byte) (bool, error) {
		if n++; int(binary.BigEndian.Uint32(key[8:])) != n {
			return false, fmt.Errorf("its attempt %d is missing", n)
		}
		return true, decode(bAttempts, key, payload, &attemptRecord{})
	})
	if a.wanted[bAttempts] += n; err == nil && n != want {
		err = fmt.Errorf("it has %d attempts, and says %d", n, want)
	}
	return err
}

// headers checks that our chain has no hole, and goes down to the first block that was taken or far enough.
func (a *audit) headers() error {
	var below, lowest chain.Header
	err := a.each(bHeaders, func(key, payload []byte) error {
		var rec headerRecord
		if err := decode(bHeaders, key, payload, &rec); err != nil {
			return err
		}
		h := rec.header(int32(binary.BigEndian.Uint32(key))) //nolint:gosec // written as int32
		was := below
		if below = h; noTip(was) {
			lowest = h
		}
		if !noTip(was) && (h.Prev != was.Hash || h.Height != was.Height+1) {
			return errors.New("it does not follow the one below it")
		}
		return nil
	})
	var first firstRecord
	known, reading := a.t.load(bMeta, []byte(metaFirst), &first)
	switch {
	case err != nil || reading != nil || noTip(below):
	case !known:
		a.report(bMeta, []byte(metaFirst), "it is missing")
	case lowest.Height != first.Height && below.Height-lowest.Height < headersKept/2:
		a.report(bHeaders, heightKey(lowest.Height), "those below it are missing")
	}
	return errors.Join(err, reading)
}

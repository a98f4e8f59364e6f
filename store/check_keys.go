package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// meta checks what belongs to the file.
func (a *audit) meta() error {
	for _, must := range []struct {
		key string
		len int // 0: any but none
	}{{metaSchema, 4}, {metaNetwork, 0}, {metaSecret, 32}, {metaPayPro, 32}} {
		payload, ok, err := a.t.get(bMeta, []byte(must.key))
		switch {
		case err != nil: // reported with the sums
		case !ok, len(payload) == 0, must.len > 0 && len(payload) != must.len:
			a.report(bMeta, []byte(must.key), "it is missing, or no %s", must.key)
		}
	}
	return a.each(bMeta, func(key, payload []byte) error {
		switch string(key) {
		case metaSchema, metaNetwork, metaSecret, metaPayPro:
			return nil
		case metaFirst:
			return decode(bMeta, key, payload, &firstRecord{})
		case metaObserved:
			_ = payload[timeLen-1]
			return nil
		}
		return errors.New("nothing of this name belongs here")
	})
}

// merchants checks both ways of finding a merchant.
func (a *audit) merchants() error {
	n := uint32(0)
	return a.each(bMerchants, func(key, payload []byte) error {
		var rec merchantRecord
		if err := decode(bMerchants, key, payload, &rec); err != nil {
			return err
		}
		a.wanted[bMerchantIDs]++
		if n++; binary.BigEndian.Uint32(key) != n {
			return errors.New("a number before it is missing")
		}
		if no, ok, err := a.t.get(bMerchantIDs, []byte(rec.ID)); err != nil || !ok || !bytes.Equal(no, key) {
			return errors.Join(err, errors.New("its id leads elsewhere"))
		}
		return a.watch(&rec, n)
	})
}

// watch checks that a merchant's own watch key has a counter, and is nobody else's.
func (a *audit) watch(rec *merchantRecord, no uint32) error {
	if rec.Watch == (watchRecord{}) {
		return nil
	}
	key, ok, err := a.t.watchKey(rec.Watch.Fingerprint)
	switch {
	case err != nil:
		return err
	case !ok || rec.Watch.Key == "":
		return errors.New("its watch key is missing")
	case key.No != no:
		return errors.New("its watch key is another merchant's")
	}
	return nil
}

// keys checks that keys are numbered without a gap, each of a merchant that exists.
func (a *audit) keys() error {
	count, err := a.t.keyCount()
	if err != nil {
		return nil //nolint:nilerr // a key that cannot be read is reported below
	}
	seen := map[uint32]bool{}
	return a.each(bKeys, func(key, payload []byte) error {
		var rec keyRecord
		if err := decode(bKeys, key, payload, &rec); err != nil {
			return err
		}
		if rec.Number == 0 || rec.Number > count || seen[rec.Number] {
			return fmt.Errorf("its number %d is another key's, or none", rec.Number)
		}
		seen[rec.Number] = true
		_, err := a.t.shop(rec.No)
		return err
	})
}

// ahead checks that each key's window of derived addresses begins with the next index and has no gap.
func (a *audit) ahead() error {
	next, names := map[uint32]uint32{}, map[uint32]string{}
	err := a.t.eachKey(func(fingerprint string, rec *keyRecord) error {
		next[rec.Number], names[rec.Number] = rec.Next, fingerprint
		return nil
	})
	if err != nil {
		return nil //nolint:nilerr // reported with the keys
	}
	return a.each(bLookahead, func(key, payload []byte) error {
		number, index := binary.BigEndian.Uint32(key), binary.BigEndian.Uint32(key[4:])
		n, ok := next[number]
		if !ok || index < n {
			return errors.New("its key is missing, or its index was issued")
		}
		if next[number] = index + 1; index != n {
			return errors.New("one before it is missing")
		}
		var rec addressRecord
		if err := decode(bLookahead, key, payload, &rec); err != nil {
			return err
		}
		if rec.Key != names[number] || rec.Index != index || len(rec.Script) == 0 {
			return errors.New("its address is another one's")
		}
		return nil
	})
}

// skipped checks that what a restore skipped is not issued and cannot be.
func (a *audit) skipped() error {
	return a.each(bSkipped, func(script, payload []byte) error {
		var rec addressRecord
		if err := decode(bSkipped, script, payload, &rec); err != nil {
			return err
		}
		if _, issued, err := a.t.get(bScripts, script); err != nil || issued {
			return errors.Join(err, errors.New("an invoice has its address"))
		}
		key, ok, err := a.t.watchKey(rec.Key)
		if err != nil || !ok || rec.Index >= key.Next || !bytes.Equal(rec.Script, script) {
			return errors.Join(err, errors.New("its key is missing, its index could be issued again, or it is another's script"))
		}
		return nil
	})
}

// requests checks that the requests which are remembered lead to invoices, and that an invoice's own request does.
func (a *audit) requests() error {
	return a.each(bGUIDs, func(key, payload []byte) error {
		if digest := key[noLen+32:]; !bytes.HasPrefix(payload, digest) {
			return errors.New("it is another request's")
		}
		at := parseRef(payload[32:])
		if at.no != binary.BigEndian.Uint32(key) {
			return errors.New("it leads to another merchant's invoice")
		}
		_, err := a.t.invoiceRecord(at)
		return err
	})
}

// spends checks that what a transaction spends is known only where it paid us.
func (a *audit) spends() error {
	return a.each(bSpends, func(key, payload []byte) error {
		if len(payload)%outpointLen != 0 || len(key) != 32 {
			return errors.New("it is no list of outputs")
		}
		paid := false
		err := a.t.scan(bOutpoints, key, nil, func(_, _ []byte) (bool, error) {
			paid = true
			return false, nil
		})
		if err == nil && !paid {
			err = errors.New("its transaction paid nobody")
		}
		return err
	})
}

package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"strings"

	"satchel/fault"
	"satchel/invoice"
	"satchel/merchant"
)

// request is what a merchant's client asked for under a guid: of which resource, and the digest of the whole wish. The
// row that remembers it leads to the invoice that it was about, and is written in the commit that did it.
type request struct {
	no       uint32
	resource string
	guid     string
	digest   [32]byte
}

// resourceInvoice is the resource of the guid that made an invoice.
const resourceInvoice = "invoice"

// key is where the guid's newest request is found. Earlier ones of the same guid have their digest behind it.
func (q *request) key() []byte {
	h := sha256.Sum256([]byte(q.resource + "\x00" + q.guid))
	return append(key32(nil, q.no), h[:]...)
}

// done finds the invoice that an equal request was about. fault.Conflict: the guid was used for another wish, and is not
// one that clients share by chance. Without a guid nothing was done before.
func (t *txn) done(q *request) (at ref, ok bool, err error) {
	if q.guid == "" {
		return ref{}, false, nil
	}
	payload, ok, err := t.get(bGUIDs, q.key())
	if err != nil || !ok {
		return ref{}, false, err
	}
	if same, at := parseDone(payload, q.digest); same {
		return at, true, nil
	}
	if !numberLike(q.guid) {
		return ref{}, false, guidUsed()
	}
	payload, ok, err = t.get(bGUIDs, append(q.key(), q.digest[:]...))
	if err != nil || !ok {
		return ref{}, false, err
	}
	_, at = parseDone(payload, q.digest)
	return at, true, nil
}

// did remembers a request that done did not find. The one that was the guid's newest makes room.
func (t *txn) did(q *request, at ref) error {
	if q.guid == "" {
		return nil
	}
	key := q.key()
	payload, ok, err := t.get(bGUIDs, key)
	if err != nil {
		return err
	}
	if err := t.tally(bGUIDs, 1); err != nil {
		return err
	}
	if ok {
		earlier := bytes.Clone(payload)
		if err := t.put(bGUIDs, append(bytes.Clone(key), earlier[:len(q.digest)]...), earlier); err != nil {
			return err
		}
	}
	return t.put(bGUIDs, key, q.digest[:], at.key())
}

func parseDone(payload []byte, digest [32]byte) (same bool, at ref) {
	return bytes.Equal(payload[:len(digest)], digest[:]), parseRef(payload[len(digest):])
}

func guidUsed() error { return fault.New(fault.Conflict, "guid already used") }

// numberLike tells the guids that are a count or a time: digits and at most one dot. Clients make them from the clock,
// so that two requests of one millisecond share one by chance and are two requests all the same.
func numberLike(guid string) bool {
	digits := strings.Replace(guid, ".", "", 1)
	return digits != "" && strings.Trim(digits, "0123456789") == ""
}

// InvoiceByGUID finds the newest invoice that a merchant's request with the guid made; fault.NotFound: there is none.
func (db *DB) InvoiceByGUID(ctx context.Context, m merchant.ID, guid string) (inv invoice.Invoice, err error) {
	err = db.view(ctx, func(t *txn) error {
		no, err := t.merchantNo(m)
		if err != nil {
			return err
		}
		q := request{no: no, resource: resourceInvoice, guid: guid}
		payload, ok, err := t.get(bGUIDs, q.key())
		if err != nil {
			return err
		}
		if !ok || guid == "" {
			return noInvoice()
		}
		_, at := parseDone(payload, q.digest)
		inv, err = t.invoice(at, m)
		return err
	})
	return inv, err
}

package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"satchel/auth"
	"satchel/invoice"
	"satchel/merchant"
)

// FuzzValues: a value that is not what was sealed under its key is damage, and a payload that is no record is damage too:
// nothing that the file says makes us panic, and nothing damaged is served.
func FuzzValues(f *testing.F) {
	key := []byte("key")
	whole := seal(key, []byte(`{"ID":"x","Price":{"Minor":5,"Code":"USD"}}`))
	f.Add(key, whole)
	f.Add(key, whole[:len(whole)-1])
	f.Add([]byte("other"), whole)
	f.Add([]byte{}, []byte{})
	f.Add(key, seal(key, []byte{0, 0, 0, 2}, []byte(`{}`), []byte(`{"id":1}`)))
	f.Add(key, seal(key, []byte{255, 255, 255, 255}))
	f.Add(key, seal(key, []byte(`{"no":1,"seq":2,"at":9223372036854775807,"due":-1,"rate":"1e9"}`)))
	f.Fuzz(func(t *testing.T, key, value []byte) {
		payload, err := unseal(bInvoices, key, value)
		if err != nil {
			damage(t, err)
			payload = value // as if its checksum were right
		} else if !bytes.Equal(seal(key, payload), value) {
			t.Fatalf("%x is not what was sealed", value)
		}
		records(t, payload)
		if _, _, err := decodeEvent(key, payload); err != nil {
			damage(t, err)
		}
		if len(payload) >= outpointLen && !bytes.Equal(keyOutpoint(nil, parseOutpoint(payload)), payload[:outpointLen]) {
			t.Fatalf("outpoint %x", payload)
		}
		if len(payload) >= refLen && !bytes.Equal(parseRef(payload).key(), payload[:refLen]) {
			t.Fatalf("ref %x", payload)
		}
	})
}

func damage(t *testing.T, err error) {
	t.Helper()
	if _, ok := errors.AsType[*DamageError](err); !ok {
		t.Fatalf("%v is no damage", err)
	}
}

// records reads a payload as every kind of record there is, and makes of it what is served.
func records(t *testing.T, payload []byte) {
	t.Helper()
	at := ref{no: 1, seq: 2}
	var inv invoiceRecord
	if read(t, payload, &inv) {
		inv.facts(at)
		one := inv.invoice(invoice.Ref{})
		one.Advance(invoice.View{Now: time.Unix(1, 0), Tip: 1})
	}
	var receipt receiptRecord
	if read(t, payload, &receipt) {
		_ = receipt.receipt(receiptAt{}, invoice.Ref{})
	}
	var grant grantRecord
	if read(t, payload, &grant) {
		_ = grant.grant(auth.TokenID{}, merchant.ID("m"))
	}
	var header headerRecord
	if read(t, payload, &header) {
		_ = header.header(1)
	}
	var shop merchantRecord
	if read(t, payload, &shop) {
		_ = shop.merchant()
	}
	var client clientRecord
	if read(t, payload, &client) {
		_ = client.client()
	}
	var session sessionRecord
	if read(t, payload, &session) {
		_ = session.session()
	}
	var delivery deliveryRecord
	if read(t, payload, &delivery) {
		_ = delivery.delivery(1, "m")
	}
	var attempt attemptRecord
	if read(t, payload, &attempt) {
		_ = attempt.attempt()
	}
}

// read reads a record. What was read and is written again reads as the same.
func read(t *testing.T, payload []byte, record any) bool {
	t.Helper()
	if err := decode(bInvoices, nil, payload, record); err != nil {
		damage(t, err)
		return false
	}
	first, err := json.Marshal(record)
	if err != nil {
		t.Fatalf("%T cannot be written again: %v", record, err)
	}
	if err := json.Unmarshal(first, record); err != nil {
		t.Fatalf("%T cannot be read again: %v", record, err)
	}
	return true
}

package main

import (
	"bytes"
	bigendian "encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash/crc32"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"satchel/admin"
)

// sealed gives a value of the database with its checksum for a key (package store, "Values and keys").
func sealed(key, value []byte) []byte {
	body := value[:len(value)-4]
	sum := crc32.Checksum(slices.Concat(key, body), crc32.MakeTable(crc32.Castagnoli))
	return bigendian.BigEndian.AppendUint32(slices.Clone(body), sum)
}

// A payment that the records lost, and one that they invented, are found by the count that is made apart from them.
func TestReconcileFindsWhatWasPlanted(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	lost, kept := s.invoice("10", "USD", "medium", nil), s.invoice("11", "USD", "medium", nil)
	gone := s.pay(lost.Address, sats(t, lost.Due))
	s.pay(kept.Address, sats(t, kept.Due))
	s.mine(1)
	s.becomes(lost.ID, "confirmed", false)
	s.becomes(kept.ID, "confirmed", false)
	s.balanced()
	s.kill()
	s.plant(gone)
	s.start()

	cmd := exec.CommandContext(t.Context(), binary(t), "--config", s.config, "--json", "reconcile")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); !errors.As(err, new(*exec.ExitError)) || cmd.ProcessState.ExitCode() != exitRefused {
		t.Fatalf("reconcile ended with %v\n%s", err, errs.String())
	}
	if last := errs.String(); !strings.Contains(last, "1 missing, 1 extra") {
		t.Errorf("it says %q", last)
	}
	var b admin.Balance
	s.must(json.Unmarshal(out.Bytes(), &b))
	if len(b.Missing) != 1 || !strings.HasPrefix(b.Missing[0].Outpoint, gone) || b.Missing[0].Invoice != lost.ID || b.Missing[0].Sats != sats(t, lost.Due) {
		t.Errorf("missing: %+v", b.Missing)
	}
	if len(b.Extra) != 1 || !strings.HasPrefix(b.Extra[0].Outpoint, strings.Repeat("77", 32)) {
		t.Errorf("extra: %+v", b.Extra)
	}
}

// plant takes the receipt of a transaction out of the database, and puts it back as one of a transaction that is not.
func (s *shop) plant(txid string) {
	s.t.Helper()
	db, err := bolt.Open(filepath.Join(s.dir, "data", "satchel.db"), 0o600, nil)
	s.must(err)
	const outpoint = 36
	id, err := hexReversed(txid)
	s.must(err)
	err = db.Update(func(tx *bolt.Tx) error {
		for _, name := range []string{"receipts", "outpoints"} {
			b, moved := tx.Bucket([]byte(name)), 0
			for k, v := b.Cursor().First(); k != nil; k, v = b.Cursor().Seek(append(k, 0)) {
				place := k[len(k)-outpoint:]
				if !bytes.Equal(place[:32], id) {
					continue
				}
				k, v = slices.Clone(k), slices.Clone(v)
				other := slices.Clone(k)
				copy(other[len(other)-outpoint:], bytes.Repeat([]byte{0x77}, 32))
				if err := errors.Join(b.Delete(k), b.Put(other, sealed(other, v))); err != nil {
					return err
				}
				moved++
				break
			}
			if moved != 1 {
				return errors.New("the receipt is not where it was looked for: " + name)
			}
		}
		return nil
	})
	s.must(errors.Join(err, db.Close()))
}

// hexReversed reads a txid as it is written into the order in which it is hashed.
func hexReversed(text string) ([]byte, error) {
	b, err := hex.DecodeString(text)
	slices.Reverse(b)
	return b, err
}

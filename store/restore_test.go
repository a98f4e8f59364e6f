package store

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"satchel/fault"
	"satchel/invoice"
	"satchel/merchant"
	"satchel/store/storetest"
	"satchel/tracker"
)

// lonely tells that nothing is left beside a file.
func lonely(t *testing.T, path string) {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".*.tmp-*"))
	if err != nil || len(list) > 0 {
		t.Errorf("left behind: %v %v", list, err)
	}
}

// A backup is whole, checked, private and new, or there is none.
func TestSaveWritesAWholeNewFileOrNone(t *testing.T) {
	db := open(t, config(create(t)))
	newInvoice(t, db, "invoice-1")
	dir := t.TempDir()
	path := filepath.Join(dir, "backup.db")
	boom := errors.New("boom")
	var whole bytes.Buffer
	if err := db.Backup(t.Context(), &whole); err != nil {
		t.Fatal(err)
	}
	for name, fetch := range map[string]func(io.Writer) error{
		"breaks off": func(w io.Writer) error { _, _ = w.Write(whole.Bytes()[:100]); return boom },
		"is short":   func(w io.Writer) error { _, err := w.Write(whole.Bytes()[:whole.Len()-8192]); return err },
		"is flipped": func(w io.Writer) error {
			text := bytes.Clone(whole.Bytes())
			text[bytes.Index(text, []byte("invoice-1"))] ^= 1
			_, err := w.Write(text)
			return err
		},
	} {
		if err := Save(t.Context(), path, fetch); err == nil {
			t.Errorf("%s: it was taken", name)
		}
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s: a file was made", name)
		}
		lonely(t, path)
	}
	if err := Save(t.Context(), path, func(w io.Writer) error { return db.Backup(t.Context(), w) }); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	if err := Save(t.Context(), path, func(io.Writer) error { t.Error("asked for"); return nil }); !fault.Is(err, fault.Conflict) {
		t.Errorf("over a file that is there: %v", err)
	}
	lonely(t, path)
}

// restored makes a database from a backup of db, with a skip for the first key, and opens it.
func restored(t *testing.T, db *DB, next uint32) *DB {
	t.Helper()
	from, to := filepath.Join(t.TempDir(), "backup.db"), filepath.Join(t.TempDir(), "satchel.db")
	backup(t, db, from)
	before, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	err = Restore(t.Context(), from, to, func(ctx context.Context, db *DB) error {
		var skipped []invoice.Address
		keys, err := db.Keys(ctx)
		for _, k := range keys {
			for i := k.Next; k.Fingerprint == (storetest.Deriver{}).Key() && i < next; i++ {
				a, _ := storetest.Deriver{}.Address(i)
				skipped = append(skipped, a)
			}
		}
		return errors.Join(err, db.SkipAhead(ctx, storetest.Deriver{}.Key(), next, skipped))
	})
	if err != nil {
		t.Fatal(err)
	}
	if after, err := os.ReadFile(from); err != nil || !bytes.Equal(before, after) {
		t.Error("the backup was changed")
	}
	if err := Restore(t.Context(), from, to, nil); !fault.Is(err, fault.Conflict) {
		t.Errorf("over a database: %v", err)
	}
	lonely(t, to)
	return open(t, config(to))
}

// After a restore no index comes again, and a payment to one that was skipped makes one invoice, however often it is met.
func TestRestoreSkipsAheadAndAdopts(t *testing.T) {
	db := open(t, config(create(t)))
	newInvoice(t, db, "invoice-1")
	again := restored(t, db, 11)
	if inv := newInvoice(t, again, "invoice-2"); inv.Address.Index != 11 {
		t.Errorf("index %d after a skip to 11", inv.Address.Index)
	}
	lost, err := storetest.Deriver{}.Address(7)
	if err != nil {
		t.Fatal(err)
	}
	index, ok, err := again.Skipped(t.Context(), storetest.Shop, lost.Script)
	if err != nil || !ok || index != 7 {
		t.Errorf("%d %v %v", index, ok, err)
	}
	if _, ok, err := again.Skipped(t.Context(), storetest.Other, lost.Script); ok || err != nil {
		t.Errorf("another merchant's: %v %v", ok, err)
	}
	watched := 0
	if _, err := again.LoadScripts(func(s []byte) {
		if bytes.Equal(s, lost.Script) {
			watched++
		}
	}); err != nil || watched != 1 {
		t.Errorf("watched %d times, %v", watched, err)
	}
	var refs [2]invoice.Ref
	err = again.UpdateChain(t.Context(), func(tx tracker.Tx) error {
		if _, ok, err := tx.Adopt([]byte("nobody's"), noon(0)); ok || err != nil {
			t.Errorf("nobody's script: %v %v", ok, err)
		}
		var ok bool
		var err error
		if refs[0], ok, err = tx.Adopt(lost.Script, noon(0)); !ok || err != nil {
			return errors.Join(err, errors.New("not adopted"))
		}
		if _, ok, err := tx.Adopt(lost.Script, noon(0)); ok || err != nil {
			t.Errorf("adopted twice: %v %v", ok, err)
		}
		if refs[1], ok = tx.Owner(lost.Script); !ok {
			return errors.New("its script is nobody's")
		}
		return nil
	})
	if err != nil || refs[0] != refs[1] || refs[0].Merchant != storetest.Shop {
		t.Fatalf("%v %v", refs, err)
	}
	inv, err := again.ByAddressScript(t.Context(), storetest.Shop, lost.Script)
	if err != nil || inv.State.Status != invoice.Expired || !inv.State.Lost || inv.Address.Index != 7 {
		t.Errorf("%+v %v", inv, err)
	}
	if _, ok, _ := again.Skipped(t.Context(), storetest.Shop, lost.Script); ok {
		t.Error("an invoice's address is still skipped")
	}
}

func TestSkipAheadRefusesWhatIsNotSkipped(t *testing.T) {
	db := open(t, config(create(t)))
	newInvoice(t, db, "invoice-1")
	key := storetest.Deriver{}.Key()
	good, _ := storetest.Deriver{}.Address(3)
	for name, c := range map[string]struct {
		key  string
		next uint32
		is   invoice.Address
	}{
		"unknown key":   {"nobody's", 5, good},
		"issued":        {key, 5, func() invoice.Address { a, _ := storetest.Deriver{}.Address(0); return a }()},
		"above":         {key, 3, good},
		"no script":     {key, 5, invoice.Address{Key: key, Index: 3}},
		"another's":     {storetest.OtherDeriver{}.Key(), 5, good},
		"no index left": {key, 1<<31 + 1, good},
	} {
		if err := db.SkipAhead(t.Context(), c.key, c.next, []invoice.Address{c.is}); err == nil {
			t.Errorf("%s was skipped", name)
		}
	}
	if err := db.SkipAhead(t.Context(), key, 0, nil); err != nil {
		t.Error(err)
	}
	if inv := newInvoice(t, db, "invoice-2"); inv.Address.Index != 1 {
		t.Errorf("a skip back led to index %d", inv.Address.Index)
	}
}

func TestRestoreRefusesWhatIsNotWhole(t *testing.T) {
	path := create(t)
	db, err := live(path, config(path), acts())
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "satchel.db")
	none := func(context.Context, *DB) error { t.Error("prepared"); return nil }
	if err := Restore(t.Context(), path, to, none); !errors.Is(err, ErrInUse) {
		t.Errorf("a database in use: %v", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	text := usedPages(t, path)
	bad := filepath.Join(t.TempDir(), "bad.db")
	if err := os.WriteFile(bad, text[:len(text)-4096], 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Restore(t.Context(), bad, to, none); !errors.Is(err, ErrDamaged) {
		t.Errorf("a part: %v", err)
	}
	boom := errors.New("boom")
	if err := Restore(t.Context(), path, to, func(context.Context, *DB) error { return boom }); !errors.Is(err, boom) {
		t.Errorf("what cannot be prepared: %v", err)
	}
	if err := Restore(t.Context(), bad+".none", to, none); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("nothing: %v", err)
	}
	if _, err := os.Stat(to); err == nil {
		t.Error("a database was made")
	}
	lonely(t, to)
}

// Compaction gives free pages back and changes no record.
func TestCompact(t *testing.T) {
	path := create(t)
	db, err := live(path, config(path), acts())
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := Compact(t.Context(), path); !errors.Is(err, ErrInUse) {
		t.Errorf("in use: %v", err)
	}
	want, err := db.dump()
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	before, after, err := Compact(t.Context(), path)
	if err != nil || after <= 0 || after >= before/2 {
		t.Fatalf("%d -> %d, %v", before, after, err)
	}
	again := open(t, config(path))
	if got, err := again.dump(); err != nil || got != want {
		t.Errorf("%v\n%s", err, firstDifference(want, got))
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	lonely(t, path)
}

// Who waited for the lock of a file that was replaced meanwhile must not go on with the old one: it has no name any more.
func TestReplacedFileIsNotUsed(t *testing.T) {
	path := create(t)
	old, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	if err := stillNamed(old, path); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(create(t), path); err != nil {
		t.Fatal(err)
	}
	if err := stillNamed(old, path); err == nil || !strings.Contains(err.Error(), "try again") {
		t.Errorf("replaced: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := stillNamed(old, path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("gone: %v", err)
	}
}

// A start index that is raised leaves nothing below it in the window of addresses that wait for invoices.
func TestRaisedStartIndexEmptiesTheWindow(t *testing.T) {
	db := open(t, config(create(t))) // its cleanup checks the window
	key := Key{Fingerprint: storetest.OtherDeriver{}.Key(), Merchant: storetest.Other, Next: 5}
	if err := db.PutLookahead(t.Context(), key.Fingerprint, otherAddresses(0, 9)); err != nil {
		t.Fatal(err)
	}
	if err := db.RegisterKey(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	if next, have, err := db.Lookahead(t.Context(), key.Fingerprint); err != nil || next != 5 || have != 9 {
		t.Errorf("%d %d %v", next, have, err)
	}
}

// renamed derives what storetest.Deriver does under another name, as a descriptor does whose keys stand in another order.
type renamed struct{ storetest.Deriver }

func (renamed) Key() string { return "test-key-again" }

func (renamed) For(merchant.ID) (invoice.Deriver, bool) { return renamed{}, true }

// What a restore passed over is not given out under another description of the same wallet either.
func TestSkippedUnderAnotherDescription(t *testing.T) {
	db := open(t, config(create(t)))
	newInvoice(t, db, "invoice-1")
	path := filepath.Join(t.TempDir(), "again.db")
	backup(t, restored(t, db, 11), path)
	cfg := config(path)
	cfg.Derivers = renamed{}
	again := open(t, cfg)
	if err := again.RegisterKey(t.Context(), Key{Fingerprint: renamed{}.Key(), Merchant: storetest.Shop}); err != nil {
		t.Fatal(err)
	}
	if inv := newInvoice(t, again, "invoice-2"); inv.Address.Index != 11 {
		t.Errorf("address %d may have been shown by the database that was lost", inv.Address.Index)
	}
}

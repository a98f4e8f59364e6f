package store

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"satchel/auth"
	"satchel/fault"
	"satchel/invoice"
	"satchel/merchant"
	"satchel/store/storetest"
	"satchel/tracker"
)

func shop(id merchant.ID) merchant.Merchant {
	return merchant.Merchant{ID: id, Name: string(id), Created: storetest.Noon(), Secrets: merchant.Secrets{Webhook: "whsec_x"}}
}

// create makes a file with both merchants of the suite.
func create(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "satchel.db")
	if err := Create(path, "regtest", shop(storetest.Shop)); err != nil {
		t.Fatal(err)
	}
	return path
}

func config(path string) Config {
	return Config{Path: path, Render: storetest.Render, Derivers: storetest.Derivers{}, Now: storetest.Noon}
}

// open opens a file and runs its committer until the test ends, when everything in it must be sound.
func open(t testing.TB, cfg Config) *DB {
	t.Helper()
	db, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- db.Run(ctx) }()
	t.Cleanup(func() {
		problems, err := db.Check(context.Background())
		if err != nil || len(problems) > 0 {
			t.Errorf("check: %v %v", problems, err)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	ready(t, db)
	return db
}

// ready makes the second merchant and the key known.
func ready(t testing.TB, db *DB) {
	t.Helper()
	ctx := context.Background()
	if err := db.PutMerchant(ctx, shop(storetest.Other)); err != nil {
		t.Fatal(err)
	}
	for _, k := range []Key{
		{Fingerprint: storetest.Deriver{}.Key(), Merchant: storetest.Shop}, {Fingerprint: storetest.OtherDeriver{}.Key(), Merchant: storetest.Other},
	} {
		if err := db.RegisterKey(ctx, k); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSuite(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Stores { return open(t, config(create(t))) })
}

func newInvoice(t testing.TB, db *DB, id string) invoice.Invoice {
	t.Helper()
	inv, err := db.Create(context.Background(), invoice.Creation{Merchant: storetest.Shop}, func(slot invoice.Slot) (invoice.Invoice, []invoice.Event, error) {
		inv := invoice.Invoice{Ref: slot.Ref, ID: invoice.ID(id), Address: slot.Address, Created: storetest.Noon(), State: invoice.State{Status: invoice.New}}
		return inv, []invoice.Event{{Code: invoice.Created, At: storetest.Noon(), Invoice: inv}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

func TestCreateRefusesWhatIsThere(t *testing.T) {
	path := create(t)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := Create(path, "regtest", shop(storetest.Shop)); err == nil {
		t.Fatal("a database was overwritten")
	}
	after, _ := os.ReadFile(path)
	if !bytes.Equal(before, after) {
		t.Fatal("the refusal changed it")
	}
	if _, err := Open(config(path + ".missing")); err == nil {
		t.Fatal("a missing database was opened")
	}
	if _, err := os.Stat(path + ".missing"); err == nil {
		t.Fatal("a wrong path made an empty database")
	}
}

func TestSecondOpenerIsRefused(t *testing.T) {
	path := create(t)
	open(t, config(path))
	if _, err := Open(config(path)); !errors.Is(err, ErrInUse) {
		t.Fatalf("got %v", err)
	}
}

func TestReopenedFileIsTheSame(t *testing.T) {
	path := create(t)
	var secret any
	t.Run("first", func(t *testing.T) {
		db := open(t, config(path))
		secret = db.ServerSecret()
		newInvoice(t, db, "invoice-1")
	})
	db := open(t, config(path))
	if secret != db.ServerSecret() {
		t.Error("the server's secret changed")
	}
	if inv := newInvoice(t, db, "invoice-2"); inv.Address.Index != 1 {
		t.Errorf("after a restart index %d was issued", inv.Address.Index)
	}
	n := 0
	if _, err := db.LoadScripts(func([]byte) { n++ }); err != nil || n != 2 {
		t.Errorf("%d scripts, %v", n, err)
	}
}

// A function that fails in a batch takes none of the others with it, however they are mixed.
func TestFailuresShareNoCommit(t *testing.T) {
	db := open(t, config(create(t)))
	boom := errors.New("boom")
	errs := make(chan error, 200)
	for i := range 200 {
		go func() {
			err := db.UpdateChain(context.Background(), func(tx tracker.Tx) error {
				if i%3 == 0 {
					return boom
				}
				return tx.SetObserved(storetest.Noon().Add(time.Duration(i) * time.Second))
			})
			if i%3 == 0 && errors.Is(err, boom) {
				err = nil
			}
			errs <- err
		}()
	}
	for range 200 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

// Every record and index knows its own damage: a changed byte is an error that names its place, never another value.
func TestFlippedBytesAreFound(t *testing.T) {
	path := create(t)
	t.Run("fill", func(t *testing.T) {
		db := open(t, config(path))
		for _, id := range []string{"invoice-1", "invoice-2"} {
			newInvoice(t, db, id)
		}
		h := newHouse(t, db, nil)
		h.pair(auth.PairRequest{GUID: "g"})
		if _, err := h.RegisterClient(t.Context(), desk, ""); err != nil {
			t.Fatal(err)
		}
		if _, _, err := h.ask(call(h.session(), 1, "a", till), 200); err != nil {
			t.Fatal(err)
		}
	})
	found := 0
	for b := range bucketCount {
		copied := filepath.Join(t.TempDir(), "satchel.db")
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(copied, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if !flip(t, copied, b) {
			continue
		}
		found++
		db, err := Open(config(copied))
		if err != nil { // it is met at the start, which is as good
			if !strings.Contains(err.Error(), "backup") && !errors.Is(err, ErrDamaged) {
				t.Errorf("%s: %v", b, err)
			}
			continue
		}
		problems, err := db.Check(context.Background())
		if err == nil && len(problems) == 0 {
			t.Errorf("%s: a flipped byte was not found", b)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
	if found < 20 {
		t.Fatalf("only %d buckets had a row to damage", found)
	}
}

// flip changes one byte of the first value of a bucket, past bbolt.
func flip(t *testing.T, path string, b bucket) (done bool) {
	t.Helper()
	raw, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = raw.Update(func(tx *bolt.Tx) error {
		in := tx.Bucket([]byte(b.String()))
		if in == nil {
			return nil
		}
		key, value := in.Cursor().First()
		if len(value) == 0 {
			return nil
		}
		changed := bytes.Clone(value)
		changed[len(changed)/2] ^= 0x10
		done = true
		return in.Put(bytes.Clone(key), changed)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Close(); err != nil {
		t.Fatal(err)
	}
	return done
}

// What is no whole database is refused with a sentence, and without a Go trace.
func TestBrokenFilesAreRefused(t *testing.T) {
	path := create(t)
	t.Run("fill", func(t *testing.T) { newInvoice(t, open(t, config(path)), "invoice-1") })
	whole := usedPages(t, path)
	zeroed := bytes.Clone(whole)
	for page := 2; page < len(zeroed)/os.Getpagesize(); page++ {
		clear(zeroed[page*os.Getpagesize() : (page+1)*os.Getpagesize()])
	}
	for name, text := range map[string][]byte{
		"empty": {}, "text": []byte("not a database"), "a quarter": whole[:len(whole)/4], "zeroed": zeroed, "no head": append(make([]byte, 2*os.Getpagesize()), whole[2*os.Getpagesize():]...),
	} {
		broken := filepath.Join(t.TempDir(), "satchel.db")
		if err := os.WriteFile(broken, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if db, err := Open(config(broken)); err == nil {
			_ = db.Close()
			t.Errorf("%s was opened", name)
		} else if !strings.Contains(err.Error(), broken) || strings.Contains(err.Error(), "goroutine") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNewerFileIsRefusedUntouched(t *testing.T) {
	path := create(t)
	raw, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = raw.Update(func(tx *bolt.Tx) error {
		return tx.Bucket([]byte(bMeta.String())).Put([]byte(metaSchema), seal([]byte(metaSchema), key32(nil, 99)))
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Close(); err != nil {
		t.Fatal(err)
	}
	before, _ := os.ReadFile(path)
	if _, err := Open(config(path)); err == nil || !strings.Contains(err.Error(), "newer") {
		t.Fatalf("got %v", err)
	}
	if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
		t.Fatal("the refusal changed the file")
	}
}

func TestFullDiskRefusesNewInvoicesOnly(t *testing.T) {
	cfg := config(create(t))
	cfg.MinFree = 1 << 60
	db := open(t, cfg)
	if err := db.Writable(); !fault.Is(err, fault.Unavailable) {
		t.Fatalf("got %v", err)
	}
	_, err := db.Create(t.Context(), invoice.Creation{Merchant: storetest.Shop}, func(invoice.Slot) (invoice.Invoice, []invoice.Event, error) {
		t.Error("an invoice was built")
		return invoice.Invoice{}, nil, nil
	})
	if !fault.Is(err, fault.Unavailable) {
		t.Fatalf("got %v", err)
	}
	if err := db.UpdateChain(t.Context(), func(tx tracker.Tx) error { return tx.SetObserved(storetest.Noon()) }); err != nil {
		t.Fatalf("the chain must still be followed: %v", err)
	}
}

func backup(t *testing.T, db *DB, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Backup(t.Context(), f), f.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestBackupOpensAndIsSound(t *testing.T) {
	db := open(t, config(create(t)))
	newInvoice(t, db, "invoice-1")
	path := filepath.Join(t.TempDir(), "backup.db")
	backup(t, db, path)
	if problems, err := CheckFile(t.Context(), path); err != nil || len(problems) > 0 {
		t.Fatalf("%v %v", problems, err)
	}
	restored := open(t, config(path))
	if _, err := restored.Invoice(t.Context(), storetest.Shop, "invoice-1"); err != nil {
		t.Fatal(err)
	}
	if restored.PaymentKey() != db.PaymentKey() || restored.ServerSecret() != db.ServerSecret() {
		t.Error("a secret is another in the backup")
	}
}

func TestOneKeyServesOneMerchant(t *testing.T) {
	db := open(t, config(create(t)))
	key := Key{Fingerprint: storetest.Deriver{}.Key(), Merchant: storetest.Other}
	if err := db.RegisterKey(t.Context(), key); !fault.Is(err, fault.Conflict) {
		t.Fatalf("got %v", err)
	}
	key.Merchant, key.Next = storetest.Shop, 10
	if err := db.RegisterKey(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	key.Next = 3
	if err := db.RegisterKey(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	if inv := newInvoice(t, db, "invoice-1"); inv.Address.Index != 10 {
		t.Fatalf("index %d after start_index 10 and then 3", inv.Address.Index)
	}
}

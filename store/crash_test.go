package store

import (
	"bufio"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"satchel/invoice"
	"satchel/store/storetest"
)

const childEnv = "SATCHEL_STORE_TEST_CHILD"

func TestMain(m *testing.M) {
	if path := os.Getenv(childEnv); path != "" {
		os.Exit(createForEver(path))
	}
	if wish := os.Getenv(failEnv); wish != "" {
		os.Exit(liveAndDie(wish))
	}
	if path := os.Getenv(powerEnv); path != "" {
		os.Exit(workUnderPower(path))
	}
	os.Exit(m.Run())
}

// createForEver creates invoices from many goroutines and says of each which index it got, once that is acknowledged.
func createForEver(path string) int {
	db, err := Open(config(path))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	go func() { _ = db.Run(context.Background()) }()
	if err := db.RegisterKey(context.Background(), Key{Fingerprint: storetest.Deriver{}.Key(), Merchant: storetest.Shop}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	var mu sync.Mutex
	for range 100 {
		go func() {
			for {
				id := invoice.NewID()
				inv, err := db.Create(context.Background(), invoice.Creation{Merchant: storetest.Shop}, func(slot invoice.Slot) (invoice.Invoice, []invoice.Event, error) {
					inv := invoice.Invoice{Ref: slot.Ref, ID: id, Address: slot.Address, Created: storetest.Noon(), State: invoice.State{Status: invoice.New}}
					return inv, []invoice.Event{{Code: invoice.Created, At: storetest.Noon(), Invoice: inv}}, nil
				})
				if err != nil {
					return
				}
				mu.Lock()
				fmt.Println(inv.ID, inv.Address.Index)
				mu.Unlock()
			}
		}()
	}
	select {}
}

// A process that is killed at any moment loses nothing it acknowledged, and its successor issues no index again.
func TestKilledProcessLosesNothing(t *testing.T) {
	path := create(t)
	byIndex := map[string]string{}
	for round := range 8 {
		lines := killed(t, path, 20+40*round)
		for _, line := range lines {
			id, index, _ := strings.Cut(line, " ")
			if other, ok := byIndex[index]; ok {
				t.Fatalf("index %s went to %s and %s", index, other, id)
			}
			byIndex[index] = id
		}
	}
	if len(byIndex) < 500 {
		t.Fatalf("only %d invoices were acknowledged", len(byIndex))
	}
	db := open(t, config(path)) // its cleanup checks every record and index
	for index, id := range byIndex {
		inv, err := db.Invoice(t.Context(), storetest.Shop, invoice.ID(id))
		if err != nil || fmt.Sprint(inv.Address.Index) != index {
			t.Fatalf("acknowledged invoice %s at index %s: %v", id, index, err)
		}
	}
	stats, err := db.Stats(t.Context())
	if err != nil || stats.ByStatus[invoice.New] < uint64(len(byIndex)) {
		t.Fatalf("%+v %v", stats, err)
	}
}

// killed runs a child, kills it after so many acknowledgements, and gives all that it managed to say.
func killed(t *testing.T, path string, after int) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for scan := bufio.NewScanner(out); scan.Scan(); {
		lines = append(lines, scan.Text())
		if len(lines) == after {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = cmd.Wait()
	if last := len(lines) - 1; last >= 0 && strings.Count(lines[last], " ") != 1 {
		lines = lines[:last] // cut off by the kill
	}
	if len(lines) < after {
		t.Fatalf("the child said only %d of %d", len(lines), after)
	}
	return lines
}

// A file that an earlier version wrote opens, is sound and says what it said. The file was written by version 1.
func TestFileOfVersion1Opens(t *testing.T) {
	db := open(t, config(unpackV1(t)))
	inv, err := db.Invoice(t.Context(), storetest.Shop, "golden-000000000000001")
	if err != nil || inv.State.Status != invoice.Paid || inv.Sums.In != 1_000_000 || inv.Address.Index != 0 {
		t.Fatalf("%+v %v", inv, err)
	}
	receipts, err := db.Receipts(t.Context(), storetest.Shop, inv.ID, 10)
	if err != nil || len(receipts) != 1 || receipts[0].Outpoint.TxID != storetest.Txid(1) {
		t.Fatalf("%+v %v", receipts, err)
	}
	logged, err := db.EventsOf(t.Context(), storetest.Shop, inv.ID)
	if err != nil || len(logged) != 3 || logged[2].Code != invoice.PaidInFull {
		t.Fatalf("%+v %v", logged, err)
	}
	deliveries, err := db.DeliveriesOf(t.Context(), storetest.Shop, inv.ID)
	if err != nil || len(deliveries) != 1 || !strings.Contains(string(deliveries[0].Body), `"paid"`) {
		t.Fatalf("%+v %v", deliveries, err)
	}
}

func unpackV1(t *testing.T) string {
	t.Helper()
	packed, err := os.Open(filepath.Join("testdata", "v1.db.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	unpack, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(unpack)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "satchel.db")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A file without the key of the payment protocols gets one, and keeps it.
func TestFileOfVersion1GetsAKeyForPayments(t *testing.T) {
	path := unpackV1(t)
	var keys [2][32]byte
	for i := range keys {
		db, err := Open(config(path))
		if err != nil {
			t.Fatal(err)
		}
		keys[i] = db.PaymentKey()
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if keys[0] != keys[1] || keys[0] == [32]byte{} {
		t.Errorf("keys %x", keys)
	}
}

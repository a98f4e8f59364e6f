package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"satchel/admin"
	"satchel/cmd/satchel/internal/config"
	"satchel/cmd/satchel/internal/keys/keystest"
)

// refuses runs a command that must say no: exit status 1, one sentence with the words, no Go trace.
func (s *shop) refuses(want string, args ...string) {
	s.t.Helper()
	cmd := exec.Command(binary(s.t), append([]string{"--config", s.config}, args...)...)
	out, _ := cmd.CombinedOutput()
	text := string(out)
	if cmd.ProcessState.ExitCode() != exitRefused || !strings.Contains(text, want) || strings.Contains(text, "goroutine ") || strings.Contains(text, "panic") {
		s.t.Errorf("satchel %s: status %d, want 1 and %q:\n%s", strings.Join(args, " "), cmd.ProcessState.ExitCode(), want, text)
	}
}

// elsewhere gives the path of a configuration that differs in its data directory alone.
func (s *shop) elsewhere(dir string) string {
	s.t.Helper()
	text, err := os.ReadFile(s.config)
	s.must(err)
	path := filepath.Join(s.t.TempDir(), "satchel.toml")
	s.must(os.WriteFile(path, []byte(config.SetKey(string(text), "data_dir", `"`+dir+`"`)), 0o600))
	return path
}

// The whole way back from a lost disk: no address is given out twice, and money for invoices that the backup does not
// know is found, named, and can be settled.
func TestRestoreAfterALostDisk(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	kept := s.invoice("10", "USD", "medium", nil)
	s.pay(kept.Address, sats(t, kept.Due))
	s.becomes(kept.ID, "paid", false)
	file := filepath.Join(t.TempDir(), "backup.db")
	s.run(nil, "backup", file)
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v %v", info, err)
	}
	s.refuses("exists already", "backup", file)
	s.refuses("a daemon runs", "restore", file)

	shown := map[string]bool{kept.Address: true}
	var lost []order
	for range 5 {
		inv := s.invoice("20", "USD", "medium", nil)
		lost, shown[inv.Address] = append(lost, inv), true
	}
	txid := s.pay(lost[3].Address, sats(t, lost[3].Due))
	s.becomes(lost[3].ID, "paid", false)
	s.mine(1)
	s.kill()
	if text, db := s.refused(exitRefused, "restore", file), filepath.Join(s.dir, "data", "satchel.db"); strings.Count(text, db) != 1 || !strings.Contains(text, "exists already") {
		t.Errorf("over a database: %s", text)
	}
	starts := "admin.sock; start it with `satchel --config " + s.config + " serve`"
	s.refuses(starts, "backup", file+".2")
	s.refuses(starts, "status")
	s.refuses(starts, "events")
	s.must(os.Remove(filepath.Join(s.dir, "data", "satchel.db")))
	later := s.pay(lost[1].Address, sats(t, lost[1].Due))

	var done restoreDocument
	s.run(&done, "restore", file)
	if len(done.Keys) != 1 || done.Keys[0].Was != 1 || done.Keys[0].Next != 1001 || done.Keys[0].Watched != 1000 {
		t.Fatalf("%+v", done)
	}
	if info, err := os.Stat(filepath.Join(s.dir, "data", "satchel.db")); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v %v", info, err)
	}
	s.start()
	for range 5 {
		inv := s.invoice("20", "USD", "medium", nil)
		if shown[inv.Address] {
			t.Errorf("address %s was shown twice", inv.Address)
		}
		shown[inv.Address] = true
	}
	s.becomes(kept.ID, "confirmed", false)
	s.settlesLost(t, []string{txid, later})
	s.checkStory()
}

// A wallet that was set after the backup is one that the lost database may have shown addresses of, too.
func TestRestoreKnowsTheKeyThatCameAfterTheBackup(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	file := filepath.Join(t.TempDir(), "backup.db")
	s.run(nil, "backup", file)
	s.kill()
	_, vpub := keystest.Account(t, 9)
	s.edit([2]string{"key", vpub})
	s.start()
	lost := s.invoice("20", "USD", "medium", nil)
	s.kill()
	s.must(os.Remove(filepath.Join(s.dir, "data", "satchel.db")))
	var done restoreDocument
	s.run(&done, "restore", file)
	if len(done.Keys) != 2 || done.Keys[0].Watched+done.Keys[1].Watched != 1000 {
		t.Errorf("%+v", done)
	}
	s.start()
	if again := s.invoice("20", "USD", "medium", nil); again.Address == lost.Address {
		t.Errorf("address %s was shown twice", lost.Address)
	}
	txid := s.pay(lost.Address, sats(t, lost.Due))
	s.mine(1)
	s.settlesLost(t, []string{txid})
}

// settlesLost finds payments to lost invoices in `attention` and `reconcile`, and accepts them.
func (s *shop) settlesLost(t *testing.T, txids []string) {
	t.Helper()
	var needs []admin.Need
	s.eventually("the payments are on the list of what needs a hand", func() bool {
		s.run(&needs, "attention")
		return len(needs) == len(txids)
	})
	for _, of := range txids {
		i := slices.IndexFunc(needs, func(n admin.Need) bool { return strings.HasPrefix(n.Outpoint, of) && n.Why == "lost" })
		if i < 0 {
			t.Fatalf("%s is not in %+v", of, needs)
		}
		var b admin.Balance
		s.run(&b, "reconcile")
		if !slices.ContainsFunc(b.Beyond, func(d admin.Difference) bool { return d.Outpoint == needs[i].Outpoint }) || len(b.Missing)+len(b.Extra) > 0 {
			t.Fatalf("reconcile: %+v", b)
		}
		place := map[bool]string{true: "block ", false: "mempool: "}[of == txids[0]]
		if text := s.says("reconcile"); !strings.Contains(text, fmt.Sprintf("lost  %s  40000 sat  invoice %s  %s", needs[i].Outpoint, needs[i].Invoice, place)) {
			t.Errorf("reconcile says:\n%s", text)
		}
		var why admin.Why
		s.run(&why, "why", of)
		if why.Code != "lost_with_database" {
			t.Errorf("why %s: %+v", of, why)
		}
		if d := s.document(needs[i].Invoice); d["status"] != "expired" || d["exceptionStatus"] != "paidLate" || d["currency"] != "BTC" || d["price"] != json.Number("0.0004") {
			t.Errorf("the invoice that was made for it: %v", d)
		}
		s.run(nil, "invoice", "accept", needs[i].Outpoint)
		var doc admin.Invoice
		s.run(&doc, "invoice", "show", needs[i].Invoice)
		if !doc.Lost || !slices.ContainsFunc(doc.History, func(c admin.Change) bool { return c.Status == "paid" && c.Reason == "lost_accepted" }) {
			t.Errorf("once it is accepted: %+v", doc)
		}
		if text := s.says("invoice", "show", needs[i].Invoice); !regexp.MustCompile(`price +0\.0004 BTC, as the first payment was: its invoice was lost`).MatchString(text) {
			t.Errorf("once it is accepted:\n%s", text)
		}
	}
	s.mine(6)
	for _, n := range needs {
		s.becomes(n.Invoice, "complete", "paidLate")
	}
	var b admin.Balance
	if s.run(&b, "reconcile"); len(b.Beyond)+len(b.Missing)+len(b.Extra) > 0 {
		t.Errorf("when all is settled: %+v", b)
	}
}

// A backup each moment while invoices are made and paid: every one restores, is sound, and has all that was
// acknowledged before it began.
func TestBackupsUnderLoad(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	stop := make(chan struct{})
	var mu sync.Mutex
	var made []order
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				inv, err := s.tryInvoice()
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				made = append(made, inv)
				n := len(made)
				mu.Unlock()
				if n%4 == 0 {
					if _, err := s.node.Pay(t.Context(), inv.Address, 40_000); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	dir := t.TempDir()
	const backups = 6
	least := make([]int, backups)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for i := range backups {
		mu.Lock()
		least[i] = len(made)
		mu.Unlock()
		s.run(nil, "backup", filepath.Join(dir, fmt.Sprint(i)))
		<-tick.C
	}
	close(stop)
	wg.Wait()
	for i := range backups {
		data := filepath.Join(dir, fmt.Sprintf("restored-%d", i))
		other := &shop{t: t, config: s.elsewhere(data)}
		other.run(nil, "restore", filepath.Join(dir, fmt.Sprint(i)))
		var problems []problem
		if other.run(&problems, "check"); len(problems) > 0 {
			t.Errorf("backup %d: %+v", i, problems)
		}
	}
	if least[backups-1] < 50 || least[1] == 0 {
		t.Fatalf("only %v invoices were acknowledged before the backups", least)
	}
	s.kill()
	last := &shop{t: t, dir: s.dir, config: s.elsewhere(filepath.Join(dir, "restored-5")), api: s.api, token: s.token, node: s.node}
	last.start()
	t.Cleanup(last.kill)
	for _, inv := range made[:least[backups-1]] {
		if d := last.document(inv.ID); d["bitcoinAddress"] != inv.Address {
			t.Fatalf("invoice %s came back as %v", inv.ID, d)
		}
	}
}

// tryInvoice makes an invoice from a goroutine other than the test's.
func (s *shop) tryInvoice() (order, error) {
	body := fmt.Sprintf(`{"token":%q,"price":20,"currency":"USD"}`, s.token)
	res, err := http.Post("http://"+s.api+"/invoices", "application/json", strings.NewReader(body))
	if err != nil {
		return order{}, err
	}
	defer res.Body.Close()
	var doc struct {
		Data struct {
			ID      string `json:"id"`
			Address string `json:"bitcoinAddress"`
		} `json:"data"`
		Error string `json:"error"`
	}
	if err := json.NewDecoder(res.Body).Decode(&doc); err != nil {
		return order{}, err
	}
	if res.StatusCode != http.StatusOK {
		return order{}, fmt.Errorf("POST /invoices: %d %s", res.StatusCode, doc.Error)
	}
	return order{ID: doc.Data.ID, Address: doc.Data.Address}, nil
}

// What cannot be restored, checked or served is refused with a sentence that says what to do, and changes nothing.
func TestFilesThatAreNotWhole(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for range 10 {
		s.invoice("10", "USD", "medium", nil)
	}
	file := filepath.Join(t.TempDir(), "backup.db")
	s.run(nil, "backup", file)
	db := filepath.Join(s.dir, "data", "satchel.db")
	s.refuses("another satchel uses it", "compact")
	s.refuses("another satchel uses it", "check")
	s.refuses("another satchel uses it", "serve")
	s.kill()
	whole, err := os.ReadFile(file)
	s.must(err)
	torn := slices.Concat(whole[:len(whole)/2/4096*4096], make([]byte, 4096), whole[len(whole)/2/4096*4096+4096:])
	for name, text := range map[string][]byte{
		"cut": whole[:len(whole)-len(whole)/3], "empty": {}, "torn": torn, "another program's": []byte(strings.Repeat("not a database\n", 1000)),
	} {
		s.must(os.WriteFile(db, text, 0o600))
		for _, command := range []string{"serve", "check", "compact"} {
			s.refuses("restore a backup", command)
		}
		bad := filepath.Join(t.TempDir(), "bad.db")
		s.must(os.WriteFile(bad, text, 0o600))
		s.must(os.Rename(db, db+".away"))
		s.refuses("restore: the backup "+bad+": it is not a whole satchel database: ", "restore", bad)
		if text := s.refused(exitRefused, "restore", bad); !strings.HasSuffix(text, "; restore another backup\n") || strings.Contains(text, ".tmp-") || strings.Count(text, bad) != 1 {
			t.Errorf("%s: %s", name, text)
		}
		if _, err := os.Stat(db); err == nil {
			t.Errorf("%s: a database was made of it", name)
		}
	}
	s.must(os.Remove(db + ".away"))
	for _, command := range []string{"serve", "check", "compact"} {
		s.refuses("there is none; mount its disk if it was there before, or make it again from a backup with `satchel restore FILE`", command)
	}
	for path, what := range map[string]string{file + ".none": "no such file or directory", t.TempDir(): "is a directory"} {
		if text := s.refused(exitRefused, "restore", path); text != "satchel: restore: read the backup "+path+": "+what+"\n" {
			t.Errorf("restore %s: %s", path, text)
		}
	}
	s.run(nil, "restore", "--skip", "0", file)
	var c compactDocument
	if s.run(&c, "compact"); c.After > c.Before || c.After == 0 {
		t.Errorf("%+v", c)
	}
	s.start()
	s.invoice("10", "USD", "medium", nil)
	s.checkStory()
	if left, _ := filepath.Glob(filepath.Join(s.dir, "data", ".satchel.db.tmp-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

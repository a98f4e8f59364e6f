package store

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"satchel/invoice"
	"satchel/store/storetest"
)

// powerEnv asks a copy of the test's process to work on a database, whose every write is recorded.
const powerEnv = "SATCHEL_STORE_TEST_POWER"

// imagesEnv is how many power cuts are tried; `make ci-long` asks for more.
const imagesEnv = "SATCHEL_POWER_IMAGES"

// workUnderPower lives a day and then makes invoices from several sides at once. It says what was acknowledged: the number of the
// last event, or an invoice.
func workUnderPower(path string) int {
	all := acts()
	for i := range all {
		do := all[i].do
		all[i].do = func(l *life) error {
			l.db.bolt.NoSync = false
			if err := do(l); err != nil {
				return err
			}
			stats, err := l.db.Stats(l.ctx)
			fmt.Printf("events %d\n", stats.Events)
			return err
		}
	}
	all = append(all, act{"many at once", createMany})
	db, err := live(path, config(path), all)
	if err == nil {
		err = db.Close()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func createMany(l *life) error {
	var wg sync.WaitGroup
	var mu sync.Mutex
	for range 8 {
		wg.Go(func() {
			for range 40 {
				id := invoice.NewID()
				inv, err := l.db.Create(l.ctx, invoice.Creation{Merchant: storetest.Shop}, func(slot invoice.Slot) (invoice.Invoice, []invoice.Event, error) {
					inv, events, err := lifeInvoice(100, slot)
					inv.ID, inv.Order.GUID = id, ""
					events[0].Invoice = inv
					return inv, events, err
				})
				mu.Lock()
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
				} else {
					fmt.Printf("invoice %s\n", inv.ID)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return nil
}

// sysCall is a recorded system call, at the moment when it ended.
type sysCall struct {
	name string
	at   int64  // offset of a write, or the new size
	data []byte // written
}

// recorded runs the work under strace and gives its writes, syncs and acknowledgements, in order.
func recorded(t *testing.T, path string) []sysCall {
	t.Helper()
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Fatalf("%v; scripts/deps.sh test-tools installs it", err)
	}
	log := filepath.Join(t.TempDir(), "calls")
	cmd := exec.CommandContext(t.Context(), strace, "-f", "-xx", "-s", "16777216", "-e", "trace=pwrite64,fdatasync,fsync,ftruncate,write",
		"-e", "signal=none", "-y", "-o", log, os.Args[0])
	cmd.Env = append(os.Environ(), powerEnv+"="+path)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	text, err := os.Open(log)
	if err != nil {
		t.Fatal(err)
	}
	defer text.Close()
	r := &recording{file: hexed(path), open: map[string]string{}}
	lines := bufio.NewReaderSize(text, 1<<20)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return r.calls
		}
		r.line(strings.TrimSuffix(line, "\n"))
	}
}

// hexed is how strace prints a text.
func hexed(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		fmt.Fprintf(&b, `\x%02x`, c)
	}
	return b.String()
}

// recording reads strace's lines; a call that others overtook is told in two.
type recording struct {
	file  string
	open  map[string]string // by thread: the beginning of its call
	calls []sysCall
}

// line takes one line in.
func (r *recording) line(line string) {
	thread, rest, _ := strings.Cut(line, " ")
	rest = strings.TrimSpace(rest)
	if begin, ok := strings.CutSuffix(rest, " <unfinished ...>"); ok {
		r.open[thread] = begin
		return
	}
	if _, end, ok := strings.Cut(rest, " resumed>"); ok && strings.HasPrefix(rest, "<... ") {
		rest = r.open[thread] + end
	}
	if c, ok := r.parse(rest); ok {
		r.calls = append(r.calls, c)
	}
}

// parse reads NAME(FD<FILE>, "DATA", SIZE, OFFSET) = RESULT, of which a sync has only the file, and ftruncate no data.
func (r *recording) parse(line string) (c sysCall, ok bool) {
	name, rest, ok1 := strings.Cut(line, "(")
	fd, rest, ok2 := strings.Cut(rest, "<")
	file, rest, ok3 := strings.Cut(rest, ">")
	c.name = name
	if !ok1 || !ok2 || !ok3 || name == "write" && fd != "1" || name != "write" && file != r.file {
		return c, false
	}
	if _, quoted, is := strings.Cut(rest, `"`); is {
		data, after, _ := strings.Cut(quoted, `"`)
		c.data, _ = hex.DecodeString(strings.ReplaceAll(data, `\x`, ""))
		rest = after
	}
	numbers, result, ok := strings.Cut(rest, ") ")
	if last := strings.LastIndex(numbers, ", "); last >= 0 {
		c.at, _ = strconv.ParseInt(numbers[last+2:], 10, 64)
	}
	return c, ok && !strings.Contains(result, "-1 ")
}

// cut is a power cut: what the disk may hold after it, and what had been acknowledged.
type cut struct {
	image  []byte
	events uint64
	ids    []invoice.ID
}

// disk plays the calls back.
type disk struct {
	r       *rand.Rand
	durable []byte    // what was synced
	pending []sysCall // what was not
	acked   cut
}

// sync makes durable what is pending.
func (d *disk) sync() {
	for _, c := range d.pending {
		d.durable = c.apply(d.durable, nil)
	}
	d.pending = nil
}

// apply does a call to a file. keep tells which sectors of 512 bytes arrive; nil: all.
func (c *sysCall) apply(file []byte, keep func() bool) []byte {
	if c.name == "ftruncate" { // it only makes room, which a write makes as well
		return file
	}
	for at := 0; at < len(c.data); at += sector {
		part := c.data[at:min(at+sector, len(c.data))]
		if keep != nil && !keep() {
			continue
		}
		end := int(c.at) + at + len(part)
		if len(file) < end {
			file = append(file, make([]byte, end-len(file))...)
		}
		copy(file[int(c.at)+at:], part)
	}
	return file
}

const sector = 512

// crash builds what may be on the disk now: any part of what was not synced, in pages of 4 KiB or sectors of 512 bytes.
func (d *disk) crash() cut {
	file := bytes.Clone(d.durable)
	odds, whole := []float64{0.1, 0.5, 0.9}[d.r.IntN(3)], d.r.IntN(2) == 0
	for i := range d.pending {
		n, arrives := 0, false
		file = d.pending[i].apply(file, func() bool {
			if n%8 == 0 || !whole {
				arrives = d.r.Float64() < odds
			}
			n++
			return arrives
		})
	}
	return cut{file, d.acked.events, slices.Clone(d.acked.ids)}
}

// hears takes an acknowledgement in.
func (d *disk) hears(text string) {
	for line := range strings.Lines(text) {
		what, is, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch what {
		case "events":
			d.acked.events, _ = strconv.ParseUint(is, 10, 64)
		case "invoice":
			d.acked.ids = append(d.acked.ids, invoice.ID(is))
		}
	}
}

// cuts cuts the power n times, at random moments. With lies a disk is played that says it has synced, and has not.
func cuts(r *rand.Rand, start []byte, calls []sysCall, n int, lies bool, fn func(cut)) {
	moments := make([]int, n)
	for i := range moments {
		moments[i] = r.IntN(len(calls)) + 1
	}
	slices.Sort(moments)
	d := &disk{r: r, durable: bytes.Clone(start)}
	for i, c := range calls {
		switch c.name {
		case "pwrite64", "ftruncate":
			d.pending = append(d.pending, c)
		case "write":
			d.hears(string(c.data))
		default:
			if !lies || len(d.pending) > 60 {
				d.sync()
			}
		}
		for len(moments) > 0 && moments[0] == i+1 {
			moments = moments[1:]
			fn(d.crash())
		}
	}
}

// bad tells what is wrong with what a power cut left; "": nothing.
func (c *cut) bad(t *testing.T, path string) string {
	t.Helper()
	if err := os.WriteFile(path, c.image, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := Open(config(path))
	if err != nil {
		return err.Error()
	}
	defer db.Close()
	problems, err := db.Check(context.Background())
	if err != nil || len(problems) > 0 {
		return fmt.Sprint(problems, err)
	}
	stats, err := db.Stats(context.Background())
	if err != nil || stats.Events < c.events {
		return fmt.Sprintf("event %d was acknowledged, and %d is the last one: %v", c.events, stats.Events, err)
	}
	err = db.view(context.Background(), func(x *txn) error {
		for _, id := range c.ids { // that each leads to a whole invoice was checked
			if _, ok, err := x.refOf(id); err != nil || !ok {
				return fmt.Errorf("invoice %s was acknowledged: %w", id, errors.Join(err, missing(!ok, bIDs, []byte(id))))
			}
		}
		return nil
	})
	if err != nil {
		return err.Error()
	}
	return ""
}

func imagesWanted() int {
	if n, err := strconv.Atoi(os.Getenv(imagesEnv)); err == nil {
		return n
	}
	return 400
}

// Whatever a power cut leaves of what was not synced, the file is whole and has all that was acknowledged. Control: on
// a disk that only says that it synced, most cuts leave a file that is refused, or lacks something.
func TestPowerCuts(t *testing.T) {
	path := create(t)
	begin, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	calls := recorded(t, path)
	kinds := map[string]int{}
	for _, c := range calls {
		kinds[c.name]++
	}
	if kinds["pwrite64"] < 500 || kinds["fdatasync"] < 150 || kinds["write"] < 100 {
		t.Fatalf("recorded %v", kinds)
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d, %v", seed, kinds)
	image := filepath.Join(t.TempDir(), "satchel.db")
	n, torn := 0, 0
	cuts(rand.New(rand.NewPCG(seed, 1)), begin, calls, imagesWanted(), false, func(c cut) {
		n++
		if what := c.bad(t, image); what != "" {
			torn++
			t.Errorf("cut %d of seed %d: %s", n, seed, what)
		}
	})
	lost, of := 0, 80
	cuts(rand.New(rand.NewPCG(seed, 2)), begin, calls, of, true, func(c cut) {
		if c.bad(t, image) != "" {
			lost++
		}
	})
	t.Logf("%d of %d cuts are bad; on a disk that lies, %d of %d", torn, n, lost, of)
	if n != imagesWanted() || lost*2 < of {
		t.Errorf("the cuts prove nothing: %d made, on a disk that lies %d of %d are bad", n, lost, of)
	}
}

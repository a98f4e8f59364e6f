package store

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"
)

// failEnv asks a copy of the test's process to die at a step of the day: its number and the database.
const failEnv = "SATCHEL_STORE_TEST_FAIL"

// image is the file as a killed process leaves it, and the act that nobody got an answer to.
type image struct {
	step  int
	kind  stepKind
	at    int // the act
	bytes []byte
}

// interrupted lives a day and takes an image at each step of each commit. partial makes each image as a store without
// transactions would leave it: with the rows of the commit that were written so far.
func interrupted(t *testing.T, path string, partial bool) (images []image, steps int, end string) {
	t.Helper()
	var at int
	var written []step
	cfg := config(path)
	cfg.hook = func(s step) {
		steps++
		text := usedPages(t, path)
		if partial {
			text = withRows(t, text, written)
		}
		if s.kind == beforeWrite {
			written = append(written, step{s.kind, s.in, bytes.Clone(s.key), bytes.Clone(s.value)})
		} else {
			written = nil
		}
		if last := len(images) - 1; last >= 0 && images[last].at == at && bytes.Equal(images[last].bytes, text) {
			return // dying here is the same as dying there
		}
		images = append(images, image{steps, s.kind, at, text})
	}
	all := acts()
	for i := range all {
		do := all[i].do
		all[i].do = func(l *life) error { at = i; return do(l) }
	}
	db, err := live(path, cfg, all)
	if err == nil {
		end, err = db.dump()
	}
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	return images, steps, end
}

// withRows writes rows into a copy of a file, past the store.
func withRows(t *testing.T, text []byte, rows []step) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "partial.db")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	raw, err := bolt.Open(path, 0o600, &bolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	err = raw.Update(func(tx *bolt.Tx) error {
		for _, r := range rows {
			in := tx.Bucket([]byte(r.in.String()))
			if r.value == nil {
				err = in.Delete(r.key)
			} else {
				err = in.Put(r.key, r.value)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err = errors.Join(err, raw.Close()); err != nil {
		t.Fatal(err)
	}
	return usedPages(t, path)
}

// usedPages reads a file as far as its pages go; the rest is room that it grows into.
func usedPages(t *testing.T, path string) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	root, err := newestRoot(f)
	if err != nil {
		t.Fatal(err)
	}
	text := make([]byte, int64(root.pages)*root.pageSize)
	if _, err := f.ReadAt(text, 0); err != nil {
		t.Fatal(err)
	}
	return text
}

// resumed opens an image, checks it, goes on from the act that was interrupted, and tells how the day ended.
func resumed(t *testing.T, im image) (end string, err error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "image.db")
	if err := os.WriteFile(path, im.bytes, 0o600); err != nil {
		t.Fatal(err)
	}
	problems, err := CheckFile(t.Context(), path)
	if err != nil || len(problems) > 0 {
		return "", errors.Join(err, fmt.Errorf("%d problems: %v", len(problems), problems))
	}
	cfg := config(path)
	db, err := live(path, cfg, acts()[im.at:])
	if err != nil {
		if db != nil {
			_ = db.Close()
		}
		return "", err
	}
	end, err = db.dump()
	return end, errors.Join(err, db.Close())
}

// start makes a file that several lives begin with: its secret is random.
func start(t *testing.T) []byte {
	t.Helper()
	text, err := os.ReadFile(create(t))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func beginAt(t *testing.T, text []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "satchel.db")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A process that dies before any row of any commit, before the commit or right after it, and is started again, ends the
// day with the same records, events and deliveries as one that nothing happened to. What was answered is not asked
// again, so that it must be there.
func TestDyingAnywhereChangesNothing(t *testing.T) {
	images, steps, want := interrupted(t, beginAt(t, start(t)), false)
	kinds := map[stepKind]int{}
	for _, im := range images {
		kinds[im.kind]++
		if end, err := resumed(t, im); err != nil || end != want {
			t.Fatalf("died at step %d (kind %d), in act %d, %q: %v\n%s", im.step, im.kind, im.at, acts()[im.at].name, err, firstDifference(want, end))
		}
	}
	t.Logf("%d steps, %d different images", steps, len(images))
	if steps < 500 || len(images) < 80 || kinds[afterCommit] < 40 || kinds[beforeWrite] < 40 {
		t.Fatalf("too little was interrupted: %d steps, %d images, %v", steps, len(images), kinds)
	}
}

// Control: a store whose commits are not all or nothing fails the same test nearly everywhere.
func TestDyingWithHalfACommitIsSeen(t *testing.T) {
	images, _, want := interrupted(t, beginAt(t, start(t)), true)
	bad, n := 0, 0
	for i, im := range images {
		if i%7 != 0 || im.kind != beforeCommit && im.kind != beforeWrite {
			continue
		}
		n++
		if end, err := resumed(t, im); err != nil || end != want {
			bad++
		}
	}
	if n < 50 || bad*2 < n {
		t.Fatalf("%d of %d half commits were seen", bad, n)
	}
}

// firstDifference gives the first lines in which two dumps differ.
func firstDifference(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return "want " + x[i] + "\ngot  " + y[i]
		}
	}
	return fmt.Sprintf("%d and %d lines", len(x), len(y))
}

// liveAndDie is the copy of the process: it lives the day and kills itself at a step. Each act that ended is told.
func liveAndDie(wish string) int {
	number, path, _ := strings.Cut(wish, " ")
	die, err := strconv.Atoi(number)
	if err != nil {
		return 2
	}
	n := 0
	cfg := config(path)
	cfg.hook = func(step) {
		if n++; n == die {
			self, _ := os.FindProcess(os.Getpid())
			_ = self.Kill()
			select {}
		}
	}
	all := acts()
	for i := range all {
		do := all[i].do
		all[i].do = func(l *life) error {
			l.db.bolt.NoSync = false
			err := do(l)
			if err == nil {
				fmt.Println(i)
			}
			return err
		}
	}
	if _, err := live(path, cfg, all); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// The same with a real process that is really killed, at every so many steps until none is left to die at.
func TestKilledAtAnyStep(t *testing.T) {
	text := start(t)
	_, steps, want := interrupted(t, beginAt(t, text), false)
	killed := 0
	for die := 1; die <= steps; die += 1 + steps/25 {
		path := beginAt(t, text)
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), failEnv+"="+strconv.Itoa(die)+" "+path)
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err == nil {
			t.Fatalf("step %d of %d killed nobody", die, steps)
		}
		killed++
		done := strings.Count(string(out), "\n")
		if end, err := resumed(t, image{step: die, at: done, bytes: usedPages(t, path)}); err != nil || end != want {
			t.Fatalf("killed at step %d, in act %d: %v\n%s", die, done, err, firstDifference(want, end))
		}
	}
	if killed < 20 {
		t.Fatalf("only %d were killed", killed)
	}
}

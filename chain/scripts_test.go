package chain

import (
	"encoding/binary"
	"runtime"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

func TestScriptsFindWhatWasAdded(t *testing.T) {
	r := scanRand(1)
	makers := []func() []byte{
		func() []byte { return wpkhScript(r) }, func() []byte { return trScript(r) }, func() []byte { return wshScript(r) },
		func() []byte { return pkhScript(r) }, func() []byte { return shScript(r) },
		func() []byte { return randomBytes(r, 900_000) }, func() []byte { return randomBytes(r, 3) },
		func() []byte { return append([]byte{33}, randomBytes(r, 34)...) },
	}
	s := NewScripts(0)
	var ours, foreign [][]byte
	for i := range 20_000 {
		maker := makers[i%5]
		if i%1000 == 0 {
			maker = makers[5+i/1000%3]
		}
		ours, foreign = append(ours, maker()), append(foreign, maker())
		s.Add(ours[i])
		s.Add(ours[i]) // twice is once
	}
	for i := range ours {
		if !s.Has(ours[i]) {
			t.Fatalf("%x… was added and is not found", ours[i][:min(3, len(ours[i]))])
		}
		if s.Has(foreign[i]) {
			t.Fatalf("%x… was never added and is found", foreign[i][:min(3, len(foreign[i]))])
		}
	}
	if s.Len() != len(ours) {
		t.Fatalf("Len is %d after %d scripts", s.Len(), len(ours))
	}
}

func TestScriptsTellNeighboursApart(t *testing.T) {
	// Programs that differ in one byte only, and one program in several kinds of script: near, but not ours.
	s := NewScripts(10)
	program := make([]byte, 32)
	s.Add(append([]byte{0x00, 32}, program...))
	for i := range program {
		if i >= 8+1 && i < 24 {
			continue // the middle of the program is not in the fingerprint
		}
		near := make([]byte, 32)
		near[i] = 1
		if i > 0 && s.Has(append([]byte{0x00, 32}, near...)) {
			t.Errorf("a program that differs in byte %d is found", i)
		}
	}
	for _, kind := range [][]byte{{0x51, 32}, {0x52, 32}, {32, 0}} {
		if s.Has(append(kind, program...)) {
			t.Errorf("the program is found behind %x", kind)
		}
	}
	hash := randomBytes(scanRand(3), 20)
	s.Add(append([]byte{0x00, 20}, hash...))
	if s.Has(append(append([]byte{0xa9, 20}, hash...), 0x87)) || s.Has(append(append([]byte{0x76, 0xa9, 20}, hash...), 0x88, 0xac)) {
		t.Error("the hash of a P2WPKH script is found as P2SH or P2PKH")
	}
}

func TestScriptsTakeCounters(t *testing.T) {
	// Scripts that are no hashes must neither be confused nor pile up.
	s := NewScripts(0)
	script := func(i int) []byte {
		b := append([]byte{0x00, 20}, make([]byte, 20)...)
		binary.BigEndian.PutUint32(b[18:], uint32(i))
		return b
	}
	for i := range 10_000 {
		s.Add(script(i))
	}
	for i := range 20_000 {
		if s.Has(script(i)) != (i < 10_000) {
			t.Fatalf("script %d: found is %v", i, i >= 10_000)
		}
	}
}

func TestScriptsAreASet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, model := NewScripts(rapid.IntRange(0, 100).Draw(t, "expected")), map[string]bool{}
		script := rapid.Custom(func(t *rapid.T) []byte {
			n := rapid.SampledFrom([]int{0, 1, 10, 11, 22, 23, 25, 34, 35, 63, 64, 200}).Draw(t, "size")
			b := make([]byte, n)
			for range min(n, 3) { // few different scripts, so that they meet
				b[rapid.SampledFrom([]int{0, 3, 10, n - 1}).Filter(func(i int) bool { return i < n }).Draw(t, "at")] = rapid.ByteRange(0, 2).Draw(t, "byte")
			}
			return b
		})
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				b := script.Draw(t, "script")
				s.Add(b)
				model[string(b)] = true
			},
			"has": func(t *rapid.T) {
				b := script.Draw(t, "script")
				if got := s.Has(b); got != model[string(b)] {
					t.Fatalf("Has(%x) is %v", b, got)
				}
			},
			"": func(t *rapid.T) {
				if s.Len() != len(model) {
					t.Fatalf("Len is %d, want %d", s.Len(), len(model))
				}
			},
		})
	})
}

func TestScriptsSeeWhatWasAddedBeforeWhileOthersAdd(t *testing.T) {
	s := NewScripts(0)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			r := scanRand(byte(10 + g))
			var mine [][]byte
			for range 5_000 {
				mine = append(mine, wpkhScript(r))
				s.Add(mine[len(mine)-1])
				for _, script := range mine[max(0, len(mine)-20):] {
					if !s.Has(script) {
						t.Error("a script is lost while the table grows")
						return
					}
				}
			}
		})
	}
	wg.Wait()
	if s.Len() != 20_000 {
		t.Fatalf("Len is %d", s.Len())
	}
}

func TestScriptsCostLittleMemory(t *testing.T) {
	const n = 1_000_000
	for name, expected := range map[string]int{"made for it": n, "grown": 0} {
		before := heapInUse()
		s := NewScripts(expected)
		r := scanRand(7)
		script := wpkhScript(r)
		for range n {
			_, _ = r.Read(script[2:])
			s.Add(script)
		}
		each := float64(heapInUse()-before) / n
		t.Logf("%s: %.1f bytes per script", name, each)
		if each > 21 || each < 8 {
			t.Errorf("%s: %.1f bytes per script", name, each)
		}
		runtime.KeepAlive(s)
	}
	// The worst moment: the old table is full to seven eighths and the new one has just been made.
	if worst := 9.0 * 3 / (7.0 / 8); worst > 32 {
		t.Errorf("%.1f bytes per script while growing", worst)
	}
}

func heapInUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func BenchmarkScriptsAdd(b *testing.B) {
	r := scanRand(7)
	script := wpkhScript(r)
	s := NewScripts(0)
	for b.Loop() {
		_, _ = r.Read(script[2:])
		s.Add(script)
	}
}

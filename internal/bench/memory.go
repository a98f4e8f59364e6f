package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"time"

	"satchel/chain"
)

// memory measures an idle daemon, its start, and what a watched script costs.
func (b *bench) memory(ctx context.Context) error {
	_, d, end, err := b.young(ctx)
	if err != nil {
		return err
	}
	defer end()
	var starts []time.Duration
	for range 7 {
		d.stop()
		took, err := d.start(ctx)
		if err != nil {
			return err
		}
		starts = append(starts, took)
	}
	time.Sleep(2 * time.Second)
	rss, err := d.memory("VmRSS")
	if err != nil {
		return err
	}
	anon, err := d.memory("RssAnon")
	if err != nil {
		return err
	}
	b.under("resident memory, idle", rss/1e6, 25, "MB")
	b.under("  of it anonymous", anon/1e6, 25, "MB")
	b.under("start to the first answer", quantile(starts, 0.5), 150, "ms")
	out, err := exec.CommandContext(ctx, os.Args[0], "--scripts").Output()
	if err != nil {
		return err
	}
	var bytes float64
	if err := json.Unmarshal(out, &bytes); err != nil {
		return err
	}
	b.under("anonymous memory per watched script, 1,000,000 of them", bytes, 32, "bytes")
	return nil
}

// scriptMemory runs in a process of its own, so that nothing else is in its memory.
func scriptMemory() {
	r := rand.NewChaCha8([32]byte{2})
	before, _ := statusField("self", "RssAnon")
	scripts := chain.NewScripts(0)
	for range watched {
		scripts.Add(script(r))
	}
	runtime.GC()
	debug.FreeOSMemory()
	after, _ := statusField("self", "RssAnon")
	fmt.Println((after - before) / float64(scripts.Len()))
}

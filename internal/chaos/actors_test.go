package main

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"

	"satchel/regtest"
)

// Whoever stops the miners in the middle of a reorg still gets a chain that is the longest there was.
func TestMinersFinishTheirReorg(t *testing.T) {
	node, err := regtest.Start(t.Context(), regtest.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = node.Stop() }()
	if _, err := node.Mine(t.Context(), 20, ""); err != nil {
		t.Fatal(err)
	}
	w := &world{node: node}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	go func() { done <- w.miners(ctx, rand.New(rand.NewPCG(seed, 1))) }()
	for w.stats.reorgs.Load() == 0 && pause(t.Context(), time.Millisecond) == nil {
	}
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	raw, err := node.Call(t.Context(), "getchaintips")
	if err != nil {
		t.Fatal(err)
	}
	var tips []struct {
		Height int
		Status string
	}
	if err := json.Unmarshal(raw, &tips); err != nil {
		t.Fatal(err)
	}
	best := map[bool]int{}
	for _, tip := range tips {
		best[tip.Status == "active"] = max(best[tip.Status == "active"], tip.Height)
	}
	if len(tips) < 2 || best[true] <= best[false] {
		t.Errorf("the miners left %+v", tips)
	}
}

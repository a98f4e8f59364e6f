package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"time"

	"satchel/admin"
	"satchel/chain"
)

const missed = 1000

// catchUp measures how long a daemon takes for a thousand blocks that it missed, from its first instruction on, beside
// fetching them.
func (b *bench) catchUp(ctx context.Context) error {
	node, d, end, err := b.young(ctx)
	if err != nil {
		return err
	}
	defer end()
	d.stop()
	hashes, err := node.Mine(ctx, missed, "")
	if err != nil {
		return err
	}
	start := time.Now()
	if _, err := d.start(ctx); err != nil {
		return err
	}
	client := admin.NewClient(filepath.Join(d.dir, "admin.sock"))
	for tip := int32(0); tip < 10+missed; {
		var s admin.Status
		if err := client.Call(ctx, "status", admin.Nothing{}, &s); err != nil {
			return err
		}
		tip = s.Tip.Height
		time.Sleep(time.Millisecond)
	}
	took := time.Since(start).Seconds()
	rpc, err := fetchAll(hashes, func(h chain.BlockHash) error {
		_, err := node.Call(ctx, "getblock", h.String(), 0)
		return err
	})
	if err != nil {
		return err
	}
	rest, err := fetchAll(hashes, func(h chain.BlockHash) error { return get(node.URL() + "/rest/block/" + h.String() + ".bin") })
	if err != nil {
		return err
	}
	b.atLeast(figure{Name: "catch-up of 1,000 blocks, start included", Value: missed / took, Unit: "blocks/s", Beside: "getblock alone, one after the other, /s", Limit: rpc}, 0.7)
	b.figures = append(b.figures, figure{
		Name: "  the same", Value: missed / took, Unit: "blocks/s", Beside: "REST alone, one after the other, /s", Limit: rest,
		Ratio: missed / took / rest, Target: "-", OK: true,
	})
	return nil
}

func fetchAll(hashes []chain.BlockHash, fetch func(chain.BlockHash) error) (float64, error) {
	start := time.Now()
	for _, h := range hashes {
		if err := fetch(h); err != nil {
			return 0, err
		}
	}
	return float64(len(hashes)) / time.Since(start).Seconds(), nil
}

func get(url string) error {
	res, err := http.Get(url)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, res.Status)
	}
	_, err = io.Copy(io.Discard, res.Body)
	return err
}

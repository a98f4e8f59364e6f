package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"satchel/regtest"
)

// odd is a block that only a miner can make.
type odd struct {
	name    string
	witness [][]byte
	outputs []regtest.Output
}

// odds are the largest things that a block can hold: each takes all of its four million units of weight (BIP141).
func odds() []odd {
	small := []regtest.Output{{Script: []byte{0x51}, Sats: 1_000}}
	return []odd{
		{"one witness item of 3.9 MB", [][]byte{bytes.Repeat([]byte{7}, 3_900_000)}, small},
		{"3,900,000 witness items", make([][]byte, 3_900_000), small},
		{"100,000 outputs", nil, make([]regtest.Output, 100_000)},
		{"a script of 900 kB", nil, []regtest.Output{{Script: bytes.Repeat([]byte{0x61}, 900_000), Sats: 1_000}}},
	}
}

// blocks lets miners make odd blocks. A payment in each must be told as in any other.
func (s *siege) blocks(ctx context.Context) error {
	list := odds()
	free, err := s.node.FreeCoins(ctx, len(list), 100_000)
	if err != nil {
		return err
	}
	inner, stop := context.WithCancel(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		s.watch(inner)
	}()
	defer func() {
		stop()
		<-watched
	}()
	plain, err := s.inBlock(ctx, nil)
	if err != nil {
		return err
	}
	for i, o := range list {
		raw, _, err := free[i].SpendWith(o.witness, o.outputs...)
		if err != nil {
			return err
		}
		took, err := s.inBlock(ctx, raw)
		if err != nil {
			return fmt.Errorf("%s: %w", o.name, err)
		}
		s.figures = append(s.figures, figure{
			Name: "a block with " + o.name + ", to callback", Value: ms(took), Unit: "ms", Beside: "an ordinary block, ms", Limit: ms(plain),
			Ratio: ms(took) / ms(plain), Target: "<= 5 s", OK: took <= 5*time.Second,
		})
	}
	took, err := s.crowded(ctx)
	if err != nil {
		return fmt.Errorf("a block with %d payments to us: %w", crowd*parts, err)
	}
	s.figures = append(s.figures, figure{
		Name: "a block with 5,000 payments to us, to the last callback", Value: ms(took), Unit: "ms", Beside: "an ordinary block, ms", Limit: ms(plain),
		Ratio: ms(took) / ms(plain), Target: "<= 10 s", OK: took <= 10*time.Second,
	})
	return nil
}

// crowd is how many invoices a block pays at once, each in so many parts of 500 satoshis, which add up to what is due.
const crowd, parts = 50, 100

// crowded mines one transaction that makes 5,000 payments to us, and waits until the shop is told of every invoice.
func (s *siege) crowded(ctx context.Context) (time.Duration, error) {
	free, err := s.node.FreeCoins(ctx, 1, 2*crowd*price)
	if err != nil {
		return 0, err
	}
	var outputs []regtest.Output
	waits := make([]<-chan time.Time, crowd)
	for i := range waits {
		inv, wait, err := s.ask()
		if err != nil {
			return 0, err
		}
		script, err := scriptOf(inv.Address)
		if err != nil {
			return 0, err
		}
		waits[i] = wait
		outputs = append(outputs, slices.Repeat([]regtest.Output{{Script: script, Sats: 50_000 / parts}}, parts)...)
	}
	raw, _, err := free[0].SpendWith(nil, outputs...)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	if _, err := s.node.MineRaw(ctx, raw); err != nil {
		return 0, err
	}
	last := time.Duration(0)
	for _, wait := range waits {
		took, err := s.told(ctx, wait, began)
		if err != nil {
			return 0, err
		}
		last = max(last, took)
	}
	return last, nil
}

// inBlock mines a payment that the mempool never saw together with a transaction, and waits for the callback.
func (s *siege) inBlock(ctx context.Context, other []byte) (time.Duration, error) {
	inv, wait, err := s.ask()
	if err != nil {
		return 0, err
	}
	raw, err := payment(s.take(), inv)
	raws := [][]byte{raw}
	if other != nil {
		raws = append(raws, other)
	}
	if err != nil {
		return 0, err
	}
	if _, err := s.node.MineRaw(ctx, raws...); err != nil {
		return 0, errors.Join(errors.New("the node does not take the block"), err)
	}
	return s.told(ctx, wait, time.Now())
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

package daemon

import (
	"context"
	"errors"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"satchel/chain"
	"satchel/cmd/satchel/internal/keys"
	"satchel/wallet"
)

// verify compares the first addresses with the node's, as soon as it answers, and judges its set-up once.
func (d *parts) verify(ctx context.Context) error {
	for ctx.Err() == nil {
		err := d.keys.Agree(ctx, keys.ByNode(d.node))
		if errors.Is(err, wallet.ErrDisagree) || errors.Is(err, keys.ErrShared) {
			if _, other := d.node.Info(ctx); errors.Is(other, chain.ErrWrongNetwork) {
				return other // which is why it derives other addresses
			}
			return err
		}
		if err == nil {
			break
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second):
		}
	}
	d.verified.Store(true)
	defer settleMemory()
	d.judge(ctx)
	return nil
}

// judge says each weakness of the node's set-up once. It is advice: whether the node is well is the tracker's to say.
func (d *parts) judge(ctx context.Context) {
	weak, err := d.node.Weaknesses(ctx, d.tracker.Health().Tip)
	if err != nil {
		d.log.Debug("the node's set-up was not judged", "err", err)
		return
	}
	d.weak.Store(&weak)
	for _, w := range weak {
		d.log.Warn("the node's set-up can be better", "name", w.Name, "why", w.Sentence, "bitcoin.conf", w.Config)
	}
}

// spareMemory is how much more than after the start the heap may take before the collector works harder: what all limits
// allow at once is less than that, but for garbage.
const spareMemory = 160 << 20

// settleMemory gives back what only the start needed, and bounds what a crowd may make of the heap, unless the operator
// set a bound of his own (GOMEMLIMIT). It is relative, since a million addresses take their memory at the start.
func settleMemory() {
	debug.FreeOSMemory()
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	debug.SetMemoryLimit(int64(m.Sys-m.HeapReleased) + spareMemory) //nolint:gosec // bytes of this machine
}

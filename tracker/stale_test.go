package tracker_test

import (
	"testing"

	"satchel/chain"
)

// A block goes away, and another transaction takes the place of the payment that it held, before anybody told us of the
// block. The two never count beside each other.
func TestReplacedAfterABlockThatWeStillBelieveIn(t *testing.T) {
	w := newWorld(t)
	inv := w.ask()
	first := w.chain.Pay(inv.Address.Script, 600_000)
	w.mine(1)
	w.later()
	w.is(inv, "new/paidPartial")
	w.chain.Mute(true)
	w.chain.Reorg(1)
	second, err := w.chain.Replace(first, chain.Output{Sats: 600_000, Script: inv.Address.Script})
	w.must(err)
	w.chain.Mute(false)
	tx, _ := w.chain.Tx(second)
	w.chain.Hint(chain.Hint{Txs: []chain.Tx{tx}})
	w.round()
	w.is(inv, "new/paidPartial")
	w.later()
	w.is(inv, "new/paidPartial")
	w.events(inv, "created receivedPayment receivedPayment")
}

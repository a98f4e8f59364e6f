package admin

import (
	"context"

	"satchel/fault"
	"satchel/tracker"
)

// ReconcileRequest is `satchel reconcile`.
type ReconcileRequest struct {
	From int32 `json:"from"` // the first block that is read; 0: where watching began
}

// Reconciled is a step of `satchel reconcile`: how far it is, or in the end what it found.
type Reconciled struct {
	Done    int32    `json:"done,omitempty"` // the height that was read
	Of      int32    `json:"of,omitempty"`
	Balance *Balance `json:"balance,omitempty"`
}

// Balance is what the comparison of the records with the chain found.
type Balance struct {
	From    int32        `json:"from"`
	To      int32        `json:"to"`
	Tip     string       `json:"tip"`
	Found   int          `json:"found"` // outputs of ours on the chain and in the mempool
	Sats    int64        `json:"sats"`
	Missing []Difference `json:"missing"`
	Extra   []Difference `json:"extra"`
	Beyond  []Difference `json:"beyond"` // paid to addresses that were never issued
}

// Difference is an output in which the records and the chain disagree.
type Difference struct {
	Outpoint string `json:"outpoint"`
	Sats     int64  `json:"sats"`
	Invoice  string `json:"invoice,omitempty"`
	Height   int32  `json:"height,omitempty"`  // of the block that holds it
	Mempool  bool   `json:"mempool,omitempty"` // no block holds it, but the mempool
	Why      string `json:"why"`
}

// reconcile re-derives every credit from the chain.
func (o *Operator) reconcile(ctx context.Context, r ReconcileRequest, emit func(Reconciled) error) error {
	if r.From < 0 {
		return fault.Field("from", "must be a height")
	}
	b, err := o.cfg.Reconcile(ctx, r.From, func(done, of int32) {
		_ = emit(Reconciled{Done: done, Of: of}) // a client that went away ends ctx
	})
	if err != nil {
		return err
	}
	return emit(Reconciled{Balance: &Balance{
		From: b.From, To: b.To, Tip: b.Tip.String(), Found: b.Found, Sats: int64(b.Sats),
		Missing: differences(b.Missing), Extra: differences(b.Extra), Beyond: differences(b.Beyond),
	}})
}

func differences(list []tracker.Difference) []Difference {
	docs := make([]Difference, 0, len(list))
	for _, d := range list {
		docs = append(docs, Difference{Outpoint: d.Outpoint.String(), Sats: int64(d.Sats), Invoice: string(d.Invoice), Height: d.Height, Mempool: d.Mempool, Why: d.Why})
	}
	return docs
}

package invoice

// Draft is a signed transaction that pays an invoice with the coins of a test network's node. It is kept before it is
// sent, so that a repetition sends the same one: its inputs make sure that only one payment comes of it, through any
// crash and any answer that was lost.
type Draft struct {
	Wallet string // the node's wallet whose coins it spends
	TxID   TxID
	Raw    []byte
}

// IsZero tells that there is none.
func (d Draft) IsZero() bool { return d.TxID == TxID{} && d.Wallet == "" && len(d.Raw) == 0 }

// Keep takes a draft in the place of the one that was (zero: none). Where another took that place, or the invoice can no
// longer be paid, nothing changes.
func (b *Book) Keep(was TxID, d Draft) {
	if b.inv.State.Status == New && b.inv.Draft.TxID == was {
		b.inv.Draft = d
	}
}

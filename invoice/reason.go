package invoice

// Reason is a stable code for why something changed. Scripts may rely on the words; `satchel why --list` explains them.
type Reason string

// Why receipts and invoices change.
const (
	ByCreation       Reason = "created"
	ZeroPrice        Reason = "zero_price"
	SeenInMempool    Reason = "seen_in_mempool"
	SeenInBlock      Reason = "seen_in_block"
	UnobservedWindow Reason = "unobserved_window"
	RateMoved        Reason = "rate_moved"
	AfterWindow      Reason = "after_window"
	AfterEnd         Reason = "after_end"
	WithinGrace      Reason = "within_late_accept"
	BeyondDue        Reason = "beyond_due"
	SharesTotal      Reason = "needed_for_due"
	Mined            Reason = "mined"
	BlockReorged     Reason = "block_reorged"
	BackInMempool    Reason = "back_in_mempool"
	Replaced         Reason = "replaced"
	ConflictMined    Reason = "conflict_mined"
	LeftMempool      Reason = "left_mempool"
	ReachedDue       Reason = "reached_due"
	ZeroConfAccepted Reason = "zero_conf_accepted"
	EnoughBlocks     Reason = "enough_confirmations"
	WindowOver       Reason = "window_over"
	NotConfirmed     Reason = "not_confirmed_in_time"
	ReceiptsGone     Reason = "receipts_gone"
	ConflictFinal    Reason = "conflict_final"
	ConfirmedLater   Reason = "confirmed_after_all"
	InTimeAfterAll   Reason = "in_time_after_all"
	LateAccepted     Reason = "late_accepted"
	LostAccepted     Reason = "lost_accepted"
	ByOperator       Reason = "operator"
	ByMerchant       Reason = "merchant"
	ByRestore        Reason = "lost_with_database"
)

// Explain gives a sentence for a reason.
func (r Reason) Explain() string {
	for _, e := range Reasons() {
		if e.Reason == r {
			return e.Sentence
		}
	}
	return "unknown reason"
}

// Explained is a reason with its sentence.
type Explained struct {
	Reason   Reason
	Sentence string
}

// Reasons lists every reason with a sentence that an operator can act on.
func Reasons() []Explained {
	return []Explained{
		{ByCreation, "The invoice was created."},
		{ZeroPrice, "Nothing was asked for, so it was complete at once."},
		{SeenInMempool, "The node accepted the transaction into its mempool."},
		{SeenInBlock, "The transaction was met in a block."},
		{UnobservedWindow, "Nobody was watching while it may have been sent, so it counts as in time."},
		{RateMoved, "It may have been sent in time, but the rate has since moved against the merchant by more than late_max_move."},
		{AfterWindow, "It was first seen after the quote's window was over."},
		{AfterEnd, "It came after the invoice was final."},
		{WithinGrace, "It was late, but within late_accept and late_max_move."},
		{BeyondDue, "The due sum was already reached by other receipts."},
		{SharesTotal, "Another receipt went away, so this one is needed to reach the due sum."},
		{Mined, "The transaction is in a block."},
		{BlockReorged, "The block that held the transaction is no longer part of the best chain."},
		{BackInMempool, "The transaction is in the node's mempool again."},
		{Replaced, "Another transaction spends the same coins and took its place."},
		{ConflictMined, "A block holds another transaction that spends the same coins."},
		{LeftMempool, "The node no longer has the transaction, and no replacement is known."},
		{ReachedDue, "The receipts in time reach the due sum."},
		{ZeroConfAccepted, "The merchant's policy accepts this payment without a block."},
		{EnoughBlocks, "The payment has the confirmations that the invoice's speed asks for."},
		{WindowOver, "The quote's window ended, and a look at the node after it found no full payment."},
		{NotConfirmed, "The payment was in no block for invalid_after and three blocks."},
		{ReceiptsGone, "The receipts that are left no longer reach the due sum."},
		{ConflictFinal, "A conflicting transaction has six confirmations."},
		{ConfirmedLater, "The payment confirmed after all."},
		{InTimeAfterAll, "Receipts that were in time reach the due sum after all."},
		{LateAccepted, "A late payment was accepted."},
		{LostAccepted, "A payment was accepted whose invoice was lost with a database; it stands for the price, which is not known."},
		{ByOperator, "An operator decided it."},
		{ByMerchant, "The merchant asked for it."},
		{ByRestore, "The address was given out by a database that is lost, after the last backup, so what was asked for is not known; decide by hand."},
	}
}

package invoice

import (
	"time"

	"satchel/merchant"
	"satchel/money"
)

// Lost makes an invoice for a payment to an address whose own invoice is lost: it was made after the backup that was
// restored. Nobody knows what was asked for, so the first payment fixes the price, in bitcoin; its receipts need a hand.
func Lost(slot Slot, set merchant.Settings, id ID, now time.Time) (Invoice, []Event) {
	inv := Invoice{
		Ref: slot.Ref, ID: id, Address: slot.Address, Created: now, Expires: now, Quote: money.Quote{Price: money.Fiat{Code: "BTC"}},
		Terms: Terms{
			Speed: set.Speed, Tolerance: set.Tolerance, InvalidAfter: set.InvalidAfter, ZeroConf: merchant.Never,
			FullNotifications: set.FullNotifications, OpenPrice: true,
		},
		State: State{Status: Expired, Since: now, Reason: ByRestore, Lost: true},
	}
	m := &machine{inv: inv, view: View{Now: now, Tip: slot.Tip}}
	m.emit(Created, ByRestore, ByRestore.Explain())
	return m.inv, m.events
}

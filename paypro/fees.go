package paypro

import (
	"fmt"
	"sync"
	"time"

	"satchel/money"
)

// Fees remembers the fee rates that wallets were told, so that none is refused for a rate that was right when it asked.
// The zero Fees is ready for use, and safe for concurrent use.
type Fees struct {
	mu    sync.Mutex
	since time.Time // when the present period began
	least money.SatPerVB
	prior money.SatPerVB // of the period before; 0: nothing was told
}

// feesPeriod is how long a rate holds at the least; it holds at most twice as long. An invoice lives 15 minutes by default.
const feesPeriod = 30 * time.Minute

// Told notes a rate that a wallet was told.
func (f *Fees) Told(rate money.SatPerVB, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.turn(now)
	if f.least == 0 || rate < f.least {
		f.least = rate
	}
}

// turn begins a new period where the present one is over. A clock that was set back begins one, too.
func (f *Fees) turn(now time.Time) {
	age := now.Sub(f.since)
	switch {
	case age >= 0 && age < feesPeriod:
		return
	case age >= 0 && age < 2*feesPeriod:
		f.prior = f.least
	default:
		f.prior = 0
	}
	f.since, f.least = now, 0
}

// Threshold is the least that a payment must pay now: what wallets were told of late, or the present rate where that is
// lower, less a tenth. Wallets estimate the size of a signature, and are off by a few bytes.
func (f *Fees) Threshold(present money.SatPerVB, now time.Time) money.SatPerVB {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.turn(now)
	for _, told := range []money.SatPerVB{f.least, f.prior} {
		if told > 0 && told < present {
			present = told
		}
	}
	return present - present/10
}

// CheckFee refuses a fee that is too low for a size in virtual bytes.
func CheckFee(fee money.Sats, vsize int64, threshold money.SatPerVB) error {
	rate := money.FeeRate(max(fee, 0), vsize)
	if rate >= threshold {
		return nil
	}
	// A thousandth of a satoshi for a byte is a satoshi for a thousand.
	return &Refusal{Status: badRequest, Text: fmt.Sprintf(
		"Transaction fee (%d sat/kb) is below the current minimum threshold (%d sat/kb)", int64(rate), int64(threshold))}
}

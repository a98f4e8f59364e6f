package money

import (
	"errors"
	"testing"

	"satchel/fault"
)

// FuzzSettings: rates, shares and amounts as a configuration or a price source writes them are read exactly or refused
// with a sentence; what is read and written is read as the same again.
func FuzzSettings(f *testing.F) {
	for _, seed := range []string{
		"50000", "0.00000001", "1e5", "1E-400000000", "-1", "NaN", "0.5%", "0.5 %", "100%", "100.0001%", "1000 sat", "0.0001 BTC", "21000000 BTC", "", " ", "٣", "1_000",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if r, err := ParseRate(text); err == nil {
			if r.IsZero() {
				t.Fatalf("%q is a rate of nothing", text)
			}
			again, err := ParseRate(r.String())
			if err != nil || again.Cmp(r) != 0 {
				t.Fatalf("%q became %s, and that %s: %v", text, r, again, err)
			}
			if v := r.Value(Bitcoin, Currency{Code: "USD", Exponent: 2}); v.Minor < 0 {
				t.Fatalf("a bitcoin at %s is worth %d", r, v.Minor)
			}
		}
		if p, err := ParsePercent(text); err == nil {
			if again, err := ParsePercent(p.String()); err != nil || again != p || p < 0 || p > 1_000_000 {
				t.Fatalf("%q became %d, and that %d: %v", text, p, again, err)
			}
			if share := p.Of(MaxSats); share < 0 || share > MaxSats {
				t.Fatalf("%s of all bitcoin is %d", p, share)
			}
		}
		tol, err := ParseTolerance(text)
		if err == nil {
			if again, err := ParseTolerance(tol.String()); err != nil || again != tol || tol.Sats < 0 {
				t.Fatalf("%q became %+v, and that %+v: %v", text, tol, again, err)
			}
			return
		}
		if _, ok := errors.AsType[*fault.Error](err); !ok {
			t.Fatalf("%q: %v is no sentence for a client", text, err)
		}
	})
}

package main

import (
	"os"
	"strconv"
	"testing"
	"time"
)

// Customers pay while thousands of others do what they can against it. SATCHEL_SIEGE is how many foreign transactions
// come: 5,000 by itself, 50,000 in `make ci-long`.
func TestCustomersPayUnderSiege(t *testing.T) {
	foreign := 5_000
	if text := os.Getenv("SATCHEL_SIEGE"); text != "" {
		var err error
		if foreign, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	b := &bench{dir: t.TempDir(), began: time.Now()}
	if err := b.siegeOf(t.Context(), foreign, 200); err != nil {
		t.Fatal(err)
	}
	hold(t, b)
}

// hold demands that every figure is within its target.
func hold(t *testing.T, b *bench) {
	t.Helper()
	if len(b.figures) == 0 {
		t.Fatal("nothing was measured")
	}
	for _, f := range b.figures {
		t.Logf("%s: %s %s, %s: %s, %.2f times (%s)", f.Name, number(f.Value), f.Unit, f.Beside, number(f.Limit), f.Ratio, f.Target)
		if !f.OK {
			t.Errorf("%s is out of bounds", f.Name)
		}
	}
}

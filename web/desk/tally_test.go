package desk

import (
	"context"
	"errors"
	"testing"
	"time"

	"satchel/invoice"
	"satchel/merchant"
)

// slowStore lets nobody read a merchant's invoices until it is told to.
type slowStore struct {
	listStore
	slow     merchant.ID
	asked    chan struct{} // somebody reads them
	released chan struct{}
}

func (s slowStore) ShowInvoices(ctx context.Context, m merchant.ID, f invoice.Filter, each int) ([]invoice.Shown, error) {
	if m == s.slow {
		select {
		case s.asked <- struct{}{}:
			<-s.released
		case <-s.released:
		}
	}
	return s.listStore.ShowInvoices(ctx, m, f, each)
}

// While one merchant's figures are added up, another's are there at once, and who waits for the same goes when he likes.
func TestNobodyWaitsForAnothersFigures(t *testing.T) {
	o := newOffice(t)
	o.sells(shopA)
	o.sells(shopB)
	s := slowStore{o.db, shopA, make(chan struct{}), make(chan struct{})}
	tallies := newTallies()
	of := func(ctx context.Context, m merchant.ID) (made int, err error) {
		list, err := tallies.days(ctx, s, m, o.read(), 7)
		for _, d := range list {
			made += d.Made
		}
		return made, err
	}
	first := make(chan error, 1)
	go func() {
		n, err := of(t.Context(), shopA)
		if n != 1 && err == nil {
			err = errors.New("another number than was made")
		}
		first <- err
	}()
	<-s.asked
	soon, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	if n, err := of(soon, shopB); n != 1 || err != nil {
		t.Errorf("another merchant's: %d %v", n, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() {
		_, err := of(ctx, shopA)
		gone <- err
	}()
	cancel()
	select {
	case err := <-gone:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("who went got %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("who went still waits")
	}
	close(s.released)
	o.must(<-first)
	if n, err := of(t.Context(), shopA); n != 1 || err != nil {
		t.Errorf("afterwards: %d %v", n, err)
	}
}

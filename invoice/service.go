package invoice

import (
	"context"
	"errors"
	"time"

	"satchel/fault"
	"satchel/merchant"
	"satchel/money"
)

// ErrSkip is what a Deriver gives for an index that has no address (probability 2^-127): take the next one.
var ErrSkip = errors.New("no address at this index")

// Deriver gives the address of an index, without I/O: it is called inside a transaction.
type Deriver interface {
	Key() string // the watch key's fingerprint
	Address(index uint32) (Address, error)
}

// Quoter fixes a price in bitcoin.
type Quoter interface {
	Quote(price money.Fiat) (money.Quote, error)
	Rate(code string) (money.Rate, money.Evidence, error)
}

// Watcher learns a script before anybody else can see it.
type Watcher interface{ Add(script []byte) }

// Gate says whether the node is in a state in which a new invoice would be watched; fault.Unavailable where not.
type Gate interface{ Ready() error }

// Store keeps invoices. Every read takes the merchant; there is no other way to change an invoice than by a function
// that is given the current one, within one commit.
type Store interface {
	// Create gives the builder the next index of the merchant's key and stores what it returns with its events, its
	// script and its guid in one commit. A guid that was used for the same body gives the earlier invoice instead;
	// for another body, fault.Conflict. The builder may be called again.
	Create(ctx context.Context, c Creation, build func(Slot) (Invoice, []Event, error)) (Invoice, error)
	// ByGUID finds what an earlier guid made.
	ByGUID(ctx context.Context, c Creation) (Invoice, bool, error)
	// Update runs fn on the invoice within one commit and stores what its book says.
	Update(ctx context.Context, m merchant.ID, id ID, fn func(*Book) error) (Invoice, error)
	// UpdateOnce is Update for a request that is known again: its repetition gives the invoice as it is, and a used guid
	// with another body is fault.Conflict.
	UpdateOnce(ctx context.Context, m merchant.ID, id ID, once Once, fn func(*Book) error) (Invoice, error)
	// Renotify sends the invoice's last callback again, under the same event id, and logs what notice gives, once.
	Renotify(ctx context.Context, m merchant.ID, id ID, once Once, notice func(inv Invoice, repeated bool) (Event, bool)) error
	// Invoice reads one.
	Invoice(ctx context.Context, m merchant.ID, id ID) (Invoice, error)
	// Receipts reads an invoice's receipts in order of first sight, at most limit.
	Receipts(ctx context.Context, m merchant.ID, id ID, limit int) ([]Receipt, error)
	// PublicInvoice reads what a payer may see.
	PublicInvoice(ctx context.Context, id ID) (Public, error)
}

// Public is what a payer may see of an invoice, with its merchant's name.
type Public struct {
	Invoice  Invoice // without buyer, notification and creator
	Merchant string
	Receipts []Receipt
	Tip      int32
}

// Once makes a repeated request the same request: the act and the note that it was done are one commit.
type Once struct {
	Resource string   // what is asked for: "adjustment"
	GUID     string   // "": it is not known again
	Digest   [32]byte // of the body without token and nonce
}

// Creation is what Create must know before it builds.
type Creation struct {
	Merchant  merchant.ID
	GUID      string   // "": none
	Digest    [32]byte // of the body without token and nonce
	Creator   string   // "": not capped
	MaxOpen   int
	Origin    string // "": not capped
	MaxFrom   int
	NoAddress bool // zero price: no index is used
}

// Slot is where a new invoice goes.
type Slot struct {
	Ref     Ref
	Address Address
	Tip     int32
}

// Request is a decoded and checked wish for an invoice.
type Request struct {
	Merchant merchant.Merchant
	Price    money.Fiat
	Open     bool // no price: the first payment fixes it (operators and point-of-sale links only)
	Currency money.Currency
	Order    Order
	Speed    merchant.Speed // 0: the merchant's
	Window   time.Duration  // 0: the merchant's
	Full     *bool          // nil: the merchant's
	Extended bool
	Digest   [32]byte
	Capped   int // open unpaid invoices that the creator may hold; 0: any
	CapFrom  int // and that its origin may hold; 0: any
}

// Config is what a Service works with.
type Config struct {
	Store  Store
	Rates  Quoter
	Gate   Gate
	Now    func() time.Time
	NewID  func() ID
	MinDue money.Sats // the smallest due sum that is not dust
}

// Service makes and changes invoices.
type Service struct{ cfg Config }

// NewService makes a Service; it starts nothing.
func NewService(cfg Config) *Service {
	if cfg.MinDue == 0 {
		cfg.MinDue = DustLimit
	}
	return &Service{cfg: cfg}
}

// Create makes an invoice, or gives the one that an equal earlier request made. Nothing is stored and no address is
// used when it fails.
func (s *Service) Create(ctx context.Context, r Request) (Invoice, error) {
	c := Creation{
		Merchant: r.Merchant.ID, GUID: r.Order.GUID, Digest: r.Digest,
		Creator: r.Order.Creator, MaxOpen: r.Capped, Origin: r.Order.Origin, MaxFrom: r.CapFrom, NoAddress: !r.Open && r.Price.IsZero(),
	}
	if c.GUID != "" { // a replay is answered also while nothing new can be made
		if inv, ok, err := s.cfg.Store.ByGUID(ctx, c); err != nil || ok {
			return inv, err
		}
	}
	if err := s.cfg.Gate.Ready(); err != nil {
		return Invoice{}, err
	}
	quote, err := s.quote(r)
	if err != nil {
		return Invoice{}, err
	}
	id := s.cfg.NewID()
	return s.cfg.Store.Create(ctx, c, func(slot Slot) (Invoice, []Event, error) {
		inv, events := build(r, quote, slot, s.cfg.Now())
		inv.ID = id
		for i := range events {
			events[i].Invoice.ID = id
		}
		return inv, events, nil
	})
}

func (s *Service) quote(r Request) (money.Quote, error) {
	if r.Open {
		rate, evidence, err := s.cfg.Rates.Rate(r.Currency.Code)
		return money.Quote{Price: money.Fiat{Code: r.Currency.Code}, Rate: rate, Evidence: evidence}, err
	}
	q, err := s.cfg.Rates.Quote(r.Price)
	if err != nil {
		return q, err
	}
	if !r.Price.IsZero() && q.Due < s.cfg.MinDue {
		return q, fault.Field("price", "is %d sat at the current rate, below the dust limit of %d sat", int64(q.Due), int64(s.cfg.MinDue))
	}
	if q.Due > money.MaxSats {
		return q, fault.Field("price", "is more bitcoin than there will ever be")
	}
	return q, nil
}

// build makes the invoice in its first state. A zero price is complete at once.
func build(r Request, q money.Quote, slot Slot, now time.Time) (Invoice, []Event) {
	set := r.Merchant.Settings
	inv := Invoice{
		Ref: slot.Ref, Order: r.Order, Quote: q, Address: slot.Address, Created: now,
		Terms: Terms{
			Speed: r.Speed, Tolerance: set.Tolerance, InvalidAfter: set.InvalidAfter, LateAccept: set.LateAccept,
			LateMaxMove: set.LateMaxMove, ZeroConf: set.ZeroConf, ZeroConfDwell: set.ZeroConfDwell, ZeroConfMax: set.ZeroConfMax,
			FullNotifications: set.FullNotifications, Extended: r.Extended, OpenPrice: r.Open,
		},
		State: State{Status: New, Since: now, Reason: ByCreation},
	}
	if inv.Terms.Speed == 0 {
		inv.Terms.Speed = set.Speed
	}
	if r.Full != nil {
		inv.Terms.FullNotifications = *r.Full
	}
	inv.Terms.FullNotifications = inv.Terms.FullNotifications || r.Extended
	window := set.Window
	if r.Window > 0 {
		window = r.Window
	}
	inv.Expires = now.Add(window)
	if inv.Order.NotificationURL == "" {
		inv.Order.NotificationURL = set.NotificationURL
	}
	m := &machine{inv: inv, view: View{Now: now, Tip: slot.Tip}}
	m.emit(Created, ByCreation, "due "+q.Due.BTC()+" BTC")
	if !r.Open && r.Price.IsZero() {
		m.complete(ZeroPrice)
	} else {
		m.inv.State.Tick = m.inv.Expires
	}
	return m.inv, m.events
}

// Accept credits a receipt that needed a hand.
func (s *Service) Accept(ctx context.Context, m merchant.ID, id ID, o Outpoint) (Invoice, error) {
	return s.cfg.Store.Update(ctx, m, id, func(b *Book) error { return b.Accept(o, s.cfg.Now()) })
}

// Return records that a receipt's money was paid back.
func (s *Service) Return(ctx context.Context, m merchant.ID, id ID, o Outpoint, by TxID) (Invoice, error) {
	return s.cfg.Store.Update(ctx, m, id, func(b *Book) error { return b.Return(o, by, s.cfg.Now()) })
}

// Mark sets the status by an operator's word.
func (s *Service) Mark(ctx context.Context, m merchant.ID, id ID, to Status, reason string) (Invoice, error) {
	if reason == "" {
		return Invoice{}, fault.Field("reason", "is needed: it is kept with the invoice")
	}
	return s.cfg.Store.Update(ctx, m, id, func(b *Book) error { return b.Mark(to, reason, s.cfg.Now()) })
}

// Cancel ends an unpaid invoice early.
func (s *Service) Cancel(ctx context.Context, m merchant.ID, id ID, once Once) (Invoice, error) {
	once.Resource = "cancellation"
	return s.cfg.Store.UpdateOnce(ctx, m, id, once, func(b *Book) error { return b.Cancel(s.cfg.Now()) })
}

// Provide records how the payer is reached.
func (s *Service) Provide(ctx context.Context, m merchant.ID, id ID, c Contact, once Once) (Invoice, error) {
	once.Resource = "contact"
	return s.cfg.Store.UpdateOnce(ctx, m, id, once, func(b *Book) error {
		b.Provide(c)
		return nil
	})
}

// Adjust accepts a wrong amount.
func (s *Service) Adjust(ctx context.Context, m merchant.ID, id ID, a Adjustment, once Once) (Invoice, error) {
	once.Resource = "adjustment"
	return s.cfg.Store.UpdateOnce(ctx, m, id, once, func(b *Book) error { return b.Adjust(a, s.cfg.Now()) })
}

// Keep takes the draft of a payment in the place of the one that was, and gives the invoice with the one that is kept.
func (s *Service) Keep(ctx context.Context, m merchant.ID, id ID, was TxID, d Draft) (Invoice, error) {
	return s.cfg.Store.Update(ctx, m, id, func(b *Book) error {
		b.Keep(was, d)
		return nil
	})
}

// Notify sends the invoice's last callback again, or its state where there was none.
func (s *Service) Notify(ctx context.Context, m merchant.ID, id ID, once Once) error {
	once.Resource = "notification"
	return s.cfg.Store.Renotify(ctx, m, id, once, func(inv Invoice, repeated bool) (Event, bool) {
		return inv.Notice(repeated, s.cfg.Now())
	})
}

package store

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"satchel/auth"
	"satchel/fault"
	"satchel/invoice"
	"satchel/merchant"
	"satchel/money"
	"satchel/notify"
	"satchel/store/storetest"
	"satchel/tracker"
)

// life is a shop's day, act by act: every kind of write there is. Whoever acts looks first whether the act was done, as
// the tracker, the notifier and clients with a guid do after a crash, so that any act may be repeated.
type life struct {
	ctx context.Context
	db  *DB
}

// act is one input.
type act struct {
	name string
	do   func(l *life) error
}

func noon(after time.Duration) time.Time { return storetest.Noon().Add(after) }

// live opens a database, lets acts happen and closes it. Nothing is synced: what is interrupted is copied.
func live(path string, cfg Config, acts []act) (db *DB, err error) {
	if db, err = Open(cfg); err != nil {
		return nil, err
	}
	db.bolt.NoSync = true
	err = db.with(context.Background(), func(ctx context.Context, db *DB) error {
		for _, a := range acts {
			if err := a.do(&life{ctx, db}); err != nil {
				return fmt.Errorf("%s: %w", a.name, err)
			}
		}
		return nil
	})
	return db, err
}

// acts is the whole day.
func acts() []act {
	list := []act{
		{"a second merchant", func(l *life) error { return l.db.PutMerchant(l.ctx, shop(storetest.Other)) }},
		{"the first key", func(l *life) error {
			return l.db.RegisterKey(l.ctx, Key{Fingerprint: storetest.Deriver{}.Key(), Merchant: storetest.Shop})
		}},
		{"the second key", func(l *life) error {
			return l.db.RegisterKey(l.ctx, Key{Fingerprint: storetest.OtherDeriver{}.Key(), Merchant: storetest.Other})
		}},
		{"addresses ahead", func(l *life) error {
			return l.db.PutLookahead(l.ctx, storetest.OtherDeriver{}.Key(), otherAddresses(0, 9))
		}},
		{"a restore's skip", func(l *life) error { return l.skip() }},
	}
	list = append(list, creates()...)
	list = append(list, moneyActs()...)
	return append(append(list, authActs()...), lateActs()...)
}

// otherAddresses derives for the second merchant.
func otherAddresses(from, to uint32) (list []invoice.Address) {
	for i := from; i < to; i++ {
		a, _ := storetest.OtherDeriver{}.Address(i)
		list = append(list, a)
	}
	return list
}

func (l *life) skip() error {
	keys, err := l.db.Keys(l.ctx)
	if err != nil {
		return err
	}
	for _, k := range keys {
		if k.Fingerprint == (storetest.OtherDeriver{}).Key() && k.Next < 4 {
			return l.db.SkipAhead(l.ctx, k.Fingerprint, 4, otherAddresses(0, 4))
		}
	}
	return nil
}

func id(n int) invoice.ID { return invoice.ID(fmt.Sprintf("invoice-%014d", n)) }

func creates() (list []act) {
	for n := range 8 {
		m := storetest.Shop
		if n == 7 {
			m = storetest.Other
		}
		list = append(list, created(n, m))
	}
	return list
}

func created(n int, m merchant.ID) act {
	return act{"create " + string(id(n)), func(l *life) error {
		c := invoice.Creation{Merchant: m, GUID: "g-" + string(id(n)), Digest: [32]byte{byte(n)}, Creator: "till", MaxOpen: 100}
		_, err := l.db.Create(l.ctx, c, func(slot invoice.Slot) (invoice.Invoice, []invoice.Event, error) { return lifeInvoice(n, slot) })
		return err
	}}
}

func lifeInvoice(n int, slot invoice.Slot) (invoice.Invoice, []invoice.Event, error) {
	now := noon(0)
	inv := invoice.Invoice{
		Ref: slot.Ref, ID: id(n), Address: slot.Address, Created: now, Expires: noon(15 * time.Minute),
		Quote: money.Quote{Price: money.Fiat{Minor: 5000, Code: "USD"}, Due: 1_000_000},
		Order: invoice.Order{
			GUID: "g-" + string(id(n)), NotificationURL: "https://shop.example/ipn", OrderID: fmt.Sprint("order-", n), ItemCode: "tea", Creator: "till",
		},
		Terms: invoice.Terms{Speed: merchant.Medium, InvalidAfter: time.Hour, FullNotifications: true},
		State: invoice.State{Status: invoice.New, Since: now, Reason: invoice.ByCreation, Tick: noon(15 * time.Minute)},
	}
	return inv, []invoice.Event{{Code: invoice.Created, At: now, Reason: invoice.ByCreation, Invoice: inv}}, nil
}

func moneyActs() []act {
	whole := func(tx, to int) pay { return pay{tx: tx, to: to, sats: 1_000_000} }
	return []act{
		{"the first block", func(l *life) error { return l.block(99, 0, 0) }},
		{"block 100", func(l *life) error { return l.block(100, 0, 0) }},
		{"two payments", func(l *life) error { return l.mempool(time.Minute, whole(1, 0), whole(2, 1)) }},
		{"a part", func(l *life) error { return l.mempool(time.Minute, pay{tx: 3, to: 2, sats: 400_000}) }},
		{"too much", func(l *life) error { return l.mempool(2*time.Minute, whole(4, 0)) }},
		{"a double spend", func(l *life) error { return l.replaced(2, 5) }},
		{"block 101", func(l *life) error { return l.block(101, 0, 0, whole(1, 0), whole(4, 0), whole(6, 3)) }},
		{"the first callbacks", func(l *life) error { return l.callbacks(notify.Delivered, 200, 1, 4) }},
		{"block 102", func(l *life) error { return l.block(102, 0, 0, whole(7, 4)) }},
		{"block 102 goes", func(l *life) error { return l.unblock(102) }},
		{"another block 102", func(l *life) error { return l.block(102, 1, 0) }},
		{"block 103", func(l *life) error { return l.block(103, 1, 1, whole(7, 4)) }},
		{"callbacks fail", func(l *life) error { return l.callbacks(notify.Pending, 500, 2, 3) }},
		{"a lost invoice's payment", func(l *life) error { return l.mempool(5*time.Minute, pay{tx: 8, to: -1, sats: 70_000}) }},
		{"the other shop's", func(l *life) error { return l.mempool(5*time.Minute, whole(9, 7)) }},
		{"cancelled", func(l *life) error {
			return l.change(5, func(b *invoice.Book) error { return b.Cancel(noon(6 * time.Minute)) })
		}},
		{"the window ends", func(l *life) error { return l.expire() }},
		{"late", func(l *life) error { return l.mempool(20*time.Minute, whole(10, 6)) }},
		{"block 104", func(l *life) error { return l.block(104, 1, 1, whole(10, 6), whole(9, 7)) }},
		{"looked", func(l *life) error {
			return l.db.UpdateChain(l.ctx, func(tx tracker.Tx) error { return tx.SetObserved(noon(20 * time.Minute)) })
		}},
	}
}

// change is an operator's decision; one that was taken already is refused, and that is as good.
func (l *life) change(n int, fn func(*invoice.Book) error) error {
	_, err := l.db.Update(l.ctx, storetest.Shop, id(n), fn)
	if fault.Is(err, fault.Conflict) {
		return nil
	}
	return err
}

// expire lets the window's end pass for whoever waits for it.
func (l *life) expire() error {
	return l.chained(noon(16*time.Minute), func(w *work) error {
		refs, err := w.tx.Ticks(w.now, 100)
		for _, ref := range refs {
			_, opening := w.book(ref)
			err = errors.Join(err, opening)
		}
		return err
	})
}

// callbacks tries what is due of some deliveries; a try that was recorded is not made again, for then it is no longer due.
func (l *life) callbacks(state notify.State, status int, of ...uint64) error {
	at := noon(10 * time.Minute)
	list, _, err := l.db.DueDeliveries(l.ctx, notify.Due{
		Now: at, Limit: 100, Room: func(string) int { return 100 }, Busy: func(uint64) bool { return false },
	})
	slices.SortFunc(list, func(a, b notify.Delivery) int { return int(a.ID) - int(b.ID) })
	for _, d := range list {
		if !slices.Contains(of, d.ID) {
			continue
		}
		d.State = state
		d.Progress.Attempts++
		d.Progress.First, d.Progress.Next, d.Progress.Last = at, at.Add(time.Hour), fmt.Sprint("status ", status)
		err = errors.Join(err, l.db.RecordAttempt(l.ctx, d, notify.Attempt{At: at, Took: time.Second, Status: status, Answer: "thanks"}))
	}
	return err
}

func authActs() []act {
	put := func(g auth.Grant, c auth.Client, by auth.Request) func(l *life) error {
		return func(l *life) error {
			return l.db.UpdateAuth(l.ctx, func(tx auth.Tx) error {
				if c.SIN != "" {
					if err := tx.PutClient(c); err != nil {
						return err
					}
				}
				return tx.PutGrant(g, by)
			})
		}
	}
	grant := auth.Grant{ID: auth.TokenID{1}, Merchant: storetest.Shop, Facade: auth.POS, Created: noon(0)}
	asked := auth.Grant{
		ID: auth.TokenID{2}, Facade: auth.POS, SIN: storetest.Till, Created: noon(0),
		Pairing: auth.Pairing{Code: "aB3dE5g", Expires: noon(24 * time.Hour), Client: true},
	}
	offered := auth.Grant{
		ID: auth.TokenID{3}, Merchant: storetest.Shop, Facade: auth.POS, Created: noon(0),
		Pairing: auth.Pairing{Code: "xY3dE5g", Expires: noon(24 * time.Hour)},
	}
	approved := asked
	approved.Merchant, approved.Pairing = storetest.Shop, auth.Pairing{}
	till := auth.Client{SIN: storetest.Till, Created: noon(0), Paired: true}
	session := func(next uint64, answer string) func(l *life) error {
		s := auth.Session{ID: "session-1", Next: next, Used: noon(time.Duration(next) * time.Minute)}
		if answer != "" {
			s.Last = auth.Last{Hash: [32]byte{1}, Status: 200, Size: len(answer)}
		}
		return func(l *life) error {
			return l.db.UpdateAuth(l.ctx, func(tx auth.Tx) error { return tx.PutSession(s, []byte(answer)) })
		}
	}
	return []act{
		{"a token", put(grant, auth.Client{}, auth.Request{})},
		{"a client asks", put(asked, till, auth.Request{Scope: "till", GUID: "g"})},
		{"approved", put(approved, till, auth.Request{})},
		{"an offer", put(offered, auth.Client{}, auth.Request{Scope: "shop", GUID: "g"})},
		{"an operator", func(l *life) error {
			return l.db.UpdateStaff(l.ctx, func(tx auth.StaffTx) error {
				return tx.PutOperator(auth.Operator{Name: "alice", Role: auth.Owner, Merchant: storetest.Other, Created: noon(0)})
			})
		}},
		{"signed in", func(l *life) error {
			return l.db.UpdateStaff(l.ctx, func(tx auth.StaffTx) error {
				return tx.PutSeat([32]byte{7}, auth.Seat{Operator: "alice", Opened: noon(0), Used: noon(time.Minute)})
			})
		}},
		{"a link", func(l *life) error {
			link := merchant.Link{ID: merchant.LinkID{1}, Merchant: storetest.Shop, Label: "till", Price: money.Fiat{Code: "EUR"}, Created: noon(0)}
			if _, ok, err := l.db.Link(l.ctx, link.ID); err != nil || ok {
				return err
			}
			return l.db.AddLink(l.ctx, link)
		}},
		{"an unpaired client", func(l *life) error {
			return l.db.UpdateAuth(l.ctx, func(tx auth.Tx) error { return tx.PutClient(auth.Client{SIN: storetest.Desk, Created: noon(0)}) })
		}},
		{"a session", session(1, "")},
		{"an answer in it", session(2, `{"data":{}}`)},
	}
}

func lateActs() []act {
	return []act{
		{"a late payment is accepted", func(l *life) error {
			return l.change(6, func(b *invoice.Book) error {
				return b.Accept(invoice.Outpoint{TxID: storetest.Txid(10)}, noon(time.Hour))
			})
		}},
		{"resent", func(l *life) error { return l.resend() }},
		{"another order of one guid", func(l *life) error {
			_, err := l.db.UpdateOnce(l.ctx, storetest.Shop, id(1), invoice.Once{Resource: "adjustment", GUID: "9", Digest: [32]byte{2}}, func(b *invoice.Book) error {
				b.Provide(invoice.Contact{Email: "payer@mail.example"})
				return nil
			})
			return err
		}},
		{"block 105", func(l *life) error { return l.block(105, 1, 1, pay{tx: 11, to: 3, sats: 5000}) }},
		{"block 106", func(l *life) error { return l.block(106, 1, 1) }},
		created(8, storetest.Shop),
		{"a shop is gone", func(l *life) error { return l.callbacks(notify.Parked, 410, 5) }},
		{"more callbacks", func(l *life) error { return l.callbacks(notify.Delivered, 200, 6, 8) }},
		{"it is gone again", func(l *life) error { return l.callbacks(notify.Parked, 410, 7) }},
	}
}

// resend queues the first delivery again. An operator looks first whether it was.
func (l *life) resend() error {
	list, err := l.db.DeliveriesOf(l.ctx, storetest.Shop, id(0))
	if err != nil || len(list) == 0 {
		return errors.Join(err, fmt.Errorf("%d deliveries", len(list)))
	}
	if slices.ContainsFunc(list, func(d notify.Delivery) bool { return d.Resend }) {
		return nil
	}
	_, err = l.db.Resend(l.ctx, storetest.Shop, list[0].ID, noon(time.Hour))
	return err
}

// dump writes everything down, with numbers in the place of ids that are random.
func (db *DB) dump() (string, error) {
	var b strings.Builder
	var ids []string
	err := db.view(context.Background(), func(t *txn) error {
		return t.bolt.ForEach(func(name []byte, in *bolt.Bucket) error {
			return in.ForEach(func(key, value []byte) error {
				if bytes.Equal(name, []byte(bEvents.String())) {
					rec, _, err := decodeEvent(key, value[1:len(value)-4])
					if err != nil {
						return err
					}
					ids = append(ids, rec.ID, fmt.Sprintf("#%x", key))
				}
				if rec := new(invoiceRecord); bytes.Equal(name, []byte(bInvoices.String())) && decode(bInvoices, key, value[1:len(value)-4], rec) == nil && rec.State.Lost {
					ids = append(ids, string(rec.ID), "lost", hex.EncodeToString([]byte(rec.ID)), "lost") // as random as an event's
				}
				fmt.Fprintf(&b, "%s %x %q\n", name, key, value[1:max(len(value)-4, 1)])
				return nil
			})
		})
	})
	lines := strings.Split(strings.NewReplacer(ids...).Replace(b.String()), "\n")
	sums := regexp.MustCompile(`^(events \S+ ").*?{|,\\"sum\\":\d+`) // and the record's length
	for i, line := range lines {
		if strings.Contains(line, `\"lost\"`) { // its documents hold the id, too
			lines[i] = sums.ReplaceAllString(line, "$1")
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n"), err
}

// The day touches every bucket: what is proved over it is proved for each kind of record.
func TestLifeTouchesEveryBucket(t *testing.T) {
	path := create(t)
	db, err := live(path, config(path), acts())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if problems, err := db.Check(t.Context()); err != nil || len(problems) > 0 {
		t.Fatalf("%v %v", problems, err)
	}
	err = db.view(t.Context(), func(x *txn) error {
		for b := range bucketCount {
			in, err := x.bucket(b)
			if err != nil {
				return err
			}
			if in.Stats().KeyN == 0 {
				t.Errorf("nothing is ever written to %s", b)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

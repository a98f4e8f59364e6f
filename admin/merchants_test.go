package admin

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"satchel/fault"
	"satchel/invoice"
	"satchel/merchant"
)

// street is a store with merchants; what the tests do not use is not there.
type street struct {
	Store
	list []merchant.Merchant
	err  error
	seen []merchant.ID // whose invoices were asked for
}

func (s *street) Merchants(context.Context) ([]merchant.Merchant, error) { return s.list, s.err }

func (s *street) ListInvoices(_ context.Context, m merchant.ID, _ invoice.Filter) ([]invoice.Invoice, error) {
	s.seen = append(s.seen, m)
	return nil, nil
}

func operator() (*Operator, *street) {
	s := &street{list: []merchant.Merchant{
		{ID: "first", Name: "Shop"}, {ID: "second", Name: "Other"}, {ID: "third", Name: "Twin"}, {ID: "fourth", Name: "Twin"}, {ID: "fifth", Name: "third"},
	}}
	return NewOperator(Config{Store: s, Merchant: "first"}), s
}

func TestACommandIsAboutOneMerchant(t *testing.T) {
	o, s := operator()
	for name, want := range map[string]merchant.ID{"": "first", "first": "first", "Shop": "first", "second": "second", "Other": "second", "third": "third", "fourth": "fourth"} {
		s.seen = nil
		if _, err := of(o, o.listInvoices)(t.Context(), ListRequest{Of: Of{name}}); err != nil || len(s.seen) != 1 || s.seen[0] != want {
			t.Errorf("%q: asked for %v, want %s (%v)", name, s.seen, want, err)
		}
	}
	for name, want := range map[string]string{"Nobody": "satchel merchant list", "shop": "satchel merchant list", "Twin": "2 are called"} {
		s.seen = nil
		_, err := of(o, o.listInvoices)(t.Context(), ListRequest{Of: Of{name}})
		f, _ := errors.AsType[*fault.Error](err)
		if f == nil || f.Field != "merchant" || !strings.Contains(f.Message, want) || len(s.seen) != 0 {
			t.Errorf("%q: %v, asked for %v", name, err, s.seen)
		}
	}
	s.err = errors.New("disk on fire")
	if _, err := of(o, o.listInvoices)(t.Context(), ListRequest{Of: Of{"second"}}); !errors.Is(err, s.err) {
		t.Errorf("got %v", err)
	}
	if o.flag("first") != "" || o.flag("second") != " --merchant second" {
		t.Errorf("flags %q and %q", o.flag("first"), o.flag("second"))
	}
}

// Every request that is about a merchant's records says whose, in the same member.
func TestRequestsSayWhose(t *testing.T) {
	for _, r := range []any{
		TokenRequest{},
		ByID{},
		InvoiceRequest{},
		ListRequest{},
		MarkRequest{},
		SettleRequest{},
		DeliveryRequest{},
		TestRequest{},
		RotateRequest{},
		SetRequest{},
		PairingRequest{},
		PairingByCode{},
		EventsRequest{},
		WhyRequest{},
	} {
		v := reflect.New(reflect.TypeOf(r))
		if err := json.Unmarshal([]byte(`{"merchant":"second"}`), v.Interface()); err != nil {
			t.Fatal(err)
		}
		if w, ok := reflect.TypeAssert[interface{ whose() string }](v.Elem()); !ok || w.whose() != "second" {
			t.Errorf("%T does not say whose", r)
		}
	}
}

// opened is Shops with one function.
type opened struct {
	Shops
	add func(MerchantRequest) (NewMerchant, error)
}

func (o opened) Add(_ context.Context, r MerchantRequest) (NewMerchant, error) { return o.add(r) }

// A key travels over the socket, and into no log.
func TestAddedKeyIsNotLogged(t *testing.T) {
	const key = "tpubsecretkey"
	var logged strings.Builder
	log := slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s := NewServer(filepath.Join(t.TempDir(), "admin.sock"), log)
	var got MerchantRequest
	NewOperator(Config{Shops: opened{add: func(r MerchantRequest) (NewMerchant, error) {
		got = r
		return NewMerchant{}, fault.Field("key", "is refused")
	}}}).Register(s)
	c := run(t, s)
	err := c.Call(t.Context(), "merchant-add", MerchantRequest{Name: "N", Key: key, Settings: []Setting{{"invoice.speed", "low"}}}, nil)
	f, _ := errors.AsType[*fault.Error](err)
	if f == nil || f.Field != "key" || got.Key != key || len(got.Settings) != 1 {
		t.Fatalf("%v %+v", err, got)
	}
	if strings.Contains(logged.String(), key) {
		t.Errorf("logged: %s", logged.String())
	}
}

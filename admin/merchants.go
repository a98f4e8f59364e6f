package admin

import (
	"context"

	"satchel/fault"
	"satchel/merchant"
)

// Of says whose records a command is about. It is part of every request that is about a merchant's.
type Of struct {
	Merchant string `json:"merchant,omitempty"` // an id or a name; "": the configuration's own
}

func (o Of) whose() string { return o.Merchant }

// of gives a command the merchant whom its request names. What is another merchant's, it does not find.
func of[Req interface{ whose() string }, Doc any](
	o *Operator, fn func(context.Context, merchant.ID, Req) (Doc, error),
) func(context.Context, Req) (Doc, error) {
	return func(ctx context.Context, r Req) (Doc, error) {
		m, err := o.find(ctx, r.whose())
		if err != nil {
			var none Doc
			return none, err
		}
		return fn(ctx, m, r)
	}
}

// find finds a merchant by id, or else by name.
func (o *Operator) find(ctx context.Context, name string) (merchant.ID, error) {
	if name == "" {
		return o.cfg.Merchant, nil
	}
	list, err := o.cfg.Store.Merchants(ctx)
	if err != nil {
		return "", err
	}
	var found []merchant.ID
	for _, m := range list {
		if m.ID == merchant.ID(name) {
			return m.ID, nil
		}
		if m.Name == name {
			found = append(found, m.ID)
		}
	}
	switch len(found) {
	case 0:
		return "", fault.Field("merchant", "there is no %q; `satchel merchant list` shows them", name)
	case 1:
		return found[0], nil
	}
	return "", fault.Field("merchant", "%d are called %q; give the id of one, `satchel merchant list` shows them", len(found), name)
}

// names are what the merchants are called.
func (o *Operator) names(ctx context.Context) (map[merchant.ID]string, error) {
	list, err := o.cfg.Store.Merchants(ctx)
	names := make(map[merchant.ID]string, len(list))
	for _, m := range list {
		names[m.ID] = m.Name
	}
	return names, err
}

// flag is what a command needs to be about a merchant.
func (o *Operator) flag(m merchant.ID) string {
	if m == o.cfg.Merchant {
		return ""
	}
	return " --merchant " + string(m)
}

// Shops adds merchants, and changes what is theirs. Every problem of a request is in one error.
type Shops interface {
	// List gives all, in the order in which they were added.
	List(ctx context.Context) ([]Shop, error)
	// Check says what Add would do, and does nothing.
	Check(ctx context.Context, r MerchantRequest) (NewMerchant, error)
	// Add adds a merchant with a watch key that no other has.
	Add(ctx context.Context, r MerchantRequest) (NewMerchant, error)
	// Set changes settings; the configuration's merchant is refused.
	Set(ctx context.Context, m merchant.ID, values []Setting) (Shop, error)
}

// Setting is a setting by the name that the configuration has for it, such as invoice.speed.
type Setting struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// MerchantRequest is `satchel merchant add`.
type MerchantRequest struct {
	Name        string    `json:"name"`
	Key         string    `json:"key"` // who has it sees every payment: it is in no log
	AddressType string    `json:"addressType"`
	StartIndex  int64     `json:"startIndex"` // -1: above what the node finds used
	Birthday    int64     `json:"birthday"`
	Settings    []Setting `json:"settings"`
}

// NewMerchant is a merchant that was or would be added, with the first addresses of its invoices. The secret is shown once.
type NewMerchant struct {
	ID          string   `json:"id,omitempty"`
	Name        string   `json:"name"`
	Network     string   `json:"network"`
	Type        string   `json:"addressType"`
	Fingerprint string   `json:"key"`
	StartIndex  uint32   `json:"startIndex"`
	Addresses   []string `json:"addresses"`
	Note        string   `json:"note,omitempty"` // on the start index
	Secret      string   `json:"webhookSecret,omitempty"`
}

// Shop is a row of `satchel merchant list`.
type Shop struct {
	ID          string            `json:"id"`
	Name        string            `json:"name"`
	Fingerprint string            `json:"key"`
	Next        uint32            `json:"next"` // the index of the next address
	Open        int               `json:"openInvoices"`
	Configured  bool              `json:"configured"` // the configuration's own
	Settings    map[string]string `json:"settings"`
}

// SetRequest is `satchel merchant set`.
type SetRequest struct {
	Of
	Settings []Setting `json:"settings"`
}

func (o *Operator) checkMerchant(ctx context.Context, r MerchantRequest) (NewMerchant, error) {
	return o.cfg.Shops.Check(ctx, r)
}

func (o *Operator) addMerchant(ctx context.Context, r MerchantRequest) (NewMerchant, error) {
	return o.cfg.Shops.Add(ctx, r)
}

func (o *Operator) setMerchant(ctx context.Context, m merchant.ID, r SetRequest) (Shop, error) {
	return o.cfg.Shops.Set(ctx, m, r.Settings)
}

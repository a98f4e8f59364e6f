package admin

import (
	"context"
	"slices"
	"strconv"
	"time"

	"satchel/fault"
	"satchel/invoice"
	"satchel/merchant"
	"satchel/notify"
)

func (o *Operator) listDeliveries(ctx context.Context, m merchant.ID, r DeliveryRequest) ([]Delivery, error) {
	if r.Limit <= 0 || r.Limit > 1000 {
		r.Limit = 100
	}
	var list []notify.Delivery
	var err error
	if r.Invoice == "" {
		list, err = o.cfg.Store.ListDeliveries(ctx, m, r.Failed, r.Limit)
	} else {
		list, err = o.deliveriesOf(ctx, m, r)
	}
	if err != nil {
		return nil, err
	}
	return o.withAttempts(ctx, m, list)
}

// deliveriesOf picks among an invoice's deliveries as the store does among all.
func (o *Operator) deliveriesOf(ctx context.Context, m merchant.ID, r DeliveryRequest) ([]notify.Delivery, error) {
	list, err := o.cfg.Store.DeliveriesOf(ctx, m, invoice.ID(r.Invoice))
	if err != nil {
		return nil, unknown(err, listedInvoices)
	}
	if r.Failed {
		list = slices.DeleteFunc(list, func(d notify.Delivery) bool { return !d.State.Troubled(d.Progress.Attempts) })
	}
	return list[:min(len(list), r.Limit)], nil
}

func (o *Operator) withAttempts(ctx context.Context, m merchant.ID, list []notify.Delivery) ([]Delivery, error) {
	docs := make([]Delivery, 0, len(list))
	for _, d := range list {
		attempts, err := o.cfg.Store.Attempts(ctx, m, d.ID)
		if err != nil {
			return nil, err
		}
		docs = append(docs, deliveryDoc(d, attempts))
	}
	return docs, nil
}

func (o *Operator) resend(ctx context.Context, m merchant.ID, r ByID) (Delivery, error) {
	id, err := strconv.ParseUint(r.ID, 10, 64)
	if err != nil {
		return Delivery{}, fault.Field("id", "is a number; `satchel delivery list` shows them")
	}
	d, err := o.cfg.Store.Resend(ctx, m, id, o.cfg.Clock.Now())
	return deliveryDoc(d, nil), unknown(err, "`satchel delivery list` shows them")
}

func (o *Operator) testDelivery(ctx context.Context, m merchant.ID, r TestRequest) (Attempt, error) {
	if err := o.cfg.CheckURL(r.URL); err != nil {
		return Attempt{}, err
	}
	shop, err := o.cfg.Store.Merchant(ctx, m)
	if err != nil {
		return Attempt{}, err
	}
	a, err := o.cfg.Sample(ctx, r.URL, shop.Secrets)
	return attemptDoc(a), err
}

// rotate makes a new signing secret. The previous one signs, too, until the overlap is over.
func (o *Operator) rotate(ctx context.Context, m merchant.ID, r RotateRequest) (Secret, error) {
	overlap := 24 * time.Hour
	if r.Overlap != "" {
		d, err := time.ParseDuration(r.Overlap)
		if err != nil || d < 0 || d > 90*24*time.Hour {
			return Secret{}, fault.Field("overlap", "%q is not a duration of at most 2160h", r.Overlap)
		}
		overlap = d
	}
	now := o.cfg.Clock.Now()
	shop, err := o.cfg.Store.UpdateMerchant(ctx, m, func(shop *merchant.Merchant) error {
		shop.Secrets = notify.Rotate(shop.Secrets, now, overlap)
		return nil
	})
	if err != nil {
		return Secret{}, err
	}
	return Secret{Secret: shop.Secrets.Webhook.Reveal(), Until: now.Add(overlap)}, nil
}

func (o *Operator) clock(ctx context.Context, r ClockRequest) (Clock, error) {
	if r.Advance != "" {
		d, err := time.ParseDuration(r.Advance)
		if err != nil || d <= 0 || d > 10*365*24*time.Hour {
			return Clock{}, fault.Field("advance", "%q is not a positive duration such as 16m", r.Advance)
		}
		if err := o.cfg.Clock.Advance(ctx, d); err != nil {
			return Clock{}, err
		}
	}
	return Clock{Now: o.cfg.Clock.Now(), Offset: o.cfg.Clock.Offset().String()}, nil
}

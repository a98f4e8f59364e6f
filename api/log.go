package api

import (
	"context"
	"time"

	"satchel/auth"
	"satchel/bitpay"
	"satchel/invoice"
	"satchel/merchant"
)

// logPath is the one call that may wait for something to happen.
const logPath = "/v1/events"

// logStore reads a merchant's part of the event log.
type logStore interface {
	Events(ctx context.Context, m merchant.ID, after uint64, limit int) ([]invoice.Logged, error)
}

// showLog is GET /v1/events: the merchant's events after a number, at once, or as soon as there is one.
func (a *API) showLog(ctx context.Context, p auth.Principal, r *request) (bitpay.Raw, error) {
	q, err := bitpay.DecodeLogQuery(r.query)
	if err != nil {
		return nil, err
	}
	list, err := a.cfg.Store.Events(ctx, p.Merchant(), q.After, q.Limit)
	if err != nil || len(list) > 0 || q.Wait == 0 {
		return bitpay.LogDocument(list, q.After), err
	}
	wake, cancel, err := a.cfg.Hub.Subscribe(hubLog)
	if err != nil {
		return nil, err
	}
	defer cancel()
	end := time.NewTimer(q.Wait)
	defer end.Stop()
	for {
		// After subscribing and before waiting: an event in between would be waited for in vain.
		list, err := a.cfg.Store.Events(ctx, p.Merchant(), q.After, q.Limit)
		if err == nil && len(list) > 0 { // the token may have been revoked meanwhile
			err = a.cfg.Auth.Holds(ctx, p)
		}
		if err != nil || len(list) > 0 {
			return bitpay.LogDocument(list, q.After), err
		}
		select {
		case <-wake:
		case <-ctx.Done(): // the client is gone
			return nil, ctx.Err()
		case <-a.stopped:
			return bitpay.LogDocument(nil, q.After), nil
		case <-end.C:
			return bitpay.LogDocument(nil, q.After), nil
		}
	}
}

// hubLog is the topic that is woken when the event log grows.
const hubLog = "*"

// patience is how long a call may take in all, once its body is read.
func (r *route) patience() time.Duration {
	if r.path == logPath {
		return handleTimeout + bitpay.MaxWait
	}
	return handleTimeout
}

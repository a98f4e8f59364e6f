package notify

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"time"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"satchel/fault"
	"satchel/merchant"
)

// maxRecordPause is the longest wait before a record is tried again.
const maxRecordPause = 30 * time.Second

// slowAnswer is when an answer no longer speaks for an endpoint.
const slowAnswer = 5 * time.Second

// mailAccepted is the SMTP reply to a mail that was taken (RFC 5321).
const mailAccepted = 250

// deliver makes one attempt and records it. What goes to a URL that is gone is given up without one.
func (n *Notifier) deliver(send, record context.Context, d Delivery, sh share) {
	if d.Stopped() {
		n.shares.answered(sh, sh.proven)
		n.record(record, n.policy.Stop(d), Attempt{At: n.now()})
		n.shares.recorded(d.ID)
		n.Wake()
		return
	}
	a, known := n.attempt(send, d)
	if n.shares.answered(sh, a.Status != 0 && a.Took < slowAnswer) {
		n.Wake()
	}
	if known {
		n.record(record, n.policy.After(d, a), a)
	}
	n.shares.recorded(d.ID)
	n.Wake() // the record may have let the invoice's next delivery go
}

// attempt tries once. Nothing is known when our own end cut it short.
func (n *Notifier) attempt(ctx context.Context, d Delivery) (a Attempt, known bool) {
	at := n.now()
	switch d.Channel {
	case IPN:
		a = n.callback(ctx, d, at)
	case Mail:
		a = n.mail(ctx, d)
	default:
		a = Attempt{Error: "refused: unknown channel"}
	}
	a.At, a.Took, a.Redelivery = at, max(0, n.now().Sub(at)), d.Resend
	return a, a.Status != 0 || ctx.Err() == nil
}

func (n *Notifier) callback(ctx context.Context, d Delivery, at time.Time) Attempt {
	secrets, err := n.store.Secrets(ctx, d.Ref.Merchant)
	if err != nil {
		n.log.LogAttrs(ctx, slog.LevelError, "cannot read a signing secret",
			slog.String("merchant", string(d.Ref.Merchant)), slog.Any("error", err))
		return Attempt{Error: "not sent: the signing secret cannot be read"}
	}
	return n.signed(ctx, d, secrets, at)
}

// signed posts a delivery's body with the headers of Standard Webhooks, and our own two for order and gaps.
func (n *Notifier) signed(ctx context.Context, d Delivery, s merchant.Secrets, at time.Time) Attempt {
	signature, err := Sign(s, d.EventID, at, d.Body)
	if err != nil {
		return Attempt{Error: "not sent: no usable signing secret"}
	}
	h := n.client.header()
	h.Set(webhooks.HeaderWebhookID, d.EventID)
	h.Set(webhooks.HeaderWebhookTimestamp, strconv.FormatInt(at.Unix(), 10))
	h.Set(webhooks.HeaderWebhookSignature, signature)
	h.Set("Satchel-Sequence", strconv.FormatUint(d.Event, 10))
	h.Set("Satchel-Revision", strconv.FormatUint(uint64(d.Revision), 10))
	if key := n.tokenOf(ctx, d); key != "" {
		h.Set(tokenSignature, SignWithToken(key, d.Body))
	}
	return n.client.post(ctx, d.Endpoint, h, d.Body)
}

// tokenOf gives the token that made a delivery's invoice; "" where none did, or it cannot be read. Few receivers want to see
// its signature, so no callback waits for it.
func (n *Notifier) tokenOf(ctx context.Context, d Delivery) string {
	if n.token == nil || d.Invoice == "" {
		return ""
	}
	key, err := n.token(ctx, d)
	if err != nil {
		n.log.LogAttrs(ctx, slog.LevelWarn, "cannot tell which token made an invoice",
			slog.String("invoice", string(d.Invoice)), slog.Any("error", err))
		return ""
	}
	return key
}

func (n *Notifier) mail(ctx context.Context, d Delivery) Attempt {
	if n.mailer == nil {
		return Attempt{Error: noMailServer}
	}
	ctx, cancel := context.WithTimeout(ctx, n.client.timeout)
	defer cancel()
	err := n.mailer.Send(ctx, d)
	var said *MailError
	switch known := errors.As(err, &said); {
	case err == nil:
		return Attempt{Status: mailAccepted}
	case known && (said.Status != 0 || said.Final):
		return Attempt{Status: said.Status, Final: said.Final, Error: "mail: " + clean(said.Text, 200)}
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return Attempt{Error: "mail: timeout after " + spell(n.client.timeout)}
	default:
		return Attempt{Error: "mail: " + clean(err.Error(), 200)}
	}
}

// record stores what an attempt came to. As long as it is not stored the delivery stays busy, so a store that fails never
// makes us send the same again and again; when we end before it is stored, the delivery is sent once more after the start.
func (n *Notifier) record(ctx context.Context, after Delivery, a Attempt) {
	for wait := storePause; ; wait = min(2*wait, maxRecordPause) {
		err := n.store.RecordAttempt(ctx, after, a)
		if err == nil {
			n.tell(ctx, after, a)
			if a.Status != 0 || a.Error != "" { // something was tried
				n.observe(a)
			}
			return
		}
		n.log.LogAttrs(ctx, slog.LevelError, "cannot record an attempt",
			slog.Uint64("delivery", after.ID), slog.Any("error", err))
		if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Conflict) {
			return // deleted meanwhile, or further on
		}
		if errors.Is(err, ErrEnded) { // the next process makes the attempt again, this one must not
			select {
			case <-n.ending:
			case <-ctx.Done():
			}
			return
		}
		pause(ctx, wait)
		if ctx.Err() != nil {
			return
		}
	}
}

// tell logs an attempt: the endpoint without path and query, which may hold a shop's secrets.
func (n *Notifier) tell(ctx context.Context, d Delivery, a Attempt) {
	level := slog.LevelInfo
	switch d.State {
	case Delivered:
		level = slog.LevelDebug
	case Parked:
		level = slog.LevelWarn
	case Pending:
	}
	if !n.log.Enabled(ctx, level) {
		return
	}
	n.log.LogAttrs(ctx, level, "delivery", slog.String("channel", d.Channel.String()), slog.String("state", d.State.String()),
		slog.Uint64("delivery", d.ID), slog.Uint64("event", d.Event), slog.String("invoice", string(d.Invoice)),
		slog.String("endpoint", EndpointKey(d.Endpoint)), slog.Int("attempts", d.Progress.Attempts),
		slog.String("result", d.Progress.Last), slog.Duration("took", a.Took), slog.Time("next", d.Progress.Next))
}

// sampleBody says what it is in the form of BitPay's extended callbacks; no shop finds an invoice of this id.
const sampleBody = `{"event":{"code":9000,"name":"satchel_sample"},"data":{"id":"sample"}}`

// Sample posts a signed sample to a URL once, under the same rules as every callback, and gives what came of it; nothing
// is stored. An error means that nothing was sent.
func (n *Notifier) Sample(ctx context.Context, endpoint string, s merchant.Secrets) (Attempt, error) {
	if _, err := parseURL(endpoint); err != nil {
		return Attempt{}, err
	}
	at := n.now()
	d := Delivery{EventID: "sample-" + strconv.FormatInt(at.UnixNano(), 36), Outgoing: Outgoing{
		Channel: IPN, Endpoint: endpoint, Body: []byte(sampleBody),
	}}
	if _, err := Sign(s, d.EventID, at, d.Body); err != nil {
		return Attempt{}, err
	}
	a := n.signed(ctx, d, s, at)
	a.At, a.Took, a.Redelivery = at, max(0, n.now().Sub(at)), true
	if a.Status == 0 && ctx.Err() != nil {
		return Attempt{}, ctx.Err()
	}
	return a, nil
}

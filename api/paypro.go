package api

import (
	"context"
	"errors"
	"hash/fnv"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"satchel/fault"
	"satchel/invoice"
	"satchel/money"
	"satchel/paypro"
)

// payments is the node, for transactions that wallets hand in. Its refusals are paypro's, its absence is fault.Unavailable.
type payments interface {
	// FeeRate is what a payment should pay now, as wallets are told.
	FeeRate(ctx context.Context) money.SatPerVB
	// Verify judges the coins and the fee of a transaction that is not signed yet and will have so many virtual bytes.
	Verify(ctx context.Context, tx paypro.Tx, vsize int64) error
	// Pay judges a signed transaction, broadcasts it, and lets it be counted. One that the network has already is no error.
	Pay(ctx context.Context, tx paypro.Tx) error
	// Has tells that the network has a transaction already.
	Has(ctx context.Context, tx paypro.Tx) (bool, error)
}

// PayPro is what the payment protocols work with. Everything is required.
type PayPro struct {
	Node    payments
	Key     paypro.Key
	Network paypro.Network
	Owner   string // who signs, for people
}

// Bounds of a transaction that is handed in: one of the largest size that nodes relay, in hex and wrapped in JSON, and how
// many of them are at the node at once.
const (
	maxPayment    = 1 << 20
	paymentSlots  = 8
	countPatience = 5 * time.Second
)

// versionHeader says which JSON Payment Protocol a wallet speaks.
const versionHeader = "X-Paypro-Version"

// servePayPro is /i/:id: what it is depends on what a wallet says that it understands (BIP 71, BIP 73, JSON Payment
// Protocol). A browser is sent to the page.
func (a *API) servePayPro(w http.ResponseWriter, req *http.Request) {
	ctx, cancel := context.WithTimeout(req.Context(), handleTimeout)
	defer cancel()
	h := w.Header()
	h.Set("Access-Control-Expose-Headers",
		"X-Request-Id, Retry-After, Digest, Signature, X-Signature, X-Signature-Type, X-Identity")
	h.Set("Vary", "Accept, "+versionHeader)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if err := a.limiter.take(callerOf(req)); err != nil {
		turnAway(w, err)
		return
	}
	pub, err := a.public(ctx, lastSegment(req))
	if err != nil {
		turnAway(w, noPayment(err))
		return
	}
	c := payCall{a: a, id: pub.Invoice.ID, base: a.base(req)}
	form := paypro.Asked(req.Header.Values("Accept"), req.Header.Get(versionHeader))
	var answer paypro.Answer
	switch {
	case req.Method == http.MethodPost:
		answer, err = c.posted(ctx, w, req, pub)
	case form == paypro.Browser:
		h.Set("Location", c.base+"/invoice?id="+string(c.id))
		w.WriteHeader(http.StatusFound)
		return
	default:
		answer, err = c.asked(ctx, pub, form, req.Header.Get("Content-Type") != "")
	}
	if err != nil {
		turnAway(w, err)
		return
	}
	a.tell(w, answer)
}

func lastSegment(req *http.Request) string {
	path := strings.TrimSuffix(req.URL.EscapedPath(), "/")
	return path[strings.LastIndexByte(path, '/')+1:]
}

// noPayment says that there is no invoice as wallets are told it.
func noPayment(err error) error {
	if fault.Is(err, fault.NotFound) {
		return paypro.ErrUnknown()
	}
	return err
}

// payCall is a wallet's call for an invoice.
type payCall struct {
	a    *API
	id   invoice.ID
	base string
}

// asked tells how the invoice is paid.
func (c payCall) asked(ctx context.Context, pub invoice.Public, form paypro.Form, typed bool) (paypro.Answer, error) {
	if !c.open(pub.Invoice) {
		return paypro.Answer{}, paypro.ErrClosed()
	}
	answer := c.request(ctx, pub).Answer(form)
	if form == paypro.RequestV1 && typed { // a wallet that names the type of a body it does not have reads JSON by that name only
		answer.Type = "application/json; charset=utf-8"
	}
	return answer, nil
}

// open tells whether a payment is welcome. What arrives by itself all the same is late, and nothing that we send on.
func (c payCall) open(inv invoice.Invoice) bool {
	return inv.State.Status == invoice.New && c.a.cfg.Now().Before(inv.Expires) && inv.Address.Text != ""
}

func (c payCall) request(ctx context.Context, pub invoice.Public) paypro.Request {
	inv := pub.Invoice
	return paypro.Request{
		ID: string(c.id), URL: c.base + "/i/" + string(c.id), Merchant: pub.Merchant, Network: c.a.cfg.PayPro.Network,
		Address: inv.Address.Text, Script: inv.Address.Script, Amount: inv.Unpaid(), FeeRate: c.a.cfg.PayPro.Node.FeeRate(ctx),
		Created: inv.Created, Expires: inv.Expires,
	}
}

// posted takes a message: a transaction, or the coin that was chosen.
func (c payCall) posted(ctx context.Context, w http.ResponseWriter, req *http.Request, pub invoice.Public) (paypro.Answer, error) {
	form, err := paypro.Posted(req.Header.Get("Content-Type"), req.Header.Get(versionHeader))
	if err != nil {
		return paypro.Answer{}, err
	}
	if enc := req.Header.Get("Content-Encoding"); enc != "" && !strings.EqualFold(enc, "identity") {
		return paypro.Answer{}, paypro.ErrContentType()
	}
	body, err := readAll(w, req, maxPayment)
	if err != nil {
		return paypro.Answer{}, err
	}
	m, unreadable := paypro.Read(form, body)
	switch {
	case form != paypro.RequestV2 && unreadable == nil:
		return c.transaction(ctx, m)
	case !c.open(pub.Invoice):
		return paypro.Answer{}, paypro.ErrClosed()
	case unreadable != nil:
		return paypro.Answer{}, unreadable
	}
	return c.request(ctx, pub).Answer(form), nil
}

// transaction takes a transaction, or looks at it. The invoice is read once more, for another payment may just have been
// taken. One that was taken before is answered as it was then: the answer may have been lost.
func (c payCall) transaction(ctx context.Context, m paypro.Message) (paypro.Answer, error) {
	leave, err := c.enter(ctx)
	if err != nil {
		return paypro.Answer{}, err
	}
	defer leave()
	pub, err := c.a.public(ctx, string(c.id))
	switch {
	case err != nil:
		return paypro.Answer{}, err
	case holdsTx(pub, m.Tx.ID):
		return m.Answer(), nil
	case !c.open(pub.Invoice):
		return m.Answer(), c.again(ctx, pub, m)
	}
	return m.Answer(), c.judge(ctx, pub, m)
}

// again refuses what comes too late, unless it is a payment of this invoice that the network has: then it was taken, and is not
// counted yet, or is one of more than are looked at here. Whoever hears that it is refused would pay once more.
func (c payCall) again(ctx context.Context, pub invoice.Public, m paypro.Message) error {
	if _, ours := m.Tx.To(pub.Invoice.Address.Script); !ours || !m.Form.Signed() {
		return paypro.ErrClosed()
	}
	if has, err := c.a.cfg.PayPro.Node.Has(ctx, m.Tx); err != nil || has {
		return err
	}
	return paypro.ErrClosed()
}

// enter waits for a place at the node. An invoice has one place, so that of two wallets that pay it at once one is told
// that it is too late, before its coins are gone.
func (c payCall) enter(ctx context.Context) (leave func(), err error) {
	h := fnv.New32a()
	_, _ = h.Write([]byte(c.id))
	slot := c.a.slots[h.Sum32()%paymentSlots]
	select {
	case slot <- struct{}{}:
		return func() { <-slot }, nil
	case <-ctx.Done():
		return nil, fault.New(fault.Unavailable, "Other payments are being taken. Try again shortly").Because(ctx.Err())
	}
}

// judge holds a transaction against the invoice and the node, and sends it on if it is signed.
func (c payCall) judge(ctx context.Context, pub invoice.Public, m paypro.Message) error {
	node := c.a.cfg.PayPro.Node
	inv := pub.Invoice
	if err := (paypro.Request{Script: inv.Address.Script, Amount: inv.Unpaid()}).Check(m.Tx); err != nil {
		return err
	}
	if !m.Form.Signed() {
		return node.Verify(ctx, m.Tx, m.VSize())
	}
	wake, cancel, err := c.a.cfg.Hub.Subscribe(string(c.id))
	if err != nil {
		return err
	}
	defer cancel()
	if err := node.Pay(ctx, m.Tx); err != nil {
		return err
	}
	c.counted(ctx, m.Tx.ID, wake)
	return nil
}

// counted waits until the payment is with the invoice, so that whoever looks after our answer sees it. The network has
// it: if it takes longer, it is counted all the same.
func (c payCall) counted(ctx context.Context, id paypro.TxID, wake <-chan struct{}) {
	ctx, cancel := context.WithTimeout(ctx, countPatience)
	defer cancel()
	again := time.NewTicker(lookAgain)
	defer again.Stop()
	for {
		pub, err := c.a.public(ctx, string(c.id))
		if err != nil || holdsTx(pub, id) {
			return
		}
		select {
		case <-wake:
		case <-again.C:
		case <-ctx.Done():
			c.a.log.WarnContext(ctx, "a payment was broadcast and is not counted yet", "invoice", string(c.id))
			return
		}
	}
}

// holdsTx tells whether a transaction is among the payments of an invoice.
func holdsTx(pub invoice.Public, id paypro.TxID) bool {
	return slices.ContainsFunc(pub.Receipts, func(r invoice.Receipt) bool {
		return paypro.TxID(r.Outpoint.TxID) == id && !r.IsGone()
	})
}

// tell writes an answer, and signs it where the protocol wants that. The specification names the header of the signature
// differently from the clients, and is served, too.
func (a *API) tell(w http.ResponseWriter, answer paypro.Answer) {
	h := w.Header()
	if answer.Sign {
		s := a.cfg.PayPro.Key.Sign(answer.Body)
		h.Set("Digest", s.Digest)
		h.Set("Signature", s.Signature)
		h.Set("X-Signature", s.Signature)
		h.Set("X-Signature-Type", paypro.SignatureType)
		h.Set("X-Identity", s.Identity)
	}
	h.Set("Content-Type", answer.Type)
	h.Set("Content-Length", strconv.Itoa(len(answer.Body)))
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(answer.Body) // a client that went away is no failure of ours
}

// turnAway writes a refusal: a sentence, which wallets show. It is called HTML, as BitPay calls it, and has no markup.
func turnAway(w http.ResponseWriter, err error) {
	if out, ok := w.(*recorder); ok {
		out.err = err
	}
	h := w.Header()
	code, text := status(fault.KindOf(err)), "Something failed here. Please try again"
	f, known := errors.AsType[*fault.Error](err)
	if r, ok := errors.AsType[*paypro.Refusal](err); ok {
		code, text = r.Status, r.Text
	} else if known && f.Kind != fault.Internal {
		text = f.Message
	}
	if errors.Is(err, errSlowBody) {
		code = http.StatusRequestTimeout
	}
	switch code {
	case http.StatusTooManyRequests:
		h.Set("Retry-After", seconds(err, retryTooMany))
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", seconds(err, retryUnavailable))
	case http.StatusRequestEntityTooLarge, http.StatusRequestTimeout:
		h.Set("Connection", "close")
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(code)
	_, _ = w.Write([]byte(text))
}

// showKeys is GET /signingKeys/paymentProtocol.json: which key signs, and for which hosts.
func (a *API) showKeys(w http.ResponseWriter, _ *http.Request) {
	hosts := make([]string, len(a.bases))
	for i, b := range a.bases {
		hosts[i] = b.host
	}
	slices.Sort(hosts)
	write(w, http.StatusOK, a.cfg.PayPro.Key.Keys(a.cfg.PayPro.Owner, slices.Compact(hosts), a.cfg.Now()))
}

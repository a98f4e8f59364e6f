package desk

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"satchel/fault"
	"satchel/invoice"
	"satchel/merchant"
	"satchel/notify"
	"satchel/web/text"
)

// callbackStore is where deliveries are read and queued again.
type callbackStore interface {
	ListDeliveries(ctx context.Context, m merchant.ID, failedOnly bool, limit int) ([]notify.Delivery, error)
	// ResendOnce queues a delivery again, or gives what waits of it already.
	ResendOnce(ctx context.Context, m merchant.ID, delivery uint64, at time.Time) (notify.Delivery, error)
}

// Callbacks tries endpoints.
type Callbacks interface {
	// Sample posts a signed sample once; an error means that nothing was sent.
	Sample(ctx context.Context, url string, secrets merchant.Secrets) (notify.Attempt, error)
	// CheckURL refuses what a callback may not go to.
	CheckURL(url string) error
}

// delivery is one event on its way to one endpoint.
type delivery struct {
	ID       uint64
	Invoice  string
	Name     string
	Channel  string
	Endpoint string
	State    string
	Held     bool
	Resent   bool
	Created  time.Time
	Next     time.Time
	Tries    int
	Last     string
	Body     string
	Attempts []attempt
	Parked   bool
}

// attempt is one try.
type attempt struct {
	At     time.Time
	Millis string
	Status int
	Error  string
	Answer string
}

func deliveryOf(d notify.Delivery, attempts []notify.Attempt) delivery {
	doc := delivery{
		ID: d.ID, Invoice: string(d.Invoice), Name: d.Code.Name(), Channel: d.Channel.String(), Endpoint: text.Clean(d.Endpoint, maxText),
		State: d.State.String(), Held: d.Held, Resent: d.Resend, Created: d.Created, Tries: d.Progress.Attempts,
		Last: text.Clean(d.Progress.Last, maxText), Body: bodyText(d.Body), Parked: d.State == notify.Parked,
	}
	if d.State == notify.Pending && !d.Held {
		doc.Next = d.Progress.Next
	}
	for _, a := range attempts {
		doc.Attempts = append(doc.Attempts, attemptOf(a))
	}
	return doc
}

func attemptOf(a notify.Attempt) attempt {
	return attempt{At: a.At, Millis: millis(a.Took), Status: a.Status, Error: text.Clean(a.Error, maxText), Answer: text.Clean(a.Answer, maxAnswer)}
}

// millis writes a duration with one decimal, in milliseconds, or in seconds from ten on.
func millis(d time.Duration) string {
	if d >= 10*time.Second {
		return strconv.FormatInt(int64(d/time.Second), 10) + "." + strconv.FormatInt(int64(d%time.Second/(100*time.Millisecond)), 10) + " s"
	}
	tenths := d.Microseconds() / 100
	return strconv.FormatInt(tenths/10, 10) + "." + strconv.FormatInt(tenths%10, 10) + " ms"
}

// bodyText shows a body: JSON with its members on lines of their own.
func bodyText(body []byte) string {
	var b bytes.Buffer
	if json.Indent(&b, body, "", "  ") == nil {
		body = b.Bytes()
	}
	if !utf8.Valid(body) {
		return cut(strconv.QuoteToASCII(string(body)))
	}
	return cut(text.Raw(string(body)))
}

// cut shortens a text to what a page shows of a body.
func cut(s string) string {
	if len(s) <= maxBody {
		return s
	}
	n := maxBody
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + " …"
}

// withAttempts gives deliveries with their last attempts, the newest delivery first.
func (v *visit) withAttempts(list []notify.Delivery, each int) ([]delivery, error) {
	attempts, err := v.attempts(list, each)
	if err != nil {
		return nil, err
	}
	docs := make([]delivery, 0, len(list))
	for _, d := range list {
		docs = append(docs, deliveryOf(d, attempts[d.ID]))
	}
	slices.SortFunc(docs, func(a, b delivery) int { return cmp.Compare(b.ID, a.ID) })
	return docs, nil
}

// attempts gives the last of each delivery.
func (v *visit) attempts(list []notify.Delivery, each int) (map[uint64][]notify.Attempt, error) {
	ids := make([]uint64, 0, len(list))
	for _, d := range list {
		ids = append(ids, d.ID)
	}
	return v.d.cfg.Store.LastAttempts(v.ctx(), v.shop.ID, ids, each)
}

// endpoint is how those deliveries went that share a host.
type endpoint struct {
	Key                        string
	Delivered, Pending, Parked int
	Median, Slowest            string
	LastGood                   time.Time
	LastError                  string
	LastErrorAt                time.Time
}

// callbacksPage is how the callbacks of a merchant go.
type callbacksPage struct {
	Endpoints []endpoint
	Looked    int // how many deliveries the endpoints were judged by
	Troubled  []delivery
	More      bool
	URL       string
	Full      bool
	Test      *attempt
	Tested    string
	Problem   string
}

// Bounds of the page, which is loaded again at every event.
const (
	judgedDeliveries = 300
	judgedAttempts   = 2 // of a delivery, the last: the one that was taken, and the failure before it
	shownTroubled    = 100
	troubledAttempts = 5 // of a delivery; its invoice has more
)

func (v *visit) callbacks() error {
	p, err := v.callbacksPage()
	if err != nil {
		return err
	}
	return v.page("callbacks", p)
}

func (v *visit) callbacksPage() (p callbacksPage, err error) {
	store, m := v.d.cfg.Store, v.shop.ID
	p.URL, p.Full = text.Clean(v.shop.Settings.NotificationURL, maxText), v.shop.Settings.FullNotifications
	latest, err := store.ListDeliveries(v.ctx(), m, false, judgedDeliveries)
	if err != nil {
		return p, err
	}
	p.Looked = len(latest)
	if p.Endpoints, err = v.judge(latest); err != nil {
		return p, err
	}
	troubled, err := store.ListDeliveries(v.ctx(), m, true, shownTroubled+1)
	if err != nil {
		return p, err
	}
	if p.More = len(troubled) > shownTroubled; p.More {
		troubled = troubled[:shownTroubled]
	}
	p.Troubled, err = v.withAttempts(troubled, troubledAttempts)
	return p, err
}

// judge groups deliveries by their endpoint.
func (v *visit) judge(list []notify.Delivery) ([]endpoint, error) {
	of, took := map[string]*endpoint{}, map[string][]time.Duration{}
	tried, err := v.attempts(list, judgedAttempts)
	if err != nil {
		return nil, err
	}
	for _, d := range list {
		key := notify.EndpointKey(d.Endpoint)
		e := of[key]
		if e == nil {
			e = &endpoint{Key: text.Clean(key, maxText)}
			of[key] = e
		}
		switch d.State {
		case notify.Delivered:
			e.Delivered++
		case notify.Pending:
			e.Pending++
		case notify.Parked:
			e.Parked++
		}
		for _, a := range tried[d.ID] {
			if took[key] = append(took[key], a.Took); a.Error == "" && a.At.After(e.LastGood) {
				e.LastGood = a.At
			}
			if a.Error != "" && a.At.After(e.LastErrorAt) {
				e.LastErrorAt, e.LastError = a.At, text.Clean(a.Error, maxText)
			}
		}
	}
	list2 := make([]endpoint, 0, len(of))
	for key, e := range of {
		if t := took[key]; len(t) > 0 {
			slices.Sort(t)
			e.Median, e.Slowest = millis(t[len(t)/2]), millis(t[len(t)-1])
		}
		list2 = append(list2, *e)
	}
	slices.SortFunc(list2, func(a, b endpoint) int {
		return cmp.Or(cmp.Compare(b.Pending+b.Parked, a.Pending+a.Parked), cmp.Compare(a.Key, b.Key))
	})
	return list2, nil
}

// resend queues a delivery again: the same event under a new number. A page that was not loaded since does it once.
func (v *visit) resend() error {
	id, err := strconv.ParseUint(v.req.PathValue("delivery"), 10, 64)
	if err != nil {
		return errNowhere
	}
	if _, err = v.deliveryByID(id); err != nil {
		return err
	}
	d, err := v.d.cfg.Store.ResendOnce(v.ctx(), v.shop.ID, id, v.now())
	if err != nil {
		return err
	}
	if v.form("from") == "callbacks" {
		return v.did("/callbacks", "resent")
	}
	return v.changed(d.Invoice, "resent")
}

// deliveryByID finds a merchant's delivery by the invoice that the form names.
func (v *visit) deliveryByID(id uint64) (notify.Delivery, error) {
	none := fault.New(fault.NotFound, "There is no such delivery.")
	v.back = v.root() + "/callbacks"
	inv := invoice.ID(v.form("invoice"))
	list, err := v.d.cfg.Store.DeliveriesOf(v.ctx(), v.shop.ID, inv)
	if fault.Is(err, fault.NotFound) {
		return notify.Delivery{}, none
	}
	if err != nil {
		return notify.Delivery{}, err
	}
	for _, d := range list {
		if d.ID == id {
			return d, nil
		}
	}
	return notify.Delivery{}, none
}

// testCallback posts a signed sample, and shows what came of it. Nothing is stored, so that it may be sent again.
func (v *visit) testCallback() error {
	v.back = v.root() + "/callbacks"
	target := v.form("url")
	a, err := notify.Attempt{}, v.d.cfg.Callbacks.CheckURL(target)
	if err == nil {
		a, err = v.d.cfg.Callbacks.Sample(v.ctx(), target, v.shop.Secrets)
	}
	if err != nil {
		return err
	}
	p, err := v.callbacksPage()
	if err != nil {
		return err
	}
	test := attemptOf(a)
	p.Test, p.Tested = &test, text.Clean(target, maxText)
	return v.page("callbacks", p)
}

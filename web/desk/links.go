package desk

import (
	"context"
	"crypto/sha256"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"satchel/auth"
	"satchel/fault"
	"satchel/merchant"
	"satchel/web/text"
)

// linkStore is where links of the point of sale are kept.
type linkStore interface {
	AddLink(ctx context.Context, l merchant.Link) error
	LinksOf(ctx context.Context, m merchant.ID) ([]merchant.Link, error)
	RevokeLink(ctx context.Context, m merchant.ID, id merchant.LinkID, at time.Time) error
}

// payLink is a page on which anybody pays. Its address is no secret: it stands on walls and websites.
type payLink struct {
	ID, Label, Price string
	URL              string
	Code             string // where its QR code is drawn
	Created, Revoked time.Time
}

// linksPage is a merchant's links.
type linksPage struct {
	Made       *payLink // one that was just made
	Links      []payLink
	Gone       []payLink // the latest that were revoked
	Typed      map[string]string
	Currencies []choice
	Most       int    // characters of a label
	Older      string // the query of the next page; "": there is none
	Newest     string // the query of the first page; "": this is it
	Problem    string
}

const goneLinks = 50 // how many of the revoked are shown

func (v *visit) links() error {
	p, err := v.linksPage()
	if err != nil {
		return err
	}
	return v.page("links", p)
}

func (v *visit) linksPage() (p linksPage, err error) {
	q := v.req.URL.Query()
	from, err := strconv.Atoi(q.Get("from"))
	if err != nil || from < 0 {
		from = 0
	}
	all, err := v.d.cfg.Store.LinksOf(v.ctx(), v.shop.ID)
	if err != nil {
		return p, err
	}
	for _, l := range slices.Backward(all) {
		switch shown := v.payLink(l); {
		case !l.Revoked.IsZero():
			p.Gone = append(p.Gone, shown)
		case shown.ID == q.Get("made"):
			p.Made = &shown
			fallthrough
		default:
			p.Links = append(p.Links, shown)
		}
	}
	slices.SortStableFunc(p.Gone, func(a, b payLink) int { return b.Revoked.Compare(a.Revoked) })
	p.Gone = p.Gone[:min(len(p.Gone), goneLinks)]
	if p.Links = p.Links[min(from, len(p.Links)):]; len(p.Links) > perPage {
		p.Links, p.Older = p.Links[:perPage], "?from="+strconv.Itoa(from+perPage)
	}
	if from > 0 {
		p.Newest = "?from=0"
	}
	p.Most, p.Typed = auth.MaxLabel, map[string]string{}
	for _, name := range []string{"label", "amount", "currency"} {
		p.Typed[name] = text.Clean(v.form(name), maxText)
	}
	p.Currencies = v.linkCurrencies(p.Typed["currency"])
	return p, nil
}

// linkCurrencies are the merchant's own, which is asked for where nothing else is picked, and those that have a rate now.
func (v *visit) linkCurrencies(picked string) []choice {
	own := v.shop.Settings.PriceCurrency().Code
	if picked == "" {
		picked = own
	}
	list := currencies(v.d.cfg.Rates.All(), picked)
	if !slices.ContainsFunc(list, func(c choice) bool { return c.Value == own }) {
		list = slices.Insert(list, 0, choice{Value: own, Name: own, Picked: picked == own})
	}
	return list
}

func (v *visit) payLink(l merchant.Link) payLink {
	path := "/pos/" + v.d.cfg.Secret.PayLink(l.ID)
	p := payLink{
		ID: l.ID.String(), Label: text.Clean(l.Label, auth.MaxLabel), Price: "any amount in " + l.Price.Code, URL: strings.TrimRight(v.d.cfg.Base, "/") + path,
		Code: v.d.prefix + path + "/code.svg", Created: l.Created, Revoked: l.Revoked,
	}
	if !l.Free() {
		p.Price = text.Price(l.Price)
	}
	return p
}

// makeLink makes a link, as `satchel pos link create` does. A form that is sent twice makes one.
func (v *visit) makeLink() error {
	l, err := v.newLink()
	if err == nil {
		err = v.d.cfg.Store.AddLink(v.ctx(), l)
	}
	switch {
	case fault.Is(err, fault.Invalid):
		p, again := v.linksPage()
		if again != nil {
			return again
		}
		p.Problem = sentence(err)
		v.show(http.StatusUnprocessableEntity, "links", p)
		return nil
	case err != nil && !fault.Is(err, fault.Conflict): // the same form made it before
		return err
	}
	v.noteLink("link made", l.ID)
	return v.to(v.root() + "/links?done=linked&made=" + l.ID.String())
}

func (v *visit) newLink() (l merchant.Link, err error) {
	label := v.form("label")
	if utf8.RuneCountInString(label) > auth.MaxLabel {
		return l, fault.Field("label", "is longer than %d characters.", auth.MaxLabel)
	}
	l = merchant.Link{ID: merchant.NewLinkID(), Merchant: v.shop.ID, Label: auth.CleanLabel(label), Created: v.now()}
	if once := v.once(); once.GUID != "" {
		sum := sha256.Sum256(append([]byte("satchel link\x00"+once.GUID+"\x00"), once.Digest[:]...))
		copy(l.ID[:], sum[:])
	}
	l.Price, err = v.shop.Settings.LinkPrice(strings.TrimSpace(v.form("amount")), v.form("currency"))
	return l, err
}

// revokeLink ends a link; what it made stays.
func (v *visit) revokeLink() error {
	v.back = v.root() + "/links"
	id, err := merchant.ParseLinkID(v.form("id"))
	if err != nil {
		return fault.New(fault.NotFound, "No such link")
	}
	if err := v.d.cfg.Store.RevokeLink(v.ctx(), v.shop.ID, id, v.now()); err != nil {
		return err
	}
	v.noteLink("link revoked", id)
	return v.to(v.root() + "/links?done=unlinked")
}

func (v *visit) noteLink(what string, id merchant.LinkID) {
	v.d.cfg.Log.InfoContext(v.ctx(), "done at the desk", "operator", v.who.Name, "merchant", string(v.shop.ID), "what", what, "link", id.String())
}

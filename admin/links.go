package admin

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"satchel/auth"
	"satchel/fault"
	"satchel/merchant"
)

// LinkRequest is `satchel pos link create`.
type LinkRequest struct {
	Of
	Currency string `json:"currency"` // "": the merchant's
	Amount   string `json:"amount"`   // "": whoever pays says how much
	Label    string `json:"label"`    // payers see it
}

// PayLink is a page on which anybody makes an invoice. Whoever has its address may.
type PayLink struct {
	ID       string     `json:"id"`
	URL      string     `json:"url"`
	Currency string     `json:"currency"`
	Amount   string     `json:"amount,omitempty"` // a decimal; "": whoever pays says how much
	Label    string     `json:"label,omitempty"`
	Created  time.Time  `json:"created"`
	Revoked  *time.Time `json:"revoked,omitempty"`
}

func (o *Operator) createLink(ctx context.Context, m merchant.ID, r LinkRequest) (PayLink, error) {
	shop, err := o.cfg.Store.Merchant(ctx, m)
	if err != nil {
		return PayLink{}, err
	}
	l := merchant.Link{ID: merchant.NewLinkID(), Merchant: m, Label: auth.CleanLabel(r.Label), Created: o.cfg.Clock.Now()}
	if utf8.RuneCountInString(r.Label) > auth.MaxLabel {
		return PayLink{}, fault.Field("label", "is longer than %d characters", auth.MaxLabel)
	}
	if l.Price, err = shop.Settings.LinkPrice(r.Amount, r.Currency); err != nil {
		return PayLink{}, err
	}
	if err := o.cfg.Store.AddLink(ctx, l); err != nil {
		return PayLink{}, err
	}
	return o.linkDoc(l), nil
}

func (o *Operator) listLinks(ctx context.Context, m merchant.ID, _ Of) ([]PayLink, error) {
	links, err := o.cfg.Store.LinksOf(ctx, m)
	list := make([]PayLink, 0, len(links))
	for _, l := range links {
		list = append(list, o.linkDoc(l))
	}
	return list, err
}

// revokeLink takes a link's id, or its address as somebody copied it.
func (o *Operator) revokeLink(ctx context.Context, m merchant.ID, r ByID) (Nothing, error) {
	text := r.ID[strings.LastIndexByte(r.ID, '/')+1:]
	id, opens := o.cfg.Secret.ReadPayLink(text)
	if !opens {
		var err error
		if id, err = merchant.ParseLinkID(text); err != nil {
			return Nothing{}, fault.Field("id", "%q is neither a link's id nor its address; `satchel pos link list` shows them", r.ID)
		}
	}
	return Nothing{}, unknown(o.cfg.Store.RevokeLink(ctx, m, id, o.cfg.Clock.Now()), "`satchel pos link list` shows them")
}

func (o *Operator) linkDoc(l merchant.Link) PayLink {
	d := PayLink{
		ID: l.ID.String(), URL: strings.TrimRight(o.cfg.Base, "/") + "/pos/" + o.cfg.Secret.PayLink(l.ID), Currency: l.Price.Code,
		Label: l.Label, Created: l.Created, Revoked: timePtr(l.Revoked),
	}
	if !l.Free() {
		d.Amount = l.Price.Fixed()
	}
	return d
}

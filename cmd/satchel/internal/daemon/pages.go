package daemon

import (
	"satchel/api"
	"satchel/auth"
	"satchel/invoice"
	"satchel/web"
	"satchel/web/docs"
)

// newPages makes the pages that anybody may open: the checkout, the approval of clients, the point of sale, the documentation.
func (d *parts) newPages(invoices *invoice.Service, access *auth.Authority) (*web.Web, error) {
	base := d.set.PublicURLs[0]
	manual, err := docs.New(docs.Config{OpenAPI: api.OpenAPI(), Base: base, Version: d.version})
	if err != nil {
		return nil, err
	}
	return web.New(web.Config{
		Store: d.db, Hub: d.hub, Now: d.clock.Now, Base: base, Network: string(d.set.Network), Log: d.part("web"), Protocol: true,
		Access: &web.Access{Store: d.db, Pairings: access, Secret: d.db.ServerSecret(), Desk: "/dashboard"}, Docs: manual,
		POS: &web.POS{Store: d.db, Invoices: invoices, Tokens: access, Secret: d.db.ServerSecret(), Caller: api.Caller},
	})
}

package desk

import (
	"net/http"

	"satchel/auth"
)

// route is a row of the table: who may call it, and what it does.
type route struct {
	method, path string
	role         auth.Role // the least; 0: nobody must be signed in
	do           func(*visit) error
}

// shopPath is where one merchant's pages are.
const shopPath = home + "/m/{shop}"

// livePath is where pages hear of changes.
const livePath = shopPath + "/live"

// table is every page and every form there is. What is below shopPath is about the merchant named there, and is reached
// only by an operator who sees him.
func table() []route {
	get, post := http.MethodGet, http.MethodPost
	viewer, owner := auth.Viewer, auth.Owner
	at := func(path string) string { return shopPath + path }
	return []route{
		{get, home + "/assets/{file}", 0, (*visit).asset},
		{get, home + "/sign-in", 0, (*visit).showSignIn},
		{post, home + "/sign-in", 0, (*visit).signIn},
		{get, home + "/welcome", 0, (*visit).showWelcome},
		{post, home + "/welcome", 0, (*visit).welcome},
		{get, home, viewer, (*visit).enter},
		{get, home + "/{$}", viewer, (*visit).enter},
		{get, home + "/{rest...}", viewer, (*visit).nowhere},
		{get, home + "/payments/{id}", viewer, (*visit).payment},
		{post, home + "/sign-out", viewer, (*visit).signOut},
		{get, home + "/account", viewer, (*visit).account},
		{post, home + "/account/password", viewer, (*visit).changePassword},
		{post, home + "/account/sign-out", viewer, (*visit).signOutEverywhere},

		{get, at(""), viewer, (*visit).overview},
		{get, at("/invoices"), viewer, (*visit).invoices},
		{get, at("/invoices.csv"), viewer, (*visit).exportInvoices},
		{get, at("/payments.csv"), viewer, (*visit).exportPayments},
		{get, at("/invoices/{id}"), viewer, (*visit).invoice},
		{get, at("/new"), owner, (*visit).showNew},
		{get, at("/links"), viewer, (*visit).links},
		{get, at("/events"), viewer, (*visit).events},
		{get, livePath, viewer, (*visit).live},
		{get, at("/callbacks"), viewer, (*visit).callbacks},
		{get, at("/clients"), viewer, (*visit).clients},
		{get, at("/rates"), viewer, (*visit).rates},
		{get, at("/charts"), viewer, (*visit).charts},
		{get, at("/health"), viewer, (*visit).health},
		{get, at("/settings"), viewer, (*visit).settings},

		{post, at("/new"), owner, (*visit).create},
		{post, at("/links"), owner, (*visit).makeLink},
		{post, at("/links/revoke"), owner, (*visit).revokeLink},
		{post, at("/invoices/{id}/mark"), owner, (*visit).mark},
		{post, at("/invoices/{id}/adjust"), owner, (*visit).adjust},
		{post, at("/invoices/{id}/cancel"), owner, (*visit).cancel},
		{post, at("/invoices/{id}/notify"), owner, (*visit).notify},
		{post, at("/invoices/{id}/accept"), owner, (*visit).accept},
		{post, at("/invoices/{id}/return"), owner, (*visit).giveBack},
		{post, at("/deliveries/{delivery}/resend"), owner, (*visit).resend},
		{post, at("/callbacks/test"), owner, (*visit).testCallback},
		{post, at("/clients/token"), owner, (*visit).makeToken},
		{post, at("/clients/offer"), owner, (*visit).offer},
		{post, at("/clients/approve"), owner, (*visit).approve},
		{post, at("/clients/refuse"), owner, (*visit).refuse},
		{post, at("/clients/revoke"), owner, (*visit).revoke},
		{post, at("/settings"), owner, (*visit).set},
		{post, at("/settings/secret"), owner, (*visit).secret},
	}
}

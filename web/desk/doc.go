// Package desk is the merchant's desk: what the people of a shop see and do in a browser, below /dashboard.
//
//	/dashboard/sign-in, /welcome, /sign-out, /account    who sits here
//	/dashboard/m/SHOP                                    one merchant's pages; table() lists them
//	/dashboard/assets/NAME.HASH.EXT                      stylesheet and script; their names change with their content
//
// It decides nothing: a page is a few reads of the store, a form is one call of the domain. Pages are whole without
// JavaScript; the scripts show times in the browser's zone, copy, and keep a page as it is on the server now.
//
// Who may do what. An operator signs in with a name and a password (auth.Staff); the browser keeps the key of a seat in
// a cookie that no script reads and no other site sends (HttpOnly, SameSite=Strict, Secure and __Host- on https). A
// viewer sees everything of his merchants and changes nothing but his own password; an owner changes what the operator's
// commands change. Every read takes the merchant's id, and an operator of one merchant gets for another's the answer that
// he gets for one that does not exist.
//
// Every change is a POST of a form. It is taken only when the browser says that it comes from a page of ours (Origin and
// Sec-Fetch-Site), and with a key made from the seat's. It answers with a redirect (303), so that loading a page again
// never repeats it; what can be sent twice by a double click is done once where the domain knows it again.
//
// Sign-in is slowed down by address, by name, and for all strangers together. A browser that signed in before has a count of its own, so that nobody
// can keep its owner out by failing in his name; and who has the link of an invitation is counted for himself.
//
// Every text on a page may be hostile. html/template writes it, the script sets it as text only, and the policy in the
// header lets in nothing but the files of this package, by a nonce. No site may frame a page. Cells of an export that
// a spreadsheet would run as a formula begin with an apostrophe.
package desk

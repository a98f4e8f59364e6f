package desk

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"satchel/auth"
	"satchel/fault"
	"satchel/merchant"
)

// maxForm bounds the body of a form, in bytes.
const maxForm = 64 << 10

// visit is one call, by whoever is signed in.
type visit struct {
	d     *Desk
	rw    http.ResponseWriter
	req   *http.Request
	seat  string              // the key of the browser's seat; "": nobody sits there
	who   auth.Operator       // who sits there
	shop  merchant.Merchant   // whose pages these are, of those below shopPath
	shops []merchant.Merchant // whom the operator sees
	seen  uint64              // the merchant's last event when the call came: the page shows it, and maybe more
	nonce string              // lets our own files in
	alone bool                // a page asks by itself, and nobody sits before it
	back  string              // where a form came from, for a page that refuses it
}

// serve is what happens to every call.
func (d *Desk) serve(r route) http.HandlerFunc {
	return func(rw http.ResponseWriter, req *http.Request) {
		v := &visit{d: d, rw: rw, req: req, nonce: rand.Text()}
		v.protect()
		if err := v.admit(r); err != nil {
			v.fail(err)
			return
		}
		if err := r.do(v); err != nil {
			v.fail(err)
		}
	}
}

// protect sets the headers of every answer.
func (v *visit) protect() {
	h := v.rw.Header()
	for _, name := range []string{"Access-Control-Allow-Origin", "Access-Control-Allow-Methods", "Access-Control-Allow-Headers", "Access-Control-Expose-Headers"} {
		h.Del(name) // what the API lets every site do, nobody does here
	}
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}

// What keeps a call out.
var (
	errForeign  = fault.New(fault.Forbidden, "The form came from another site, or from a page that was open for too long. Please load the page again.")
	errSignIn   = errors.New("nobody is signed in")
	errViewer   = fault.New(fault.Forbidden, "You may look at everything here, and change nothing. Ask an owner.")
	errNowhere  = fault.New(fault.NotFound, "There is no such page.")
	errTooLarge = fault.New(fault.TooLarge, "The form is too large.")
)

// admit lets a call in to its route, or says why not.
func (v *visit) admit(r route) error {
	post := v.req.Method == http.MethodPost
	if post {
		if err := v.d.origin.Check(v.req); err != nil {
			return errForeign
		}
		v.req.Body = http.MaxBytesReader(v.rw, v.req.Body, maxForm)
		if err := v.req.ParseForm(); err != nil {
			return errTooLarge
		}
	}
	v.alone = r.path == livePath || v.req.Header.Get(backgroundHeader) != ""
	if err := v.sit(); err != nil {
		return err
	}
	switch {
	case r.role == 0:
		return nil
	case v.seat == "":
		return errSignIn
	case post && !v.d.cfg.Secret.IsFormKey(v.seat, v.req.PostForm.Get("form")):
		return errForeign
	}
	if err := v.enterShop(); err != nil {
		return err
	}
	if !v.who.May(r.role) {
		return errViewer
	}
	return nil
}

// backgroundHeader says that a page loads itself again, and nobody sits before it.
const backgroundHeader = "Satchel-Background"

// sit finds who is signed in. What a page asks by itself is no use of the seat.
func (v *visit) sit() error {
	c, err := v.req.Cookie(v.d.seatCookie())
	if err != nil {
		return nil //nolint:nilerr // no cookie: nobody
	}
	find := v.d.cfg.Staff.Seated
	if v.alone {
		find = v.d.cfg.Staff.Peek
	}
	who, err := find(v.req.Context(), c.Value)
	if errors.Is(err, auth.ErrSeat) {
		return nil
	}
	if err != nil {
		return err
	}
	v.seat, v.who = c.Value, who
	all, err := v.d.cfg.Store.Merchants(v.req.Context())
	for _, m := range all {
		if who.Sees(m.ID) {
			v.shops = append(v.shops, m)
		}
	}
	return err
}

// seesServer tells whether the operator may know what is not one merchant's: on a server of one merchant everybody, else
// who sees them all.
func (v *visit) seesServer() (bool, error) {
	if v.who.Merchant == "" {
		return true, nil
	}
	all, err := v.d.cfg.Store.Merchants(v.ctx())
	return len(all) == 1, err
}

// enterShop finds the merchant whom the path names, among those whom the operator sees.
func (v *visit) enterShop() error {
	id := v.req.PathValue("shop")
	if id == "" {
		return nil
	}
	for _, m := range v.shops {
		if string(m.ID) == id {
			v.shop = m
			v.back = v.d.prefix + home + "/m/" + url.PathEscape(id)
			var err error
			v.seen, err = v.lastEvent()
			return err
		}
	}
	return errNowhere
}

func (v *visit) ctx() context.Context { return v.req.Context() }

func (v *visit) now() time.Time { return v.d.cfg.Now() }

// form reads a member of the form that was posted.
func (v *visit) form(name string) string { return v.req.PostForm.Get(name) }

// root is where the merchant's pages are, as a browser sees it.
func (v *visit) root() string { return v.d.prefix + home + "/m/" + url.PathEscape(string(v.shop.ID)) }

// to leads to another page; what follows a form is a GET.
func (v *visit) to(path string) error {
	v.rw.Header().Set("Location", path)
	v.rw.WriteHeader(http.StatusSeeOther)
	return nil
}

// did leads to a page of the merchant that says what was done.
func (v *visit) did(path, done string) error {
	v.d.cfg.Log.InfoContext(v.ctx(), "done at the desk", "operator", v.who.Name, "merchant", string(v.shop.ID), "what", done, "at", path)
	return v.to(v.root() + path + "?done=" + url.QueryEscape(done))
}

// fail answers with what went wrong.
func (v *visit) fail(err error) {
	if errors.Is(err, errSignIn) {
		v.askToSignIn()
		return
	}
	if v.ctx().Err() != nil {
		return // nobody reads it
	}
	p := problem{Title: "That was not done", Note: "Nothing was changed. " + sentence(err), Back: v.back}
	if v.req.Method != http.MethodPost {
		p.Title, p.Note = "This page cannot be shown", sentence(err)
	}
	status := http.StatusInternalServerError
	switch fault.KindOf(err) {
	case fault.Invalid, fault.Unsupported:
		status = http.StatusUnprocessableEntity
	case fault.Unauthenticated, fault.Forbidden:
		status = http.StatusForbidden
	case fault.NotFound:
		status = http.StatusNotFound
	case fault.Conflict, fault.NotOffered:
		status = http.StatusConflict
	case fault.TooLarge:
		status = http.StatusRequestEntityTooLarge
	case fault.TooMany:
		status = http.StatusTooManyRequests
	case fault.Unavailable:
		status = http.StatusServiceUnavailable
	case fault.Internal:
		v.d.cfg.Log.ErrorContext(v.ctx(), "serve the desk", "err", err, "method", v.req.Method)
		p.Note = "The fault is on our side, and it was noted. Please look whether it was done before you try again."
	}
	var f *fault.Error
	if errors.As(err, &f) && f.Retry > 0 {
		v.rw.Header().Set("Retry-After", strconv.Itoa(int((f.Retry+time.Second-1)/time.Second)))
	}
	v.show(status, "problem", p)
}

// problem is the page that is shown instead of another.
type problem struct{ Title, Note, Back string }

// sentence is what an error says to people: the member at fault, and the sentence.
func sentence(err error) string {
	f, ok := errors.AsType[*fault.Error](err)
	switch {
	case !ok:
		return ""
	case f.Field != "":
		return "“" + f.Field + "” " + f.Message
	}
	return f.Message
}

// show writes a page in one piece, so that a fault in a template never leaves half of one.
func (v *visit) show(status int, page string, data any) {
	var b bytes.Buffer
	pages, err := v.d.pages()
	if err == nil {
		var f frame
		if f, err = v.frame(page); err == nil {
			err = pages[page].ExecuteTemplate(&b, "layout.html", sheet{frame: f, D: data})
		}
	}
	if err != nil {
		v.d.cfg.Log.ErrorContext(v.ctx(), "render page", "page", page, "err", err)
		http.Error(v.rw, "something went wrong on our side", http.StatusInternalServerError)
		return
	}
	v.rw.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'nonce-"+v.nonce+"'; script-src 'nonce-"+v.nonce+"'; img-src 'self'; "+
		"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	v.rw.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.rw.WriteHeader(status)
	v.send(b.Bytes())
}

// page shows a page that is as it should be.
func (v *visit) page(name string, data any) error {
	v.show(http.StatusOK, name, data)
	return nil
}

// send writes a body; a client that went away is no news.
func (v *visit) send(body []byte) {
	if _, err := v.rw.Write(body); err != nil {
		v.d.cfg.Log.DebugContext(v.ctx(), "client went away", "err", err)
	}
}

// nowhere answers for paths that are none.
func (v *visit) nowhere() error { return errNowhere }

func (v *visit) asset() error {
	if !v.d.files.Serve(v.rw, v.req.PathValue("file")) {
		return fmt.Errorf("asset: %w", errNowhere)
	}
	return nil
}

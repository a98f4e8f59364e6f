package web

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"satchel/auth"
	"satchel/fault"
	"satchel/merchant"
	"satchel/web/text"
)

// accessFrame is what every page about access needs.
type accessFrame struct {
	frame
	Styles string // beside those of the checkout page
	Action string // where forms go
}

func (w *Web) accessFrame() accessFrame {
	return accessFrame{frame: w.frame(w.languages[0]), Styles: w.assetURL("access.css"), Action: w.prefix + accessPath}
}

// accessCode is the page that asks for a code, or says what to do with one.
type accessCode struct {
	accessFrame
	Typed string
	Wrong bool
	Desk  string // where the desk approves it; "": nowhere
}

// accessHow says what to do with a code.
func (w *Web) accessHow(code string) accessCode {
	c := accessCode{accessFrame: w.accessFrame(), Typed: code}
	if w.cfg.Access.Desk != "" {
		c.Desk = w.prefix + w.cfg.Access.Desk + "?code=" + code // letters and digits
	}
	return c
}

// accessRequest is the page of a request that waits.
type accessRequest struct {
	accessFrame
	Code, Key string
	Label     string
	SIN       []string // in groups of four
	Facade    string   // what was asked; "" where the approver picks
	Means     string
	Facades   []choice // to pick from
	Merchant  string   // who it is for, where there is only one
	Merchants []choice // to pick from
	Age, Left string
	Until     string // UTC
	LinkLeft  string
	Problem   string
}

// choice is an answer to pick.
type choice struct {
	Value, Name, Means string
	Picked             bool
}

// accessDone is the page of a request that was decided.
type accessDone struct {
	accessFrame
	Title, Note string
	Tone        string // "good", "warn" or "bad"
	Label       string
	SIN         []string
	Facade      string
	Merchant    string
}

// means says what a facade allows.
func means(f auth.Facade) string {
	switch f {
	case auth.POS:
		return "Make invoices, and look single ones up."
	case auth.Merchant:
		return "Everything a shop can do: make, list and change invoices, and open further tokens."
	case auth.Payout:
		return "Payouts, and nothing about invoices."
	case auth.Public, auth.User: // nobody's to give
	}
	return ""
}

// showPetition shows a request: to be decided, or what was decided.
func (w *Web) showPetition(rw http.ResponseWriter, r *http.Request, status int, p petition) {
	if p.state != auth.Inactive {
		w.showAccess(rw, r, status, "access-done.html", w.done(p))
		return
	}
	w.showAccess(rw, r, status, "access-request.html", w.request(p))
}

func (w *Web) request(p petition) accessRequest {
	until := p.grant.Pairing.Expires
	v := accessRequest{
		accessFrame: w.accessFrame(), Code: p.code, Key: p.key, Label: labelOf(p.grant), SIN: sinOf(p.grant),
		Age: span(p.now.Sub(p.grant.Created)), Left: span(until.Sub(p.now)), Until: stamp(until), LinkLeft: span(p.end.Sub(p.now)),
		Problem: p.problem,
	}
	if p.grant.Facade != 0 {
		v.Facade, v.Means = p.grant.Facade.String(), means(p.grant.Facade)
	} else {
		picked, ok := auth.ParseFacade(p.facade)
		if !ok {
			picked = auth.POS // the least
		}
		for _, f := range []auth.Facade{auth.POS, auth.Merchant, auth.Payout} {
			v.Facades = append(v.Facades, choice{f.String(), f.String(), means(f), f == picked})
		}
	}
	if len(p.merchants) == 1 {
		v.Merchant = merchantName(p.merchants[0])
		return v
	}
	for _, m := range p.merchants {
		v.Merchants = append(v.Merchants, choice{Value: string(m.ID), Name: merchantName(m), Picked: string(m.ID) == p.picked})
	}
	return v
}

func (w *Web) done(p petition) accessDone {
	v := accessDone{accessFrame: w.accessFrame(), Label: labelOf(p.grant), SIN: sinOf(p.grant)}
	switch p.state {
	case auth.Active:
		v.Title, v.Note, v.Tone = "Access approved", "The client can use its token now. “satchel token revoke” takes it back.", "good"
		v.Facade = p.grant.Facade.String()
		for _, m := range p.merchants {
			if m.ID == p.grant.Merchant {
				v.Merchant = merchantName(m)
			}
		}
	case auth.Invalidated:
		v.Title, v.Note, v.Tone = "Access refused", "The client’s token is worth nothing. If it was a mistake, let the client ask again.", "bad"
		if p.grant.Merchant != "" {
			v.Title, v.Note = "Access taken back", "It was approved, and revoked since. The client’s token is worth nothing."
		}
	case auth.Expired, auth.Unclaimed, auth.Inactive:
		v.Title, v.Note, v.Tone = "The request has expired", "Nobody decided in time. Let the client ask again; it gets a new code.", "warn"
	}
	return v
}

// labelOf is a client's own word for itself. It may be anything.
func labelOf(g auth.Grant) string { return clean(g.Label, maxAsked) }

// sinOf is a client's id in groups of four.
func sinOf(g auth.Grant) []string {
	if g.SIN == "" {
		return nil
	}
	return fours(clean(string(g.SIN), maxAsked))
}

func merchantName(m merchant.Merchant) string {
	if name := clean(m.Name, maxName); name != "" {
		return name
	}
	return string(m.ID)
}

// span says a length of time in its largest whole unit.
func span(d time.Duration) string { return text.Span(d) }

// showAccess writes a page about access, which nobody may frame.
func (w *Web) showAccess(rw http.ResponseWriter, r *http.Request, status int, page string, data any) {
	rw.Header().Set("X-Frame-Options", "DENY")
	w.render(rw, r, sheet{status: status, page: page, policy: accessPolicy, data: data})
}

// accessTrouble is shown instead of a request.
func (w *Web) accessTrouble(rw http.ResponseWriter, r *http.Request, err error) {
	t := trouble{frame: w.frame(w.languages[0])}
	status := http.StatusInternalServerError
	switch fault.KindOf(err) {
	case fault.Forbidden:
		status = http.StatusForbidden
		t.Title, t.Note = "This link does not work", "It is incomplete or too old; “satchel pairing link” with the code prints a new one."
	case fault.Unavailable, fault.TooMany:
		status = http.StatusServiceUnavailable
		t.Title, t.Note = "One moment, please", "Nothing was decided. Please load the link again in a minute."
		rw.Header().Set("Retry-After", strconv.Itoa(reloadAfter))
	case fault.Internal, fault.Invalid, fault.Unauthenticated, fault.NotFound, fault.Conflict, fault.TooLarge, fault.Unsupported, fault.NotOffered:
		t.Title, t.Note = "Something went wrong", "The fault is on our side, and it was noted. Please open the link again to see whether it was decided."
		w.cfg.Log.ErrorContext(r.Context(), "show request for access", "err", fmt.Errorf("decide about access: %w", err))
	}
	w.showAccess(rw, r, status, "trouble.html", t)
}

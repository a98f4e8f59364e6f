package web

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"satchel/auth"
	"satchel/fault"
	"satchel/merchant"
)

// Access is what the approval page works with.
type Access struct {
	Store    AccessStore
	Pairings Pairings
	Secret   auth.Secret // makes the keys of links
	Desk     string      // the path of the merchant's desk, where a code can be approved, too; "": there is none
}

// AccessStore is where the approval page reads.
type AccessStore interface {
	// Grant finds what a client asked for, also when it was decided.
	Grant(ctx context.Context, id auth.TokenID) (auth.Grant, bool, error)
	// Merchants lists who can be asked for, the first one first.
	Merchants(ctx context.Context) ([]merchant.Merchant, error)
}

// Pairings decides about requests for access. Each is decided once.
type Pairings interface {
	// Approve gives the client what it asked for, or the facade where it asked for none.
	Approve(ctx context.Context, code string, m merchant.ID, f auth.Facade) (auth.Grant, error)
	// Refuse ends the request; its grant is gone then.
	Refuse(ctx context.Context, code string) error
}

// accessPath is where the approval page is, and its form goes.
const accessPath = "/api-access-request"

// accessPolicy lets in the stylesheets and the icon, and the form to where it came from. Nobody may frame the page: a
// click on it gives access to money.
const accessPolicy = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// Bounds of what the page takes in.
const (
	codeLen  = 7
	maxForm  = 4096 // bytes
	maxAsked = 60   // characters of a label or a wrong code
)

func (w *Web) accessRoutes() {
	for _, path := range []string{accessPath, "/api-tokens", "/dashboard/merchant/api-tokens"} {
		w.mux.HandleFunc("GET "+path, w.access)
		w.mux.HandleFunc("GET "+path+"/{$}", w.access)
	}
	w.mux.HandleFunc("POST "+accessPath, w.decide)
	w.mux.HandleFunc("POST "+accessPath+"/{$}", w.decide)
}

// access shows the page as far as the caller may see: with a link's key the request, without one how to approve it.
func (w *Web) access(rw http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	code, key := strings.TrimSpace(q.Get("pairingCode")), q.Get("key")
	switch {
	case code == "":
		w.showAccess(rw, r, http.StatusOK, "access-code.html", accessCode{accessFrame: w.accessFrame()})
	case !wellFormed(code):
		typed := accessCode{accessFrame: w.accessFrame(), Typed: clean(code, maxAsked), Wrong: true}
		w.showAccess(rw, r, http.StatusBadRequest, "access-code.html", typed)
	case key == "":
		w.showAccess(rw, r, http.StatusOK, "access-how.html", w.accessHow(code))
	default:
		p, err := w.petition(r.Context(), code, key)
		if err != nil {
			w.accessTrouble(rw, r, err)
			return
		}
		p.picked = q.Get("merchant")
		w.showPetition(rw, r, http.StatusOK, p)
	}
}

// decide takes the form's answer. Its key is the authority; there is no cookie that another site could use.
func (w *Web) decide(rw http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(rw, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		w.accessTrouble(rw, r, errLink)
		return
	}
	p, err := w.petition(r.Context(), r.PostForm.Get("pairingCode"), r.PostForm.Get("key"))
	if err != nil {
		w.accessTrouble(rw, r, err)
		return
	}
	if p.state != auth.Inactive {
		w.showPetition(rw, r, http.StatusConflict, p)
		return
	}
	p.picked, p.facade = r.PostForm.Get("merchant"), r.PostForm.Get("facade")
	switch r.PostForm.Get("decision") {
	case "approve":
		w.approve(rw, r, p)
	case "refuse":
		w.decided(rw, r, p, w.cfg.Access.Pairings.Refuse(r.Context(), p.code))
	default:
		p.problem = "Please choose whether to approve or to refuse."
		w.showPetition(rw, r, http.StatusBadRequest, p)
	}
}

func (w *Web) approve(rw http.ResponseWriter, r *http.Request, p petition) {
	var facade auth.Facade // none: as asked
	if p.grant.Facade == 0 {
		var ok bool
		if facade, ok = auth.ParseFacade(p.facade); !ok {
			p.problem = "Please choose what the client may do."
			w.showPetition(rw, r, http.StatusBadRequest, p)
			return
		}
	}
	id, ok := p.chosen()
	if !ok {
		p.problem = "Please choose the merchant."
		w.showPetition(rw, r, http.StatusBadRequest, p)
		return
	}
	_, err := w.cfg.Access.Pairings.Approve(r.Context(), p.code, id, facade)
	w.decided(rw, r, p, err)
}

// decided leads back to the page, which then says what was decided. When somebody else was faster, it says so at once.
func (w *Web) decided(rw http.ResponseWriter, r *http.Request, p petition, err error) {
	if err == nil {
		w.cfg.Log.InfoContext(r.Context(), "access was decided on the page", "grant", p.grant.ID.String(), "decision", r.PostForm.Get("decision"))
		private(rw.Header())
		rw.Header().Set("Location", w.prefix+p.path())
		rw.WriteHeader(http.StatusSeeOther)
		return
	}
	now, again := w.petition(r.Context(), p.code, p.key)
	switch {
	case again != nil:
		w.accessTrouble(rw, r, again)
	case now.state == auth.Inactive:
		w.accessTrouble(rw, r, err)
	default:
		w.showPetition(rw, r, http.StatusConflict, now)
	}
}

// petition is a client's request for access, as it stands now.
type petition struct {
	grant     auth.Grant
	state     auth.GrantState
	code, key string
	end       time.Time // of the key
	now       time.Time
	merchants []merchant.Merchant
	picked    string // the merchant that was picked already
	facade    string // and the facade
	problem   string // what was wrong with the last answer
}

// errLink is the answer to every key that does not open.
var errLink = fault.New(fault.Forbidden, "wrong or old link")

// petition reads what a key leads to. A key ends before its request expires, so a grant that is gone was refused.
func (w *Web) petition(ctx context.Context, code, key string) (petition, error) {
	now := w.cfg.Now()
	id, end, err := w.cfg.Access.Secret.ReadLink(key, code, now)
	if errors.Is(err, auth.ErrLink) {
		return petition{}, errLink
	}
	if err != nil {
		return petition{}, err
	}
	g, ok, err := w.cfg.Access.Store.Grant(ctx, id)
	if err != nil {
		return petition{}, err
	}
	state := auth.Invalidated
	if ok {
		state = g.State(now)
	}
	list, err := w.cfg.Access.Store.Merchants(ctx)
	return petition{grant: g, state: state, code: code, key: key, end: end, now: now, merchants: list}, err
}

// path leads to the page of the petition.
func (p petition) path() string { return accessPath + "?pairingCode=" + p.code + "&key=" + p.key } // letters and digits

// chosen gives the merchant who was chosen; where there is only one, no choice is needed.
func (p petition) chosen() (merchant.ID, bool) {
	for _, m := range p.merchants {
		if len(p.merchants) == 1 && p.picked == "" || string(m.ID) == p.picked {
			return m.ID, true
		}
	}
	return "", false
}

// wellFormed tells a pairing code from anything else, which must not be shown as a part of a command.
func wellFormed(code string) bool {
	for i := range len(code) {
		if c := code[i]; (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return len(code) == codeLen
}

package desk

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"satchel/auth"
	"satchel/fault"
	"satchel/web/text"
)

// signTimeout is how long somebody waits for his turn and his password's hash.
const signTimeout = 15 * time.Second

// knownAge is how long a browser remembers that somebody signed in.
const knownAge = 365 * 24 * time.Hour

// seatCookie names the cookie of a seat. With the prefix of RFC 6265bis no other host of the domain can set it.
func (d *Desk) seatCookie() string { return d.cookie("desk") }

// knownCookie names the cookie that says who signed in here before.
func (d *Desk) knownCookie() string { return d.cookie("desk-known") }

func (d *Desk) cookie(name string) string {
	switch {
	case !d.secure:
		return name
	case d.prefix == "":
		return "__Host-" + name
	}
	return "__Secure-" + name
}

// setCookie sets a cookie that only this site sends and no script reads. A negative age takes it away, 0 keeps it until
// the browser ends.
func (v *visit) setCookie(name, value string, age time.Duration) {
	path := v.d.prefix + home
	if strings.HasPrefix(name, "__Host-") {
		path = "/"
	}
	http.SetCookie(v.rw, &http.Cookie{ //nolint:gosec // Secure wherever the public URL is https; a shop on its own machine has none
		Name: name, Value: value, Path: path, MaxAge: int(age / time.Second), Secure: v.d.secure, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
}

// signInPage is the door.
type signInPage struct {
	Name, Next, Problem string
}

// askToSignIn leads to the door. A link on another site does not bring the cookie along (SameSite=Strict), so a browser
// that comes from one is first let ask again by itself. A page that asks by itself is told that its seat has ended.
func (v *visit) askToSignIn() {
	if v.alone {
		v.rw.WriteHeader(http.StatusUnauthorized)
		return
	}
	here := v.d.prefix + v.req.URL.RequestURI()
	if v.req.Method != http.MethodGet {
		here = ""
	} else if _, err := v.req.Cookie(v.d.seatCookie()); err != nil && v.req.Header.Get("Sec-Fetch-Site") == "cross-site" {
		v.show(http.StatusOK, "again", here)
		return
	}
	_ = v.to(v.d.prefix + home + "/sign-in?next=" + url.QueryEscape(here)) // gives no error
}

// next gives where somebody goes who got in: a page of the desk, whatever was asked for. A browser walks up at every
// "..", also at one that is encoded.
func (v *visit) next(wish string) string {
	start := v.d.prefix + home
	rest, ok := strings.CutPrefix(wish, start)
	u, err := url.Parse(wish)
	if !ok || err != nil || path.Clean(u.Path) != u.Path || rest != "" && rest[0] != '/' && rest[0] != '?' || strings.ContainsAny(rest, "\\\r\n\t") || strings.Contains(rest, "/sign-") {
		return start
	}
	return wish
}

func (v *visit) showSignIn() error {
	next := v.next(v.req.URL.Query().Get("next"))
	if v.seat != "" {
		return v.to(next)
	}
	return v.page("sign-in", signInPage{Next: next})
}

func (v *visit) signIn() error {
	name := strings.ToLower(strings.TrimSpace(v.form("name")))
	p := signInPage{Name: text.Clean(name, 40), Next: v.next(v.form("next"))}
	giveBack, err := v.knock(name)
	if err != nil {
		return v.turnAway(p, err)
	}
	key, who, err := v.prove(func(ctx context.Context, known bool) (string, auth.Operator, error) {
		return v.d.cfg.Staff.SignIn(ctx, auth.Credentials{Name: name, Password: v.form("password"), Known: known})
	}, name)
	if err != nil {
		if !errors.Is(err, auth.ErrSignIn) {
			giveBack()
		}
		return v.turnAway(p, err)
	}
	giveBack()
	v.letIn(who, key)
	return v.to(p.Next)
}

// knock counts an attempt in somebody's name.
func (v *visit) knock(name string) (giveBack func(), err error) {
	t := v.stranger()
	t.name = name
	if nonce, ok := v.known(name); ok {
		t.browser = string(nonce[:])
	}
	return v.count(t)
}

// stranger is an attempt of whoever calls, in nobody's name.
func (v *visit) stranger() (t try) {
	if addr, local := v.d.cfg.Caller(v.req); !local {
		t.address = addr.String()
	}
	return t
}

func (v *visit) count(t try) (giveBack func(), err error) {
	giveBack, wait := v.d.door.knock(t, v.now())
	if wait > 0 {
		v.d.cfg.Log.WarnContext(v.ctx(), "too many attempts to sign in", "address", t.address)
		return nil, fault.New(fault.TooMany, "Too many attempts. Please try again in %s.", soon(wait)).After(wait)
	}
	return giveBack, nil
}

func soon(d time.Duration) string {
	if d < time.Minute {
		return text.Count(int64((d+time.Second-1)/time.Second), "second")
	}
	return text.Span(d + time.Minute - 1)
}

// known tells whether this browser signed in as an operator before.
func (v *visit) known(name string) (nonce [16]byte, ok bool) {
	c, err := v.req.Cookie(v.d.knownCookie())
	if err != nil {
		return nonce, false
	}
	return v.d.cfg.Secret.ReadKnown(name, c.Value)
}

// prove lets a password be compared, in bounded time.
func (v *visit) prove(fn func(ctx context.Context, known bool) (string, auth.Operator, error), name string) (string, auth.Operator, error) {
	ctx, cancel := context.WithTimeout(v.ctx(), signTimeout)
	defer cancel()
	_, known := v.known(name)
	key, who, err := fn(ctx, known)
	if errors.Is(err, context.DeadlineExceeded) {
		err = fault.New(fault.TooMany, "Too many people are signing in at once. Please try again in a moment.").After(signTimeout)
	}
	return key, who, err
}

// letIn gives the browser its seat, and lets it be known again.
func (v *visit) letIn(who auth.Operator, key string) {
	v.setCookie(v.d.seatCookie(), key, 0)
	nonce, ok := v.known(who.Name)
	if !ok {
		_, _ = rand.Read(nonce[:]) // never fails (crypto/rand)
	}
	v.setCookie(v.d.knownCookie(), v.d.cfg.Secret.KnownKey(who.Name, nonce), knownAge)
	v.d.cfg.Log.InfoContext(v.ctx(), "signed in at the desk", "operator", who.Name)
}

// turnAway shows the door again, with what was wrong.
func (v *visit) turnAway(p signInPage, err error) error {
	status, err := v.refusal(err)
	if err != nil {
		return err
	}
	p.Problem = status.text
	v.show(status.code, "sign-in", p)
	return nil
}

// refused is what somebody is told who does not get in.
type refused struct {
	code int
	text string
}

// refusal translates an error about a password. What is not about one is given back.
func (v *visit) refusal(err error) (refused, error) {
	var f *fault.Error
	switch {
	case errors.Is(err, auth.ErrSignIn):
		return refused{http.StatusUnauthorized, "Name and password do not fit."}, nil
	case errors.As(err, &f) && f.Kind == fault.TooMany:
		v.rw.Header().Set("Retry-After", strconv.Itoa(int((f.Retry+time.Second-1)/time.Second)))
		return refused{http.StatusTooManyRequests, f.Message}, nil
	case fault.Is(err, fault.Invalid):
		return refused{http.StatusUnprocessableEntity, capital(f.Field) + " " + f.Message + "."}, nil
	}
	return refused{}, err
}

func capital(word string) string {
	if word == "" {
		return "It"
	}
	return strings.ToUpper(word[:1]) + word[1:]
}

// welcomePage lets somebody who was invited set his password.
type welcomePage struct {
	Name, Key, Problem string
	Least              int // characters
	Works              bool
}

func (v *visit) showWelcome() error {
	q := v.req.URL.Query()
	return v.welcomes(http.StatusOK, welcomePage{Name: q.Get("name"), Key: q.Get("key")})
}

func (v *visit) welcomes(status int, p welcomePage) error {
	_, err := v.d.cfg.Staff.Invited(v.ctx(), p.Name, p.Key)
	switch {
	case errors.Is(err, auth.ErrInvite):
		status, p = http.StatusForbidden, welcomePage{}
	case err != nil:
		return err
	default:
		p.Works, p.Least = true, auth.MinPassword
	}
	v.show(status, "welcome", p)
	return nil
}

// welcome takes a new password. The link's key is the authority, and ends with it. It is compared before anything is
// counted: whoever has it gets in whatever strangers do in his name, and they are counted by themselves.
func (v *visit) welcome() error {
	p := welcomePage{Name: v.form("name"), Key: v.form("key")}
	_, err := v.d.cfg.Staff.Invited(v.ctx(), p.Name, p.Key)
	if errors.Is(err, auth.ErrInvite) {
		if _, err := v.count(v.stranger()); err != nil {
			return err
		}
		return v.welcomes(http.StatusForbidden, p)
	}
	if err != nil {
		return err
	}
	if v.form("password") != v.form("again") {
		p.Problem = "The two passwords differ."
		return v.welcomes(http.StatusUnprocessableEntity, p)
	}
	giveBack, err := v.count(try{browser: "invited " + p.Name})
	if err != nil {
		return err
	}
	key, who, err := v.prove(func(ctx context.Context, _ bool) (string, auth.Operator, error) {
		return v.d.cfg.Staff.Welcome(ctx, p.Name, p.Key, v.form("password"))
	}, p.Name)
	giveBack()
	switch {
	case err == nil:
		v.letIn(who, key)
		return v.to(v.d.prefix + home)
	case errors.Is(err, auth.ErrInvite): // used up meanwhile
		return v.welcomes(http.StatusForbidden, p)
	}
	told, err := v.refusal(err)
	if err != nil {
		return err
	}
	p.Problem = told.text
	return v.welcomes(told.code, p)
}

// enter leads to the first merchant's pages, or those of one who was picked; and with a pairing code to where it is approved.
func (v *visit) enter() error {
	if len(v.shops) == 0 {
		return fault.New(fault.NotFound, "There is no merchant whom you may see.")
	}
	v.shop = v.shops[0]
	for _, m := range v.shops {
		if string(m.ID) == v.req.URL.Query().Get("shop") {
			v.shop = m
		}
	}
	if code := v.req.URL.Query().Get("code"); code != "" {
		return v.to(v.root() + "/clients?code=" + url.QueryEscape(code))
	}
	return v.to(v.root())
}

func (v *visit) signOut() error {
	if err := v.d.cfg.Staff.SignOut(v.ctx(), v.seat); err != nil {
		return err
	}
	v.setCookie(v.d.seatCookie(), "", -time.Second)
	return v.to(v.d.prefix + home + "/sign-in")
}

func (v *visit) signOutEverywhere() error {
	if err := v.d.cfg.Staff.SignOutEverywhere(v.ctx(), v.who.Name); err != nil {
		return err
	}
	v.setCookie(v.d.seatCookie(), "", -time.Second)
	return v.to(v.d.prefix + home + "/sign-in")
}

// accountPage is about who is signed in.
type accountPage struct {
	Name, Role, Scope string
	Changed           time.Time
	Least             int
	Problem           string
}

func (v *visit) accountPage() accountPage {
	p := accountPage{Name: v.who.Name, Role: v.who.Role.String(), Scope: "every merchant of this server", Changed: v.who.Changed, Least: auth.MinPassword}
	if v.who.Merchant != "" && len(v.shops) > 0 {
		p.Scope = shopName(v.shops[0])
	}
	return p
}

func (v *visit) account() error { return v.page("account", v.accountPage()) }

// changePassword sets the operator's own password; every other seat of his ends.
func (v *visit) changePassword() error {
	p := v.accountPage()
	if v.form("password") != v.form("again") {
		p.Problem = "The two passwords differ."
		v.show(http.StatusUnprocessableEntity, "account", p)
		return nil
	}
	giveBack, err := v.knock(v.who.Name)
	var key string
	if err == nil {
		key, _, err = v.prove(func(ctx context.Context, known bool) (string, auth.Operator, error) {
			c := auth.Credentials{Name: v.who.Name, Password: v.form("old"), Known: known}
			key, err := v.d.cfg.Staff.ChangePassword(ctx, c, v.form("password"))
			return key, v.who, err
		}, v.who.Name)
		if !errors.Is(err, auth.ErrSignIn) {
			giveBack()
		}
	}
	if err != nil {
		told, err := v.refusal(err)
		if err != nil {
			return err
		}
		if p.Problem = told.text; told.code == http.StatusUnauthorized {
			p.Problem = "That is not your present password."
		}
		v.show(told.code, "account", p)
		return nil
	}
	v.letIn(v.who, key)
	return v.to(v.d.prefix + home + "/account?done=password")
}

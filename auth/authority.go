package auth

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/btcsuite/btcd/btcutil/base58"

	"satchel/merchant"
)

// Store keeps grants, clients and sessions. What one function of UpdateAuth wrote is in one commit or not at all; the
// function may run again, and has no effect but on its Tx and on variables that it sets on every run.
type Store interface {
	Grants
	ReadAuth(ctx context.Context, fn func(View) error) error
	UpdateAuth(ctx context.Context, fn func(Tx) error) error
}

// View is a consistent view of the store.
type View interface {
	Grant(id TokenID) (Grant, bool, error)
	// GrantByCode finds the grant whose open pairing has the code, also an expired one.
	GrantByCode(code string) (Grant, bool, error)
	// GrantsOfSIN lists the grants of a SIN in any state.
	GrantsOfSIN(s SIN) ([]Grant, error)
	// Pairings lists the grants with an open pairing, those that expire first first, expired ones too.
	Pairings() ([]Grant, error)
	Client(s SIN) (Client, bool, error)
	Session(id string) (Session, bool, error)
	// Answer gives the last answer that a session keeps.
	Answer(id string) ([]byte, error)
}

// Tx is a view that can be changed. What is new is refused while the store is not writable: fault.Unavailable.
type Tx interface {
	View
	// Made finds the grant that an equal request made or claimed before. fault.Conflict: its guid was used for another
	// body, and is not one that two requests may share.
	Made(r Request) (Grant, bool, error)
	// PutGrant adds or replaces a grant, and remembers which request did it, if that has a guid.
	PutGrant(g Grant, by Request) error
	// DropGrant removes a grant, its code and the requests that made it.
	DropGrant(id TokenID) error
	// Overdue lists grants whose pairing has expired, as many as limit.
	Overdue(now time.Time, limit int) ([]Grant, error)
	PutClient(c Client) error
	DropClient(s SIN) error
	// Unpaired lists clients that never had a grant and were made before a time, oldest first.
	Unpaired(before time.Time, limit int) ([]Client, error)
	// PutSession adds or replaces a session with the answer that it keeps.
	PutSession(s Session, answer []byte) error
	DropSession(id string) error
	// Idle lists sessions last used before a time, as many as limit.
	Idle(before time.Time, limit int) ([]string, error)
	// Counts tells how much there is, and how many codes a merchant offers.
	Counts(m merchant.ID) (Counts, error)
}

// Counts are what the caps are held against.
type Counts struct {
	Waiting  int64 // open pairings that wait for approval
	Offered  int64 // open pairings that a merchant offers
	Unpaired int64 // clients without a grant
	Sessions int64 // sessions, idle ones too
	Kept     int64 // bytes of answers that sessions keep
}

// Request is what makes a repeated request the same one: who asked, the guid that he chose, and what he asked for.
// Without a guid every request is a new one.
type Request struct {
	Scope  string
	GUID   string
	Digest [32]byte
}

// Config is what an Authority works with. The sources of randomness may be nil: crypto/rand.
type Config struct {
	Store      Store
	Secret     Secret
	Now        func() time.Time
	NewID      func() TokenID
	NewCode    func() string // 7 characters of base58
	NewSession func() string // at most 32 characters
}

// Authority is the service: it proves calls, pairs clients and merchants, and keeps sessions. It is safe for concurrent
// use.
type Authority struct {
	cfg   Config
	turns turns
}

// NewAuthority makes an Authority.
func NewAuthority(cfg Config) (*Authority, error) {
	if cfg.Store == nil || cfg.Now == nil || cfg.Secret == (Secret{}) {
		return nil, errors.New("auth: no store, clock or secret")
	}
	if cfg.NewID == nil {
		cfg.NewID = newID
	}
	if cfg.NewCode == nil {
		cfg.NewCode = newCode
	}
	if cfg.NewSession == nil {
		cfg.NewSession = newSession
	}
	return &Authority{cfg: cfg, turns: turns{open: map[string]*lane{}}}, nil
}

// Authenticate proves a call.
func (a *Authority) Authenticate(ctx context.Context, c Call) (Principal, error) {
	return Authenticate(ctx, a.cfg.Secret, a.cfg.Store, c)
}

// Holds tells that the grant which proved a caller is usable still, for calls that wait: ErrToken where it is not.
func (a *Authority) Holds(ctx context.Context, p Principal) error {
	g, ok, err := a.cfg.Store.Grant(ctx, p.token)
	if err == nil && (!ok || !g.usable()) {
		err = ErrToken
	}
	return err
}

// Token gives the string of a grant.
func (a *Authority) Token(g Grant) string { return a.cfg.Secret.Token(g.ID) }

func newID() (id TokenID) {
	for id.IsZero() {
		_, _ = rand.Read(id[:]) // never fails (crypto/rand)
	}
	return id
}

// alphabet is base58's.
const alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

// codeLen is how long a pairing code is: clients refuse any other length before they send it.
const codeLen = 7

func newCode() string {
	const even = 256 / len(alphabet) * len(alphabet) // what is above would make some characters likelier
	code := make([]byte, 0, codeLen)
	for len(code) < codeLen {
		var b [16]byte
		_, _ = rand.Read(b[:]) // never fails (crypto/rand)
		for _, c := range b {
			if int(c) < even && len(code) < codeLen {
				code = append(code, alphabet[int(c)%len(alphabet)])
			}
		}
	}
	return string(code)
}

func newSession() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return base58.Encode(b[:])
}

// MaxLabel is how many characters of a label are kept.
const MaxLabel = 60

// CleanLabel keeps what can be printed of a label, of any script, and at most MaxLabel characters.
func CleanLabel(text string) string {
	var b strings.Builder
	n := 0
	for _, r := range strings.TrimSpace(text) {
		if n == MaxLabel {
			break
		}
		if r != utf8.RuneError && unicode.IsPrint(r) {
			b.WriteRune(r)
			n++
		}
	}
	return strings.TrimSpace(b.String())
}

package bitpay

import (
	"math"
	"time"

	"satchel/fault"
)

// TokenRequest is the body of POST /tokens (BitPay API, "Tokens"). With a code a client claims what a merchant offered;
// without one it asks to be paired, or, with a merchant's token, makes a new offer.
type TokenRequest struct {
	ID     string // the client's SIN, as sent; "": none
	Facade string // the word as sent; "": the administrator picks, or the code decides
	Code   string // pairing code; "": none
	Label  string // as sent: whoever keeps it cuts it
	GUID   string
	Digest [32]byte
}

// DecodeTokenRequest reads the body of POST /tokens. Errors are fault.Invalid.
func DecodeTokenRequest(b Body) (TokenRequest, error) {
	r := &reader{body: b}
	req := TokenRequest{
		ID:     r.loose("id"),
		Facade: r.loose("facade"),
		Code:   r.loose("pairingCode"),
		Label:  r.loose("label"),
		GUID:   b.GUID(),
		Digest: b.Digest(),
	}
	if count := r.loose("count"); count != "" && count != "1" {
		r.fail("count", "must be 1: a request makes one token")
	}
	return req, r.err
}

// MissingID is the refusal of a request that names no client, in the words that clients know.
func MissingID() error { return fault.New(fault.Invalid, "'id' property is required") }

// WrongID is the refusal of an id that is no client's.
func WrongID(because error) error {
	return fault.New(fault.Invalid, "'id' property is not a client's id (SIN): %s", because)
}

// loose reads a text that somebody else judges; a number stands for its own digits.
func (r *reader) loose(name string) string {
	switch v := r.value([]string{name}); v.kind {
	case absent, null:
		return ""
	case text, number:
		return v.src
	case boolean, object, array:
		r.fail(name, "must be a text")
	}
	return ""
}

// Method is what a token's policy asks for, in the words of the wire (BitPay API, "Policies"), which are not those of
// its documentation.
type Method string

// The methods of the policy "id".
const (
	Require     Method = "require"     // calls are signed by the client that params names
	Inactive    Method = "inactive"    // the client waits for approval
	Unclaimed   Method = "unclaimed"   // nobody presented the code yet
	Invalidated Method = "invalidated" // revoked
)

// TokenFacts is what the document of a token shows.
type TokenFacts struct {
	Method   Method
	SIN      string // "": nobody's yet
	Resource string // the merchant; "": nobody's yet
	Token    string
	Facade   string // "": the administrator picks
	Label    string
	Created  time.Time
	Code     string // the open pairing; "": none
	Expires  time.Time
}

// TokenDocument is the answer to POST /tokens: a list of one, without a facade around it. One Java client fails on any
// member that is not here, and a Scala client on params that are no list.
func TokenDocument(f TokenFacts) Raw {
	e := newEncoder(512)
	e.open()
	e.openList("data")
	e.open()
	e.openList("policies")
	e.open()
	e.text("policy", "id")
	e.text("method", string(f.Method))
	e.openList("params")
	if f.SIN != "" {
		e.b = appendString(e.b, f.SIN)
	}
	e.closeList()
	e.close()
	e.closeList()
	e.opt("resource", f.Resource)
	e.text("token", f.Token)
	e.opt("facade", f.Facade)
	e.opt("label", f.Label)
	e.millis("dateCreated", f.Created)
	if f.Code != "" {
		e.millis("pairingExpiration", f.Expires)
		e.text("pairingCode", f.Code)
	}
	e.close()
	e.closeList()
	e.close()
	return e.b
}

// FacadeToken is one token of a client.
type FacadeToken struct{ Facade, Token string }

// TokensDocument is the answer to GET /tokens: one object for each token, whose only member is named after the facade.
// Clients take the first member of the document for the list, so there is no other.
func TokensDocument(list []FacadeToken) Raw {
	e := newEncoder(32 + 96*len(list))
	e.open()
	e.openList("data")
	for _, t := range list {
		e.open()
		e.text(t.Facade, t.Token)
		e.close()
	}
	e.closeList()
	e.close()
	return e.b
}

// SessionDocument is the answer to POST /sessions: the id alone, as a text.
func SessionDocument(id string) Raw {
	e := newEncoder(64)
	e.open()
	e.text("data", id)
	e.close()
	return e.b
}

// Turn is a request's place in a session (BitPay API, "Sessions").
type Turn struct {
	Session string // "": the request is in no session
	Number  uint64 // 0: not a number that a request can have
}

// TurnOf finds the session of a request in its body or query, numbers as numbers or texts. A number that cannot be is 0,
// which no request has; so is one that is missing.
func TurnOf(b Body, q Query) (Turn, error) {
	r := &reader{body: b}
	id, number := r.loose("sessionId"), r.loose("requestNumber")
	if r.err != nil {
		return Turn{}, r.err
	}
	for _, member := range [...]struct {
		name string
		to   *string
	}{{"sessionId", &id}, {"requestNumber", &number}} {
		v, err := q.Text(member.name)
		switch {
		case err != nil:
			return Turn{}, err
		case *member.to == "":
			*member.to = v
		case v != "" && v != *member.to:
			return Turn{}, fault.Field(member.name, "is given in two places, and differs")
		}
	}
	return Turn{Session: id, Number: wholeNumber(number)}, nil
}

// wholeNumber reads digits; 0 for anything else and for what is out of range.
func wholeNumber(s string) uint64 {
	n := uint64(0)
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' || n > (math.MaxUint64-9)/10 {
			return 0
		}
		n = n*10 + uint64(s[i]-'0')
	}
	return n
}

package store

import (
	"satchel/auth"
	"satchel/merchant"
)

// grantRecord is a grant; its id is its key.
type grantRecord struct {
	No      uint32      `json:"merchant"`
	Facade  auth.Facade `json:"facade"`
	Label   string      `json:"label,omitempty"`
	SIN     string      `json:"sin,omitempty"`
	Created instant     `json:"created,omitempty"`
	Revoked instant     `json:"revoked,omitempty"`

	Code    string        `json:"code,omitempty"` // of the pairing that is open, and when it expires
	Expires instant       `json:"expires,omitempty"`
	Client  bool          `json:"client,omitempty"` // it waits for approval
	Asked   []askedRecord `json:"asked,omitempty"`  // the requests with a guid that led to it
}

// askedRecord is a request for a grant: who asked under which guid, and what for.
type askedRecord struct {
	Hash   hash32 `json:"hash"`
	Digest hash32 `json:"digest"`
}

// clientRecord is the record behind a SIN; the SIN's hash is its key.
type clientRecord struct {
	SIN      string  `json:"sin"`
	Label    string  `json:"label,omitempty"`
	Phone    string  `json:"phone,omitempty"`
	Created  instant `json:"created,omitempty"`
	Disabled bool    `json:"disabled,omitempty"`
	Paired   bool    `json:"paired,omitempty"` // some grant names it
}

// sessionRecord is a client's session; its id's hash is its key.
type sessionRecord struct {
	ID     string  `json:"id"`
	Next   uint64  `json:"next"`
	Used   instant `json:"used"`
	SIN    string  `json:"sin,omitempty"`
	Hash   hash32  `json:"hash,omitzero"` // of the last request, and whose it was
	By     string  `json:"by,omitempty"`
	Status int     `json:"status,omitempty"`
	Size   int     `json:"size,omitempty"` // of the answer that is kept, in bytes
	Lost   bool    `json:"lost,omitempty"`
	Sum    uint32  `json:"sum,omitempty"` // CRC32C of the answer; 0: not known
}

func fromGrant(g *auth.Grant, no uint32) grantRecord {
	return grantRecord{
		No: no, Facade: g.Facade, Label: g.Label, SIN: string(g.SIN), Created: toInstant(g.Created), Revoked: toInstant(g.Revoked),
		Code: g.Pairing.Code, Expires: toInstant(g.Pairing.Expires), Client: g.Pairing.Client,
	}
}

func (r *grantRecord) grant(id auth.TokenID, m merchant.ID) auth.Grant {
	return auth.Grant{
		ID: id, Merchant: m, Facade: r.Facade, Label: r.Label, SIN: auth.SIN(r.SIN), Created: r.Created.time(), Revoked: r.Revoked.time(),
		Pairing: auth.Pairing{Code: r.Code, Expires: r.Expires.time(), Client: r.Client},
	}
}

func fromClient(c *auth.Client) clientRecord {
	return clientRecord{SIN: string(c.SIN), Label: c.Label, Phone: c.Phone, Created: toInstant(c.Created), Disabled: c.Disabled, Paired: c.Paired}
}

func (r *clientRecord) client() auth.Client {
	return auth.Client{SIN: auth.SIN(r.SIN), Label: r.Label, Phone: r.Phone, Created: r.Created.time(), Disabled: r.Disabled, Paired: r.Paired}
}

func fromSession(s *auth.Session) sessionRecord {
	l := &s.Last
	return sessionRecord{
		ID: s.ID, Next: s.Next, Used: toInstant(s.Used), SIN: string(s.SIN),
		Hash: hash32(l.Hash), By: string(l.SIN), Status: l.Status, Size: l.Size, Lost: l.Lost,
	}
}

func (r *sessionRecord) session() auth.Session {
	return auth.Session{
		ID: r.ID, Next: r.Next, Used: r.Used.time(), SIN: auth.SIN(r.SIN),
		Last: auth.Last{Hash: r.Hash, SIN: auth.SIN(r.By), Status: r.Status, Size: r.Size, Lost: r.Lost},
	}
}

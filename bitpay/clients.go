package bitpay

import (
	"strings"
	"time"
)

// ClientRequest is the body of POST /clients and PUT /clients/:id (BitPay API, "Clients").
type ClientRequest struct {
	ID       string  // the client's SIN, as sent; "": none
	Label    *string // nil: not said
	Disabled *bool   // nil: not said
	GUID     string
}

// DecodeClientRequest reads the body of POST /clients and PUT /clients/:id. Errors are fault.Invalid.
func DecodeClientRequest(b Body) (ClientRequest, error) {
	r := &reader{body: b}
	req := ClientRequest{ID: r.loose("id"), Disabled: r.flag("disabled"), GUID: b.GUID()}
	if label := r.loose("label"); label != "" {
		req.Label = &label
	}
	return req, r.err
}

// ClientFacts is what the document of a client shows: the record behind a SIN.
type ClientFacts struct {
	SIN      string
	Label    string
	Token    string // of this record
	Disabled bool
	Approved bool // it has a token that may be used
	Created  time.Time
}

func (e *encoder) client(f ClientFacts) {
	e.text("id", f.SIN)
	e.text("label", f.Label)
	e.flag("disabled", f.Disabled)
	e.flag("approved", f.Approved)
	e.iso("dateCreated", f.Created)
	e.opt("token", f.Token)
}

// ClientDocument is the answer that carries one client.
func ClientDocument(f ClientFacts) Raw {
	e := newEncoder(320)
	e.open()
	e.text("facade", "user/client")
	e.openIn("data")
	e.client(f)
	e.close()
	e.close()
	return e.b
}

// RegisteredDocument is the answer to POST /clients: what the caller knew already, for nobody proved anything.
func RegisteredDocument(sin string) Raw {
	e := newEncoder(128)
	e.open()
	e.text("facade", "public/client")
	e.openIn("data")
	e.text("id", sin)
	e.close()
	e.close()
	return e.b
}

// ClientsDocument is the answer to GET /clients.
func ClientsDocument(list []ClientFacts) Raw {
	e := newEncoder(32 + 320*len(list))
	e.open()
	e.openList("data")
	for _, f := range list {
		e.open()
		e.client(f)
		e.close()
	}
	e.closeList()
	e.close()
	return e.b
}

// UserRequest is the body of PUT /user (BitPay API, "User"). nil: not said.
type UserRequest struct {
	Name  *string
	Phone *string
}

// How many characters they have at most: a name as many as a client's label keeps, a phone number 15 digits (ITU-T
// E.164), spaces, and an extension.
const (
	maxUserName  = 60
	maxUserPhone = 40
)

// DecodeUserRequest reads the body of PUT /user. Whoever sends back what GET /user gave changes nothing. Errors are
// fault.Invalid.
func DecodeUserRequest(b Body) (UserRequest, error) {
	r := &reader{body: b}
	req := UserRequest{Name: r.said(rule{max: maxUserName, plain: true}, "name"), Phone: r.said(rule{max: maxUserPhone, ascii: true}, "phone")}
	if req.Name != nil && strings.TrimSpace(*req.Name) == "" {
		r.fail("name", "must not be empty")
	}
	if r.loose("email") != "" {
		r.fail("email", "is not known of anybody here; name and phone can be changed")
	}
	return req, r.err
}

// said reads a text that may be absent: nil. An empty one was said.
func (r *reader) said(to rule, name string) *string {
	if v := r.body.find(name); v.kind == absent || v.kind == null {
		return nil
	}
	s := r.text(to, name)
	return &s
}

// UserFacts is what is known of the person behind a client.
type UserFacts struct{ Name, Phone string }

// UserDocument is the answer to GET and PUT /user. Nobody has an address here, and those who print the answer print
// three members.
func UserDocument(f UserFacts) Raw {
	e := newEncoder(128)
	e.open()
	e.text("facade", "user")
	e.openIn("data")
	e.text("name", f.Name)
	e.text("email", "")
	e.text("phone", f.Phone)
	e.close()
	e.close()
	return e.b
}

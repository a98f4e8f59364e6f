package bitpay

import "time"

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

// UserDocument is the answer to GET /user. A client has a name here and nothing else, and those who print the answer
// print three members.
func UserDocument(name string) Raw {
	e := newEncoder(128)
	e.open()
	e.text("facade", "user")
	e.openIn("data")
	e.text("name", name)
	e.text("email", "")
	e.text("phone", "")
	e.close()
	e.close()
	return e.b
}

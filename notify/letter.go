package notify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/mail"
	"strconv"
	"strings"

	gomail "github.com/wneessen/go-mail"
)

// maxSubject bounds a mail's subject, in bytes.
const maxSubject = 200

// Letter is what a mail says, as it is stored with its delivery.
type Letter struct {
	Subject string `json:"subject"` // one line
	Text    string `json:"text"`    // plain text, lines end with \n
}

// Body gives the letter as a delivery's body.
func (l Letter) Body() ([]byte, error) {
	b, err := json.Marshal(l)
	if err != nil {
		return nil, fmt.Errorf("encode a mail: %w", err)
	}
	return b, nil
}

// message is a mail that is ready to be sent.
type message struct {
	to   string
	data []byte // RFC 5322
}

// compose makes the message of a delivery, the same bytes on every attempt: its Message-ID is the event's, and its date
// the delivery's own. Mails of one invoice refer to the invoice, so that a reader shows them together; one that was asked
// for by hand has an id of its own, since mail servers drop what they have seen.
func compose(d Delivery, from mail.Address) (message, error) {
	to, err := mail.ParseAddress(d.Endpoint)
	if err != nil || to.Address != d.Endpoint || strings.ContainsFunc(d.Endpoint, hidden) {
		return message{}, &MailError{Final: true, Text: "refused: not an e-mail address"}
	}
	var l Letter
	if err := json.Unmarshal(d.Body, &l); err != nil {
		return message{}, &MailError{Final: true, Text: "refused: not a mail"}
	}
	m := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	m.FromMailAddress(&from)
	m.ToMailAddress(to)
	m.Subject(strings.ReplaceAll(clean(l.Subject, maxSubject), "=?", "= ?")) // else a reader decodes what we did not encode
	m.SetDateWithValue(d.Created.UTC())
	m.SetBodyString(gomail.TypeTextPlain, l.Text)
	identify(m, d, from.Address[strings.LastIndexByte(from.Address, '@')+1:])
	var b bytes.Buffer
	if _, err := m.WriteTo(&b); err != nil {
		return message{}, &MailError{Final: true, Text: "refused: the mail cannot be written"}
	}
	return message{to: to.Address, data: b.Bytes()}, nil
}

// identify writes the headers by which a receiver knows a mail: RFC 5322 ids, RFC 3834, and our own numbers as callbacks
// carry them.
func identify(m *gomail.Msg, d Delivery, domain string) {
	id, thread := d.EventID, []string{msgID(string(d.Invoice), domain)}
	if d.Resend {
		thread = append(thread, msgID(id, domain))
		id += "." + strconv.FormatUint(d.ID, 10)
	}
	m.SetMessageIDWithValue(id + "@" + domain)
	m.SetGenHeader(gomail.HeaderReferences, strings.Join(thread, " "))
	m.SetGenHeader("Auto-Submitted", "auto-generated")
	m.SetGenHeader("Satchel-Event", d.EventID)
	m.SetGenHeader("Satchel-Sequence", strconv.FormatUint(d.Event, 10))
	m.SetGenHeader("Satchel-Revision", strconv.FormatUint(uint64(d.Revision), 10))
}

func msgID(left, domain string) string { return "<" + left + "@" + domain + ">" }

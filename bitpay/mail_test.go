package bitpay

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"satchel/invoice"
	"satchel/merchant"
)

// goldenMail holds a mail against its file.
func goldenMail(t *testing.T, name string, m Mail) {
	t.Helper()
	path := filepath.Join("testdata", name+".txt")
	got := "To: " + m.To + "\nSubject: " + m.Subject + "\n\n" + m.Text
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s differs (-file +mail):\n%s", path, d)
	}
}

// TestMails tells whole stories; each mail of them is a file.
func TestMails(t *testing.T) {
	for _, c := range []struct {
		name     string
		speed    merchant.Speed
		extended bool
		happens  []func(*life)
		subjects string
	}{
		{"mail-plain", merchant.Medium, false, []func(*life){pays, mined6}, "paid|confirmed|complete"},
		{"mail-high", merchant.High, false, []func(*life){pays}, "confirmed"},
		{"mail-over", merchant.Medium, false, []func(*life){paysHalf, pays}, "paid (overpaid)"},
		{"mail-invalid", merchant.Medium, false, []func(*life){pays, sticks}, "paid|invalid"},
		{"mail-part", merchant.Medium, true, []func(*life){paysHalf, expires}, "payment received (underpaid)|expired (underpaid)"},
		{"mail-late", merchant.Medium, true, []func(*life){expires, pays}, "expired|expired (paid late)"},
		{"mail-stray", merchant.Medium, true, []func(*life){pays, mined6, paysHalf}, "payment received|paid|confirmed|complete|stray payment"},
		{"mail-marked", merchant.Medium, true, []func(*life){marked(invoice.Complete)}, "complete"},
		{"mail-cancelled", merchant.Medium, true, []func(*life){cancelled}, "cancelled"},
	} {
		l := newLife(t, c.speed, true, c.extended)
		for _, f := range c.happens {
			f(l)
		}
		var subjects []string
		for _, m := range l.mails {
			subject, ok := strings.CutPrefix(m.Subject, "Invoice A-1001: ")
			if !ok || m.To != "shop@shop.example" {
				t.Errorf("%s: to %q, subject %q", c.name, m.To, m.Subject)
			}
			subjects = append(subjects, subject)
		}
		if got := strings.Join(subjects, "|"); got != c.subjects {
			t.Errorf("%s: %q, want %q", c.name, got, c.subjects)
		}
		goldenMail(t, c.name, l.mails[len(l.mails)-1])
	}
}

// TestMailSaysEveryEvent: no event is without words, and none says what only the merchant may know.
func TestMailSaysEveryEvent(t *testing.T) {
	for _, code := range []invoice.Code{
		invoice.ReceivedPayment, invoice.PaidInFull, invoice.ExpiredUnpaid, invoice.ConfirmedEvent, invoice.Completed, invoice.MarkedInvalid,
		invoice.PaidAfterExpiration, invoice.ExpiredPartial, invoice.ManuallyNotified, invoice.FailedToConfirm, invoice.LatePayment,
		invoice.AdjustmentComplete, invoice.PaymentReversed, invoice.StrayReceipt, 1999,
	} {
		ev := confirmed()
		ev.Code = code
		m, told := RenderMail(ev, Shop{Name: "My shop", Base: payBase})
		if !told || !strings.Contains(m.Text, code.Name()) || !strings.Contains(m.Text, payBase+"/invoice?id="+string(ev.Invoice.ID)) {
			t.Errorf("%d: %+v", code, m)
		}
		if known := len(wordsFor(ev).sentence) > 0; !known || code != 1999 && wordsFor(ev).sentence == "The invoice is confirmed." {
			t.Errorf("%d has no words of its own", code)
		}
		b := ev.Invoice.Order.Buyer
		for _, secret := range []string{b.Email, b.Name, b.Phone, b.Address1, ev.Invoice.Order.PosData, ev.Invoice.Order.NotificationURL} {
			if strings.Contains(m.Text+m.Subject, secret) {
				t.Errorf("%d shows %q", code, secret)
			}
		}
	}
}

func TestNoMailWithoutAnAddressOrAnEvent(t *testing.T) {
	ev := confirmed()
	ev.Flat = false
	if m, told := RenderMail(ev, Shop{}); told {
		t.Errorf("not for the merchant, and got %+v", m)
	}
	ev = confirmed()
	ev.Invoice.Order.NotificationEmail = ""
	if m, told := RenderMail(ev, Shop{}); told {
		t.Errorf("no address, and got %+v", m)
	}
	ev = confirmed()
	ev.Invoice.Order.OrderID, ev.Invoice.Order.NotificationURL = "", ""
	if m, told := RenderMail(ev, Shop{}); !told || m.Subject != "Invoice Hq7mZk3VtWc9sXyB2nLdRe: confirmed" {
		t.Errorf("without order and URL: %+v", m)
	}
}

// TestMailIsNotBroken: whatever a shop writes stays on its line and is seen.
func TestMailIsNotBroken(t *testing.T) {
	plain, _ := RenderMail(confirmed(), Shop{Name: "x", Base: payBase})
	lines := strings.Count(plain.Text, "\n")
	rapid.Check(t, func(t *rapid.T) {
		ev := confirmed()
		ev.Invoice.Order.OrderID = rapid.String().Draw(t, "order") + rapid.SampledFrom([]string{"\r\nBcc: x@y.example", "\u2028", "\u202eb", "a"}).Draw(t, "end")
		m, _ := RenderMail(ev, Shop{Name: rapid.String().Draw(t, "shop") + "\nStatus: paid", Base: payBase})
		if n := strings.Count(m.Text, "\n"); n != lines && n != lines-1 { // an order of nothing visible has no line
			t.Fatalf("%d lines, not %d:\n%s", n, lines, m.Text)
		}
		for _, r := range m.Subject + strings.ReplaceAll(m.Text, "\n", "") {
			if !unicode.IsPrint(r) {
				t.Fatalf("%q is in %q", r, m.Subject)
			}
		}
		if len([]rune(m.Subject)) > 120 {
			t.Fatalf("%d characters of subject", len(m.Subject))
		}
	})
}

package web

import (
	"strconv"
	"strings"
	"unicode"

	"satchel/invoice"
	"satchel/merchant"
	"satchel/money"
)

// maxName bounds a merchant's name on the page, in characters.
const maxName = 60

// shopName is the merchant's name, or the language's word for a shop.
func shopName(p invoice.Public, l *language) string {
	if name := clean(p.Merchant, maxName); name != "" {
		return name
	}
	return l.say("shop")
}

// isolate keeps a name that is written from right to left from turning the sentence around it (Unicode UAX 9).
func isolate(name string) string {
	const first, pop = "\u2068", "\u2069"
	if strings.ContainsFunc(name, func(r rune) bool {
		return unicode.In(r, unicode.Hebrew, unicode.Arabic, unicode.Syriac, unicode.Thaana, unicode.Nko, unicode.Samaritan, unicode.Mandaic)
	}) {
		return first + name + pop
	}
	return name
}

// teller says to the payer where the payment stands and what to do, if anything.
type teller struct {
	*language
	inv  invoice.Invoice
	shop string
	conf int32
}

// words gives title, note and, where more money came in than was asked, a remark about it.
func words(p invoice.Public, v view, l *language) (title, note, extra string) {
	t := teller{language: l, inv: p.Invoice, shop: isolate(shopName(p, l)), conf: v.Confirmations}
	switch v.State {
	case waiting:
		if t.inv.Due() == 0 {
			return t.say("waiting.title"), t.say("waiting.any"), ""
		}
		return t.say("waiting.title"), t.say("waiting.note"), ""
	case partial:
		return t.say("partial.title"), t.partial(), ""
	case closing:
		return t.say("closing.title"), t.say("closing.note"), ""
	case seen:
		return t.say("seen.title"), t.seen(), t.over()
	case confirmed:
		return t.say("confirmed.title"), t.confirmed(), t.over()
	case complete:
		if t.inv.Due() == 0 {
			return t.say("nothing.title"), t.say("nothing.note"), ""
		}
		return t.say("complete.title"), t.say("complete.note"), t.over()
	case expired:
		return t.say("expired.title"), t.say("expired.note", "shop", t.shop), ""
	case cancelled:
		return t.say("cancelled.title"), t.say("cancelled.note", "shop", t.shop), ""
	case short:
		return t.say("short.title"), t.say("short.note", "in", t.inv.Sums.In.Number(), "due", t.inv.Due().Number(), "shop", t.shop), ""
	case late:
		return t.say("late.title"), t.say("late.note", "in", (t.inv.Sums.In + t.inv.Sums.Late).Number(), "shop", t.shop), ""
	case invalid:
		return t.say("invalid.title"), t.invalid(), ""
	case declined:
	}
	return t.say("declined.title"), t.say("declined.note", "shop", t.shop), ""
}

func (t teller) partial() string {
	missing := t.inv.Unpaid()
	note := t.say("partial.note", "in", t.inv.Sums.In.Number(), "missing", missing.Number())
	if least := toSend(t.inv); least > missing {
		note += " " + t.say("partial.least", "least", least.Number())
	}
	return note
}

// seen: a slow invoice counts its confirmations here, because its status moves only at the last one.
func (t teller) seen() string {
	switch {
	case t.conf > 0:
		return t.progress()
	case t.inv.Terms.Speed == merchant.Low:
		return t.say("seen.slow", "n", strconv.Itoa(invoice.FinalConfirmations))
	}
	return t.say("seen.note")
}

func (t teller) confirmed() string {
	if t.conf > 0 {
		return t.progress()
	}
	return t.say("confirmed.zero")
}

func (t teller) progress() string {
	n := min(t.conf, invoice.FinalConfirmations)
	return t.say("progress", "n", strconv.Itoa(int(n)), "of", strconv.Itoa(invoice.FinalConfirmations))
}

func (t teller) invalid() string {
	switch {
	case t.inv.State.Marked:
		return t.say("invalid.marked", "shop", t.shop)
	case t.inv.State.Reversed:
		return t.say("invalid.reversed", "shop", t.shop)
	}
	return t.say("invalid.slow", "shop", t.shop)
}

// over names money beyond what was asked, so that nobody wonders where it went.
func (t teller) over() string {
	beyond := t.inv.Surplus() + t.inv.Sums.Late + t.inv.Sums.Stray
	if beyond == money.Sats(0) {
		return ""
	}
	return t.say("over", "amount", beyond.Number(), "shop", t.shop)
}

package web

import (
	"encoding/json"
	"fmt"
	"path"
	"strconv"
	"strings"

	"satchel/web/text"
)

// language is one that the checkout page speaks. Its texts are words/CODE.json; {name} in a text is a place for a value.
type language struct {
	Code string // the value of the parameter lang
	Tag  string // BCP 47, for HTML and for the browser's dates
	text map[string]string
}

// languages are all that the page speaks, English first and then by their codes.
type languages []*language

const english = "en"

func loadLanguages() (languages, error) {
	files, err := embedded.ReadDir("words")
	if err != nil {
		return nil, err
	}
	var list languages
	for _, f := range files {
		body, err := embedded.ReadFile(path.Join("words", f.Name()))
		if err != nil {
			return nil, err
		}
		l := &language{Code: strings.TrimSuffix(f.Name(), ".json"), text: map[string]string{}}
		if err := json.Unmarshal(body, &l.text); err != nil {
			return nil, fmt.Errorf("read %s: %w", f.Name(), err)
		}
		l.Tag = l.Code
		switch l.Code {
		case english:
			list = append(languages{l}, list...)
			continue
		case "zh":
			l.Tag = "zh-Hans"
		}
		list = append(list, l)
	}
	return list, nil
}

// Name is the language's own name of itself.
func (l *language) Name() string { return l.text["language"] }

// say gives a text with its places filled: say("receipt.more", "n", "3"). A value is never looked into for places.
func (l *language) say(key string, values ...string) string {
	text := l.text[key]
	if len(values) == 0 {
		return text
	}
	pairs := make([]string, len(values))
	for i, v := range values {
		if pairs[i] = v; i%2 == 0 {
			pairs[i] = "{" + v + "}"
		}
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// around gives a text in two parts, before and after the place of the shop's name, for pages that set the name apart.
func (l *language) around(key string) [2]string {
	before, after, _ := strings.Cut(l.text[key], "{shop}")
	return [2]string{before, after}
}

// number writes a decimal number with the language's signs.
func (l *language) number(n string) string { return text.Group(n, l.text["group"], l.text["decimal"]) }

// find gives the language of a code.
func (ls languages) find(code string) (*language, bool) {
	for _, l := range ls {
		if l.Code == code {
			return l, true
		}
	}
	return nil, false
}

// maxWishes bounds how much of an Accept-Language header is looked at.
const maxWishes = 20

// choose picks the language: what the page's address asks for, else the best of the browser's wishes (RFC 9110, 12.5.4)
// that there is, else English. Regions are not told apart: "pt-BR" and "pt" are one.
func (ls languages) choose(asked, header string) *language {
	if l, ok := ls.find(asked); ok {
		return l
	}
	best, weight := ls[0], 0.0
	for i, wish := range strings.Split(header, ",") {
		if i == maxWishes {
			break
		}
		tag, params, _ := strings.Cut(wish, ";")
		primary, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(tag)), "-")
		l, ok := ls.find(primary)
		if q := quality(params); ok && q > weight {
			best, weight = l, q
		}
	}
	return best
}

// quality reads the weight of a wish, 1 where there is none and 0 where it cannot be read.
func quality(params string) float64 {
	value, ok := strings.CutPrefix(strings.TrimSpace(params), "q=")
	if !ok {
		return 1
	}
	q, err := strconv.ParseFloat(value, 64)
	if err != nil || q < 0 || q > 1 {
		return 0
	}
	return q
}

package web

import (
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"satchel/invoice"
)

func spoken(t *testing.T) languages {
	t.Helper()
	ls, err := loadLanguages()
	if err != nil {
		t.Fatal(err)
	}
	return ls
}

// Ten languages have the same texts with the same places, and none is left in English by accident.
func TestLanguagesAreWhole(t *testing.T) {
	ls, place := spoken(t), regexp.MustCompile(`\{\w+\}`)
	if len(ls) != 10 || ls[0].Code != english {
		t.Fatalf("%d languages, the first %s", len(ls), ls[0].Code)
	}
	for _, l := range ls[1:] {
		same := 0
		for key, text := range ls[0].text {
			got := l.text[key]
			want, have := place.FindAllString(text, -1), place.FindAllString(got, -1)
			slices.Sort(want)
			slices.Sort(have)
			if strings.TrimFunc(got, unicode.IsControl) == "" || !slices.Equal(want, have) {
				t.Errorf("%s: %s says %q", l.Code, key, got)
			}
			if got == text && len(text) > 12 {
				same++
			}
		}
		if len(l.text) != len(ls[0].text) || same > 2 { // the form of a receipt's line may be the same
			t.Errorf("%s has %d texts, %d of them English", l.Code, len(l.text), same)
		}
	}
}

// What the code and the pages say exists, and what exists is said.
func TestTextsAreUsed(t *testing.T) {
	used := map[string]bool{"language": true, "decimal": true, "group": true}
	said := regexp.MustCompile(`(?i)(?:say|around)[ (]"([a-z.]+)"`)
	for _, name := range []string{"words.go", "look.go", "page.go", "sheet.go", "pos_view.go", "pages/checkout.html", "pages/pos.html"} {
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range said.FindAllStringSubmatch(string(src), -1) {
			used[m[1]] = true
		}
	}
	text := spoken(t)[0].text
	for key := range used {
		if text[key] == "" {
			t.Errorf("%q is said and not there", key)
		}
	}
	for key := range text {
		if !used[key] {
			t.Errorf("%q is there and not said", key)
		}
	}
}

func TestTheBrowserChoosesTheLanguage(t *testing.T) {
	ls := spoken(t)
	for _, c := range []struct{ asked, header, want string }{
		{"", "", "en"},
		{"", "de", "de"},
		{"", "de-CH, de;q=0.9, en;q=0.8", "de"},
		{"", "tlh, xx;q=0.9, fr-CA;q=0.5, en;q=0.1", "fr"},
		{"", "en;q=0.3, ja;q=0.7", "ja"},
		{"", "zh-TW", "zh"},
		{"", "PT-br", "pt"},
		{"", "*", "en"},
		{"", "it;q=0", "en"},
		{"", "it;q=nan, es;q=2, pl;q=-1, nl;q=x", "en"},
		{"", strings.Repeat("xx,", 1000) + "de", "en"},
		{"", ";;;,,,q=1", "en"},
		{"pl", "de", "pl"},
		{"xx", "de", "de"},
	} {
		if got := ls.choose(c.asked, c.header).Code; got != c.want {
			t.Errorf("%q %.40q: %s, want %s", c.asked, c.header, got, c.want)
		}
	}
}

func TestThePageSpeaksTheLanguage(t *testing.T) {
	w := newWorld(t, 10, paid(invoice.New, 10_000, 0))
	ask := func(target, header string) string {
		r := httptest.NewRequest(http.MethodGet, target, http.NoBody)
		r.Header.Set("Accept-Language", header)
		rec := httptest.NewRecorder()
		w.Handler().ServeHTTP(rec, r)
		if vary := rec.Header().Get("Vary"); strings.HasPrefix(target, "/invoice?") && vary != "Accept-Language" {
			t.Errorf("Vary: %q", vary)
		}
		return rec.Body.String()
	}
	for target, want := range map[string][]string{
		"/invoice?id=" + anID:                   {`<html lang="de">`, "Ein Teil ist angekommen", "10,50 USD", "61.234,56 USD", "0.00007148</span> BTC", "Zurück zu <bdi>", "lang=de"},
		"/invoice?id=" + anID + "&lang=ja":      {`<html lang="ja">`, "一部が届きました", "10.50 USD", "</bdi> に戻る"},
		"/invoice?id=" + anID + "&lang=zh":      {`<html lang="zh-Hans">`},
		"/invoice?id=none":                      {`<html lang="de">`, "Diese Rechnung gibt es nicht"},
		"/invoice/view?id=" + anID + "&lang=fr": {"Une partie est arrivée"},
		"/invoice/view?id=" + anID:              {"Ein Teil ist angekommen"},
	} {
		got := ask(target, "de")
		for _, text := range want {
			if !strings.Contains(got, text) {
				t.Errorf("%s does not say %q:\n%s", target, text, got)
			}
		}
	}
}

// A name from right to left stays within itself, and a name that looks like a place is no place.
func TestNamesAreNotLookedInto(t *testing.T) {
	w := newWorld(t, 10, change(func(p *invoice.Public, inv *invoice.Invoice) {
		p.Merchant, inv.State.Status = "خانه {due} {shop}", invoice.Declined
	}))
	if got := look(w.store.known[anID], w.languages[0], noon()).Note; got != "Please contact \u2068خانه {due} {shop}\u2069." {
		t.Errorf("%q", got)
	}
}

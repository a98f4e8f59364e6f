package money

import (
	_ "embed"
	"slices"
	"strings"
	"sync"
)

// Currency is a row of the table of currencies that a price may have: ISO 4217, and bitcoin itself.
type Currency struct {
	Code     string // "USD"
	Name     string // "US Dollar"
	Symbol   string // "$"
	Exponent int    // decimals of the minor unit: 2 for USD, 0 for JPY, 8 for BTC
}

// BTC is bitcoin as a price currency; its minor unit is the satoshi.
func BTC() Currency { return Currency{Code: "BTC", Name: "Bitcoin", Symbol: "₿", Exponent: 8} }

// places is the exponent as the decimals want it.
func (c Currency) places() int32 { return int32(c.Exponent) } //nolint:gosec // 0 to 8

// currencies.txt holds code|name|symbol|exponent, one a line, after ISO 4217. The exponents are ISO's, which differ
// from CLDR's displayed digits for HUF, COP, IDR and PKR.
//
//go:embed currencies.txt
var table string

//nolint:gochecknoglobals // read once from the embedded table, never changed
var currencies = sync.OnceValue(func() []Currency {
	list := []Currency{BTC()}
	for line := range strings.Lines(table) {
		f := strings.Split(strings.TrimSpace(line), "|")
		list = append(list, Currency{Code: f[0], Name: f[1], Symbol: f[2], Exponent: int(f[3][0] - '0')})
	}
	slices.SortFunc(list[1:], func(a, b Currency) int { return strings.Compare(a.Code, b.Code) })
	return list
})

// Currencies lists all, bitcoin first, then by code.
func Currencies() []Currency { return slices.Clone(currencies()) }

// Lookup finds a currency by its code, in any case.
func Lookup(code string) (Currency, bool) {
	if len(code) != 3 {
		return Currency{}, false
	}
	code = strings.ToUpper(code)
	if code == "BTC" {
		return BTC(), true
	}
	list := currencies()[1:]
	i, ok := slices.BinarySearchFunc(list, code, func(c Currency, code string) int { return strings.Compare(c.Code, code) })
	if !ok {
		return Currency{}, false
	}
	return list[i], true
}

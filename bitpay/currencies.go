package bitpay

import (
	"slices"
	"strings"

	"satchel/invoice"
	"satchel/money"
)

// CurrenciesDocument is the answer to GET /currencies: every currency that a price may have, whether or not there is a
// rate for it now. Members are those of all ages of the API, since the typed clients of each read theirs unchecked.
func CurrenciesDocument() Raw {
	e := newEncoder(48 << 10)
	e.open()
	e.openList("data")
	for _, c := range money.Currencies() {
		e.currency(c)
	}
	e.closeList()
	e.close()
	return e.b
}

func (e *encoder) currency(c money.Currency) {
	coin := c.Code == "BTC"
	smallest := money.Fiat{Minor: 1, Code: c.Code}
	fields := "[]"
	if coin {
		smallest.Minor = int64(invoice.DustLimit)
		fields = `["bitcoinAddress"]`
	}
	e.open()
	e.text("code", c.Code)
	e.text("symbol", c.Symbol)
	e.int("precision", int64(c.Exponent))
	e.int("exchangePctFee", 0)
	e.flag("payoutEnabled", false)
	e.text("name", c.Name)
	e.text("plural", plural(c.Name))
	e.text("alts", strings.ToLower(c.Code))
	e.raw("payoutFields", fields)
	e.raw("minimum", smallest.Number())
	e.flag("sanctioned", false)
	e.int("decimals", int64(c.Exponent))
	if coin {
		e.text("chain", c.Code)
	}
	e.close()
}

// plural adds an s where English does. The others are the same in the plural, or not English.
func plural(name string) string {
	regular := []string{
		"Dollar", "Pound", "Peso", "Franc", "Dinar", "Rupee", "Shilling", "Rial", "Riyal", "Ruble", "Dirham", "Euro", "Mark",
		"Shekel", "Guilder", "Florin", "Escudo", "Gourde", "Córdoba", "Balboa", "Boliviano", "Guarani", "Lempira", "Quetzal",
		"Pataca", "Cedi", "Bitcoin",
	}
	if slices.Contains(regular, name[strings.LastIndexByte(name, ' ')+1:]) {
		return name + "s"
	}
	return name
}

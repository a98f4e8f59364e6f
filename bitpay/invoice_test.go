package bitpay

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"satchel/invoice"
	"satchel/merchant"
	"satchel/money"
)

// cases are invoices at the points of their lives that look different on the wire.
func cases() map[string]Facts {
	list := map[string]Facts{
		"new":  facts(sample()),
		"bare": facts(bare()),
	}
	partial := bare()
	partial.State = invoice.State{Status: invoice.Expired, Exception: invoice.PaidPartial}
	partial.Sums = invoice.Sums{In: 100_000, Receipts: 1}
	list["expired-partial"] = facts(partial, receipt(1, 100_000))

	over := sample()
	over.State = invoice.State{Status: invoice.Complete, Exception: invoice.PaidOver}
	over.Sums = invoice.Sums{In: 250_001, Receipts: 3, Gone: 1, CoveredAt: 100}
	gone := receipt(9, 1)
	gone.Place = invoice.Place{Where: invoice.Gone}
	list["complete-over"] = facts(over, mined(receipt(1, 200_000), 99), gone, mined(receipt(2, 50_001), 100))

	late := bare()
	late.State = invoice.State{Status: invoice.Expired, Exception: invoice.PaidLate}
	late.Sums = invoice.Sums{Late: 250_000, Receipts: 1}
	list["expired-late"] = facts(late, mined(receipt(1, 250_000), 105))

	coin := bare()
	coin.Quote = money.Quote{Price: money.Fiat{Minor: 23_000, Code: "BTC"}, Due: 23_000}
	list["priced-in-bitcoin"] = facts(coin)

	free := bare()
	free.Quote = money.Quote{Price: money.Fiat{Code: "USD"}}
	free.Address = invoice.Address{}
	free.State.Status = invoice.Complete
	list["nothing-asked"] = facts(free)

	open := bare()
	open.Quote.Price.Minor, open.Quote.Due, open.Terms.OpenPrice = 0, 0, true
	list["open-price"] = facts(open)

	cancelled := bare()
	cancelled.State = invoice.State{Status: invoice.Expired, Cancelled: true}
	list["cancelled"] = facts(cancelled)
	return list
}

func TestInvoiceDocuments(t *testing.T) {
	for name, f := range cases() {
		golden(t, "invoice-"+name, InvoiceDocument(f, Merchant))
	}
	golden(t, "invoice-new-pos", InvoiceDocument(facts(sample()), POS))
	golden(t, "invoice-new-public", InvoiceDocument(facts(sample()), Public))
}

// Plug-ins show the merchant's name; what a shop keeps with an invoice comes back as it was given.
func TestANameIsShownAndDataIsKept(t *testing.T) {
	f := facts(sample())
	f.Merchant, f.Invoice.Order.PosData = "\u202ETea\u2066 \x1b& שלום", "\u202E{\t}\u2066"
	for _, view := range []View{Public, POS, Merchant} {
		data := judge(t, InvoiceDocument(f, view))
		if data["merchantName"] != "Tea & שלום" || data["posData"] != f.Invoice.Order.PosData {
			t.Errorf("%q and %q", data["merchantName"], data["posData"])
		}
	}
}

// judge holds a document against what the strict clients accept: which JSON kinds each member may have. What is not
// listed may be anything but null.
func judge(t *testing.T, document []byte) map[string]any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(document))
	d.UseNumber()
	var top map[string]any
	if err := d.Decode(&top); err != nil {
		t.Fatalf("not JSON: %v\n%s", err, document)
	}
	noNulls(t, "", top)
	data, ok := top["data"].(map[string]any)
	if !ok {
		t.Fatalf("no data in %s", document)
	}
	kinds := map[string]string{
		"url": "text", "posData": "text", "status": "text", "price": "number", "currency": "text", "itemDesc": "text",
		"itemCode": "text", "orderId": "text", "invoiceTime": "integer", "expirationTime": "integer", "currentTime": "integer",
		"guid": "text", "id": "text", "token": "text", "lowFeeDetected": "boolean", "amountPaid": "integer",
		"displayAmountPaid": "text", "targetConfirmations": "integer", "transactions": "list", "transactionSpeed": "text",
		"buyer": "object", "buyer.*": "text", "buyerFields": "object", "redirectURL": "text", "autoRedirect": "boolean",
		"closeURL": "text", "notificationURL": "text", "notificationEmail": "text", "refundAddresses": "list",
		"refundAddressRequestPending": "boolean", "buyerProvidedEmail": "text", "buyerProvidedInfo": "object",
		"minerFees": "object", "minerFees.*": "object", "shopper": "object", "jsonPayProRequired": "boolean",
		"merchantName": "text", "bitpayIdRequired": "boolean", "supportedTransactionCurrencies": "object",
		"supportedTransactionCurrencies.*": "object", "universalCodes": "object", "universalCodes.*": "text",
		"isCancelled": "boolean", "transactionCurrency": "text", "underpaidAmount": "number", "overpaidAmount": "number",
		"paymentSubtotals": "object", "paymentSubtotals.*": "integer", "paymentTotals": "object", "paymentTotals.*": "integer",
		"paymentDisplayTotals": "object", "paymentDisplayTotals.*": "text", "paymentDisplaySubTotals": "object",
		"paymentDisplaySubTotals.*": "text", "exchangeRates": "object", "exchangeRates.*": "object", "paymentCodes": "object",
		"paymentCodes.*": "object", "fullNotifications": "boolean", "extendedNotifications": "boolean", "physical": "boolean",
		"btcPrice": "text", "btcDue": "text", "btcPaid": "text", "rate": "number", "exRates": "object", "exRates.*": "number",
		"paymentUrls": "object", "paymentUrls.*": "text", "flags": "object", "bitcoinAddress": "text",
	}
	for name, want := range kinds {
		outer, _, inner := strings.Cut(name, ".")
		v, ok := data[outer]
		if !ok {
			continue
		}
		if !inner {
			if !isKind(v, want) {
				t.Errorf("%s is %v, which is not a %s", name, v, want)
			}
			continue
		}
		m, _ := v.(map[string]any)
		for k, v := range m {
			if k != "notify" && !isKind(v, want) {
				t.Errorf("%s.%s is %v, which is not a %s", outer, k, v, want)
			}
		}
	}
	if s, ok := data["exceptionStatus"].(string); data["exceptionStatus"] != false && (!ok || s == "") {
		t.Errorf("exceptionStatus is %v", data["exceptionStatus"])
	}
	return data
}

func isKind(v any, kind string) bool {
	switch v := v.(type) {
	case string:
		return kind == "text"
	case bool:
		return kind == "boolean"
	case json.Number:
		return kind == "number" || kind == "integer" && !strings.ContainsAny(v.String(), ".eE")
	case []any:
		return kind == "list"
	case map[string]any:
		return kind == "object"
	}
	return false
}

func noNulls(t *testing.T, path string, v any) {
	t.Helper()
	switch v := v.(type) {
	case nil:
		t.Errorf("%s is null", path)
	case []any:
		for i, e := range v {
			noNulls(t, fmt.Sprintf("%s[%d]", path, i), e)
		}
	case map[string]any:
		for k, e := range v {
			noNulls(t, path+"."+k, e)
		}
	}
}

// unchecked are the members that some client reads without looking whether they are there.
var unchecked = []string{
	"url", "status", "price", "currency", "invoiceTime", "expirationTime", "currentTime", "id", "exceptionStatus", "token",
	"lowFeeDetected", "amountPaid", "buyer", "refundAddressRequestPending", "paymentSubtotals", "paymentTotals", "exchangeRates",
	"minerFees", "supportedTransactionCurrencies", "paymentCodes", "paymentDisplayTotals", "paymentDisplaySubTotals",
	"transactions", "btcPrice", "btcDue", "btcPaid", "displayAmountPaid", "targetConfirmations", "transactionSpeed",
}

func TestTypedClientsCanReadEveryDocument(t *testing.T) {
	for name, f := range cases() {
		for _, v := range []View{Public, POS, Merchant} {
			data := judge(t, InvoiceDocument(f, v))
			for _, member := range unchecked {
				if _, ok := data[member]; !ok {
					t.Errorf("%s, %s: no %s", name, v.facade(), member)
				}
			}
			for _, urls := range data["paymentUrls"].(map[string]any) {
				if !strings.HasPrefix(urls.(string), "bitcoin:") && !strings.HasPrefix(urls.(string), "https://pay.example/i/") {
					t.Errorf("%s: %v", name, urls)
				}
			}
		}
	}
}

func TestTransactionsHaveNoOtherKeys(t *testing.T) {
	data := judge(t, InvoiceDocument(cases()["complete-over"], Merchant))
	list := data["transactions"].([]any)
	if len(list) != 2 {
		t.Fatalf("%d transactions, want the two that are not gone", len(list))
	}
	for _, tx := range list {
		for k := range tx.(map[string]any) {
			switch k {
			case "amount", "confirmations", "time", "receivedTime", "txid":
			default:
				t.Errorf("a client fails on %q", k)
			}
		}
	}
}

// TestNobodySeesWhatIsNotHis: no text of the buyer, the callbacks or the creator leaves in a view that is not the
// merchant's, wherever it would be put.
func TestNobodySeesWhatIsNotHis(t *testing.T) {
	inv := sample()
	secret := map[string][]string{
		"public": {"5c9cbf6c", "fullNotifications"},
		"both": {
			"ipn?k=1", "shop@shop.example", "Zoë", "zoe@mail.example", "+49 1", "Street 1", "2nd floor", "Town", "01234",
			"given@mail.example", "creator", "f00dbabe", "flags", "shopper",
		},
	}
	public, pos := string(InvoiceDocument(facts(inv), Public)), string(InvoiceDocument(facts(inv), POS))
	for _, s := range append(secret["public"], secret["both"]...) {
		if strings.Contains(public, s) {
			t.Errorf("a payer sees %q", s)
		}
	}
	for _, s := range secret["both"] {
		if strings.Contains(pos, s) {
			t.Errorf("a till sees %q", s)
		}
	}
	merchantView := string(InvoiceDocument(facts(inv), Merchant))
	for _, s := range secret["both"][:10] {
		if !strings.Contains(merchantView, s) {
			t.Errorf("the merchant does not see %q", s)
		}
	}
}

// TestDocumentSaysWhatTheSumsSay: amounts on the wire are the integers of the domain, whatever they are.
func TestDocumentSaysWhatTheSumsSay(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		inv := bare()
		sats := rapid.Int64Range(0, int64(money.MaxSats))
		inv.Quote.Due = money.Sats(sats.Draw(rt, "due"))
		inv.Sums.In = money.Sats(sats.Draw(rt, "in"))
		inv.Sums.Receipts = 1
		inv.State.Exception = rapid.SampledFrom([]invoice.Exception{
			invoice.None, invoice.PaidPartial, invoice.PaidOver, invoice.PaidLate,
		}).Draw(rt, "exception")
		data := judge(t, InvoiceDocument(facts(inv), Merchant))
		want := map[string]any{
			"amountPaid":       json.Number(fmt.Sprint(int64(inv.Sums.In))),
			"paymentTotals":    map[string]any{"BTC": json.Number(fmt.Sprint(int64(inv.Quote.Due)))},
			"btcPrice":         inv.Quote.Due.BTC(),
			"btcPaid":          inv.Sums.In.BTC(),
			"btcDue":           inv.Unpaid().BTC(),
			"paymentSubtotals": map[string]any{"BTC": json.Number(fmt.Sprint(int64(inv.Quote.Due)))},
		}
		for k, v := range want {
			if fmt.Sprint(data[k]) != fmt.Sprint(v) {
				rt.Fatalf("%s is %v, want %v", k, data[k], v)
			}
		}
		short, over := max(inv.Quote.Due-inv.Sums.In, 0), max(inv.Sums.In-inv.Quote.Due, 0)
		checkAmount(rt, data, "underpaidAmount", short, inv.State.Exception == invoice.PaidPartial)
		checkAmount(rt, data, "overpaidAmount", over, inv.State.Exception == invoice.PaidOver)
	})
}

func checkAmount(t *rapid.T, data map[string]any, name string, want money.Sats, due bool) {
	got, ok := data[name].(json.Number)
	if ok != (due && want > 0) {
		t.Fatalf("%s is %v", name, data[name])
	}
	if !ok {
		return
	}
	if s, err := money.ParseBTC(got.String()); err != nil || s != want {
		t.Fatalf("%s is %v, want %v", name, got, want.BTC())
	}
}

func TestBTCIsFormattedAsMoneyDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := money.Sats(rapid.Int64().Filter(func(v int64) bool { return v != -1<<63 }).Draw(t, "sats"))
		if got := string(appendBTC(nil, s)); got != s.BTC() {
			t.Fatalf("%d: %s, want %s", s, got, s.BTC())
		}
	})
}

func TestStringsComeBackAsTheyWere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "text")
		var back string
		if err := json.Unmarshal(appendString(nil, s), &back); err != nil || back != s {
			t.Fatalf("%q became %q (%v)", s, back, err)
		}
	})
	for s, want := range map[string]string{
		"</script><!--": `"\u003c/script>\u003c!--"`, "a\u2028b\u2029": `"a\u2028b\u2029"`, "\xff": `"\ufffd"`, "\x1f": `"\u001f"`,
	} {
		if got := string(appendString(nil, s)); got != want {
			t.Errorf("%q is %s, want %s", s, got, want)
		}
	}
}

// TestURIsAskForWhatIsMissing: a customer who paid a part must not be asked for the whole again.
func TestURIsAskForWhatIsMissing(t *testing.T) {
	inv := bare()
	inv.Sums.In = 249_999
	if got := bip21(inv); !strings.HasSuffix(got, "?amount=0.00000001") {
		t.Errorf("got %s", got)
	}
	inv.Sums.In = 250_000
	if got := bip21(inv); !strings.HasSuffix(got, "?amount=0.00250000") {
		t.Errorf("got %s", got)
	}
}

func TestSpeedIsAlwaysAWord(t *testing.T) {
	for s, want := range map[merchant.Speed]string{0: "medium", merchant.High: "high", merchant.Low: "low"} {
		if got := speed(s); got != want {
			t.Errorf("%v is %s", s, got)
		}
	}
	if v := View(0); v.facade() != "public/invoice" || v.Resource() != "public/invoice" {
		t.Error("an unknown view must show the least")
	}
	if d := InvoiceDocument(facts(sample()), 0); strings.Contains(string(d), "Zoë") {
		t.Error("an unknown view shows the buyer")
	}
}

func BenchmarkInvoiceDocument(b *testing.B) {
	f := cases()["complete-over"]
	b.ReportAllocs()
	for b.Loop() {
		if len(InvoiceDocument(f, Merchant)) > invoiceSize {
			b.Fatal("the document outgrew its buffer")
		}
	}
}

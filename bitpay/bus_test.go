package bitpay

import (
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"satchel/invoice"
)

func TestBusDocument(t *testing.T) {
	golden(t, "bus", BusDocument("https://pay.example", "4Muq"))
}

// readBlock reads a block as the one client in the field does.
func readBlock(t interface {
	Helper()
	Fatalf(format string, args ...any)
}, block []byte,
) (event string, data map[string]any) {
	t.Helper()
	text, ok := strings.CutSuffix(string(block), "\n\n")
	if !ok || strings.Contains(text, "\n\n") {
		t.Fatalf("%q is not one block", block)
	}
	for line := range strings.SplitSeq(text, "\n") {
		parts := strings.Split(line, ": ")
		if len(parts) != 2 {
			t.Fatalf("the client cuts %q", line)
		}
		switch parts[0] {
		case "event":
			event = parts[1]
		case "data":
			if err := json.Unmarshal([]byte(parts[1]), &data); err != nil {
				t.Fatalf("%v in %s", err, parts[1])
			}
		default:
			t.Fatalf("the client does not know %q", parts[0])
		}
	}
	return event, data
}

func TestBusBlockIsThePublicView(t *testing.T) {
	f := cases()["complete-over"]
	event, data := readBlock(t, BusBlock("payment", f))
	var public struct{ Data map[string]any }
	if err := json.Unmarshal(InvoiceDocument(f, Public), &public); err != nil {
		t.Fatal(err)
	}
	a, _ := json.Marshal(data)
	b, _ := json.Marshal(public.Data)
	if event != "payment" || string(a) != string(b) {
		t.Errorf("%s shows\n%s\nwant\n%s", event, a, b)
	}
}

// TestBusBlockSurvivesAnyText: whatever a shop wrote, the client reads one block with what was written, or without it.
func TestBusBlockSurvivesAnyText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.StringOf(rapid.SampledFrom([]rune(": \n\r\"\\<>aé€𝄞{}u003")))
		f := facts(sample())
		o := &f.Invoice.Order
		o.OrderID, o.ItemDesc, o.PosData = texts.Draw(t, "order"), texts.Draw(t, "desc"), texts.Draw(t, "pos")
		_, data := readBlock(t, BusBlock("payment", f))
		if got, _ := data["orderId"].(string); got != o.OrderID {
			t.Fatalf("%q became %q", o.OrderID, got)
		}
	})
}

func TestBusBlockFitsOnePiece(t *testing.T) {
	f := facts(sample())
	long := strings.Repeat("<", 256)
	f.Invoice.Order = invoice.Order{
		OrderID: "o-1", ItemCode: long, ItemDesc: strings.Repeat("d", 4096), PosData: strings.Repeat("p", 10_000),
		RedirectURL: "https://shop.example/" + strings.Repeat("r", 2000), CloseURL: "https://shop.example/" + strings.Repeat("c", 2000),
	}
	for n := range 100 {
		f.Receipts = append(f.Receipts, receipt(byte(n), 1000))
	}
	block := BusBlock("confirmation", f)
	if _, data := readBlock(t, block); len(block) > maxBlock || data["orderId"] != "o-1" || data["status"] == nil || data["amountPaid"] == nil {
		t.Errorf("%d bytes: %v", len(block), data)
	}
}

func TestBusBlockLeavesOutTransactionsFirst(t *testing.T) {
	f := facts(sample())
	for n := range 20 {
		f.Receipts = append(f.Receipts, receipt(byte(n), 1000))
	}
	block := BusBlock("payment", f)
	_, data := readBlock(t, block)
	if len(block) > maxBlock || len(data["transactions"].([]any)) != 0 || data["posData"] != f.Invoice.Order.PosData || data["itemDesc"] == nil {
		t.Errorf("%d bytes: %v", len(block), data)
	}
}

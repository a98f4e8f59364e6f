package desk

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"satchel/auth"
	"satchel/notify"
)

// The page of callbacks of a shop whose endpoint has been away for three days: it is loaded again at each event.
func BenchmarkTheCallbacksPage(b *testing.B) {
	o := newOffice(b)
	who := o.hires("vera", auth.Viewer, shopA)
	o.stocks(shopA, judgedDeliveries)
	for _, inv := range o.latest(judgedDeliveries) {
		o.pays(inv, o.n, 1_000_000, 0)
		o.n++
	}
	list, err := o.db.ListDeliveries(b.Context(), shopA, false, judgedDeliveries)
	o.must(err)
	const tries = 23 // in the days of a long weekend
	for _, d := range list {
		for range tries {
			a := notify.Attempt{At: o.read(), Took: 30 * time.Millisecond, Status: 502, Error: "status 502", Answer: strings.Repeat("bad gateway ", 80)}
			d.Progress = notify.Progress{Attempts: d.Progress.Attempts + 1, First: o.read(), Next: o.read().Add(time.Minute), Last: "status 502"}
			o.must(o.db.RecordAttempt(b.Context(), d, a))
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if status, _ := who.get("callbacks"); status != http.StatusOK {
			b.Fatal(status)
		}
	}
}

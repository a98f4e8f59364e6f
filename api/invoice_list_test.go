package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"satchel/store/storetest"
)

// ids lists what a query finds.
func (s *shop) ids(query string) []string {
	s.t.Helper()
	r := s.call(http.MethodGet, "/invoices?"+query, s.owner, "")
	if r.status != http.StatusOK {
		s.t.Fatalf("GET /invoices?%s: %d %s", query, r.status, r.body)
	}
	doc := r.json(s.t)
	if doc["facade"] != "merchant/invoice" {
		s.t.Errorf("the facade is %v", doc["facade"])
	}
	list := []string{}
	for _, d := range doc["data"].([]any) {
		list = append(list, d.(map[string]any)["id"].(string))
	}
	return list
}

func TestListFilters(t *testing.T) {
	s := newShop(t, nil)
	day := 24 * time.Hour
	a := s.make(`,"orderId":"A 1","itemCode":"sku"`) // 2026-05-01 12:00
	s.wait(day)
	b := s.make(`,"orderId":"B"`) // 2026-05-02
	s.wait(day)
	c := s.make(`,"orderId":"B","itemCode":"sku"`) // 2026-05-03
	s.pay(c, 100_000)
	ms := func(day int) string {
		return fmt.Sprint(storetest.Noon().AddDate(0, 0, day-1).UnixMilli())
	}
	for query, want := range map[string][]string{
		"":                                {c, b, a},
		"dateStart=&status=&limit=&nonce": {c, b, a},
		"limit=2":                         {c, b},
		"limit=2&offset=1":                {b, a},
		"offset=3":                        {},
		"limit=5000":                      {c, b, a},
		"limit=99999999999999999999":      {c, b, a},
		"offset=99999999999999999999":     {},
		"limit=0":                         {c, b, a},
		"orderId=B":                       {c, b},
		"order_id=B":                      {c, b},
		"orderId=A+1":                     {a},
		"orderId=A%201":                   {a},
		"orderId=nothing":                 {},
		"itemCode=sku":                    {c, a},
		"orderId=B&itemCode=sku":          {c},
		"status=new":                      {b, a},
		"status=NEW&orderId=B":            {b},
		"status=paid":                     {c},
		"status=complete":                 {},
		"dateStart=2026-05-02":            {c, b},
		"dateEnd=2026-05-02":              {b, a},
		"dateStart=2026-05-02&dateEnd=2026-05-02":                               {b},
		"dateStart=05%2F02%2F2026&dateEnd=05/02/2026":                           {b},
		"date_start=2026-05-02&date_end=2026-05-03":                             {c, b},
		"startDate=2026-05-03&endDate=2026-05-04":                               {c},
		"dateStart=2026-05-02T12:00:00.000Z&dateEnd=2026-05-02T12:00:00.000Z":   {b},
		"dateStart=2026-05-02T12:00:00.001Z":                                    {c},
		"dateEnd=2026-05-02T11:59:59Z":                                          {a},
		"dateStart=" + ms(2) + "&dateEnd=" + ms(2):                              {b},
		"dateStart=" + ms(2)[:10] + "&dateEnd=" + ms(3)[:10]:                    {c, b},
		"dateEnd=9999-12-31":                                                    {c, b, a},
		"dateStart=9999-12-31":                                                  {},
		"dateStart=2026-05-02&dateEnd=2026-05-03&orderId=B&status=new&limit=10": {b},
	} {
		if got := s.ids(query); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%q found %v, want %v", query, got, want)
		}
	}
	if r := s.call(http.MethodGet, "/invoices/", s.other, ""); r.body != `{"facade":"merchant/invoice","data":[]}` {
		t.Errorf("another merchant sees %s", r.body)
	}
}

func TestListRefusals(t *testing.T) {
	s := newShop(t, nil)
	for query, says := range map[string]string{
		"limit=ten":           "limit: must be a whole number",
		"limit=-1":            "limit: must be",
		"limit=1.5":           "limit: must be",
		"limit=1e3":           "limit: must be",
		"offset=-1":           "offset: must be",
		"offset=x":            "offset: must be",
		"status=shiny":        "status: ",
		"dateStart=yesterday": "dateStart: ",
		"dateEnd=2026-13-01":  "dateEnd: ",
		"date_end=31.05.2026": "dateEnd: ",
		"dateStart=2026-05-02&dateEnd=2026-05-01":   "dateEnd: is before dateStart",
		"orderId=a&order_id=b":                      "orderId: is given twice",
		"limit=1&limit=2":                           "limit: is given twice",
		"orderId=%zz":                               "orderId: ",
		"dateStart=" + strings.Repeat("1", 100_000): "",
	} {
		r := s.call(http.MethodGet, "/invoices?"+query, s.owner, "")
		if len(query) > 10_000 { // the server's own bound on headers
			if r.status < 400 || r.status > 499 {
				t.Errorf("a long query: %d", r.status)
			}
			continue
		}
		if text := r.refused(t, http.StatusBadRequest); !strings.HasPrefix(text, says) {
			t.Errorf("%q: %q does not say %q", query, text, says)
		}
	}
	s.call(http.MethodGet, "/invoices", "", "").refused(t, http.StatusUnauthorized)
	s.call(http.MethodGet, "/invoices", s.pos, "").refused(t, http.StatusForbidden)
	s.call(http.MethodGet, "/invoices", "nonsense", "").refused(t, http.StatusUnauthorized)
}

// TestListShowsWhatOneShows: a list's documents are those of the single invoices, with as many receipts as are bounded.
func TestListShowsWhatOneShows(t *testing.T) {
	s := newShop(t, nil)
	first := s.make(`,"buyer":{"email":"zoe@shop.example"},"notificationURL":"https://shop.example/ipn"`)
	s.pay(first, 40_000)
	s.pay(first, 60_000)
	s.bury(first, 2)
	many := s.make("")
	for range listedTransactions + 5 {
		s.pay(many, 1_000)
	}
	doc := s.call(http.MethodGet, "/invoices", s.owner, "").json(t)
	list := doc["data"].([]any)
	one := s.data(http.MethodGet, "/invoices/"+first, s.owner, "")
	if got := list[1]; fmt.Sprint(got) != fmt.Sprint(one) {
		t.Errorf("the list says\n%v\nand the invoice\n%v", got, one)
	}
	if txs := list[1].(map[string]any)["transactions"].([]any); len(txs) != 2 || txs[0].(map[string]any)["confirmations"] != 2.0 {
		t.Errorf("transactions %v", txs)
	}
	if txs := list[0].(map[string]any)["transactions"].([]any); len(txs) != listedTransactions {
		t.Errorf("%d transactions in a list", len(txs))
	}
	if txs := s.data(http.MethodGet, "/invoices/"+many, s.owner, "")["transactions"].([]any); len(txs) != listedTransactions+5 {
		t.Errorf("%d transactions", len(txs))
	}
}

// TestOneTokenPerView: the invoice's own token is the same in every answer of one view, and differs between views.
func TestOneTokenPerView(t *testing.T) {
	s := newShop(t, nil)
	r := s.post(`{"price":50,"currency":"USD","guid":"g/1 ä"}`, "Authorization", "Bearer "+s.owner)
	made := r.json(t)["data"].(map[string]any)
	id, token := made["id"].(string), made["token"].(string)
	answers := map[string]map[string]any{
		"get":  s.data(http.MethodGet, "/invoices/"+id, s.owner, ""),
		"guid": s.data(http.MethodGet, "/invoices/guid/g%2F1%20%C3%A4", s.owner, ""),
		"list": s.call(http.MethodGet, "/invoices", s.owner, "").json(t)["data"].([]any)[0].(map[string]any),
		"put":  s.data(http.MethodPut, "/invoices/"+id, s.owner, `{"buyerEmail":"a@shop.example"}`),
	}
	for name, data := range answers {
		if data["token"] != token || data["id"] != id {
			t.Errorf("%s: %v %v, want %s %s", name, data["id"], data["token"], id, token)
		}
	}
	pos, public := s.data(http.MethodGet, "/invoices/"+id, s.pos, "")["token"], s.data(http.MethodGet, "/invoices/"+id, "", "")["token"]
	if pos == token || public == token || pos == public {
		t.Errorf("the views share tokens: %v %v %v", token, pos, public)
	}
}

func TestByGUID(t *testing.T) {
	s := newShop(t, nil)
	id := s.make(`,"guid":"g-1"`)
	for _, token := range []string{s.owner, s.pos} {
		if d := s.data(http.MethodGet, "/invoices/guid/g-1", token, ""); d["id"] != id || d["guid"] != "g-1" {
			t.Errorf("found %v", d)
		}
	}
	for _, path := range []string{"/invoices/guid/g-2", "/invoices/guid/G-1", "/invoices/guid/" + strings.Repeat("x", 300), "/invoices/guid/" + id} {
		if text := s.call(http.MethodGet, path, s.owner, "").refused(t, 404); text != "Object not found" {
			t.Errorf("%s: %s", path, text)
		}
	}
	s.call(http.MethodGet, "/invoices/guid/g-1", s.other, "").refused(t, 404)
	s.call(http.MethodGet, "/invoices/guid/g-1", "", "").refused(t, 401)
	s.call(http.MethodDelete, "/invoices/guid/g-1", s.pos, "").refused(t, 403)
	s.call(http.MethodDelete, "/invoices/guid/g-1", s.other, "").refused(t, 404)
	s.call(http.MethodGet, "/invoices/guid/", s.owner, "").refused(t, 404)
	s.is(id, "new/false")
	if d := s.data(http.MethodDelete, "/invoices/guid/g-1", s.owner, ""); d["status"] != "expired" || d["isCancelled"] != true {
		t.Errorf("cancelled: %v", d)
	}
}

package desk

import (
	"cmp"
	"slices"
	"strconv"

	"satchel/money"
	"satchel/web/text"
)

// bar is a bar of a chart, in the units of its drawing.
type bar struct {
	X, Y, W, H int64
	Title      string // what it stands for
	Label      string // under it; "": none
	LabelX     int64
}

// chart is a drawing of bars, as large as the constants below say.
type chart struct {
	Width, Height, Base int64
	Bars                []bar
	Top                 string // the value of the highest bar
}

// The size of a chart.
const (
	chartWidth  = 720
	chartHeight = 200
	chartBase   = 172 // where bars stand
	chartTop    = 16
	barGap      = 2
	labelRoom   = 24 // half of what a day's name takes, so that none is cut at the edge
)

// value is what a bar shows.
type value struct {
	n            int64
	title, label string
}

// draw makes bars of values that are not negative.
func draw(list []value, top func(int64) string) chart {
	c := chart{Width: chartWidth, Height: chartHeight, Base: chartBase}
	most := int64(0)
	for _, v := range list {
		most = max(most, v.n)
	}
	if len(list) == 0 {
		return c
	}
	c.Top = top(most)
	step := int64(chartWidth / len(list))
	left := (chartWidth - step*int64(len(list))) / 2
	for i, v := range list {
		h := int64(0)
		if most > 0 {
			h = share(v.n, most, chartBase-chartTop)
		}
		if v.n > 0 {
			h = max(h, 2)
		}
		x := left + step*int64(i)
		c.Bars = append(c.Bars, bar{
			X: x + barGap/2, Y: chartBase - h, W: max(step-barGap, 1), H: h, Title: v.title, Label: v.label, LabelX: min(max(x+step/2, labelRoom), chartWidth-labelRoom),
		})
	}
	return c
}

// share is n/most of a length. The values are at most all bitcoin in satoshis, so that nothing overflows.
func share(n, most, length int64) int64 { return n * length / most }

// chartsPage is how business goes.
type chartsPage struct {
	Days       int
	Ranges     []choice
	Volume     chart
	Count      chart
	Sight      chart
	Made, Paid int
	Sats       string
	Fiat       []string
	Seen       int
	Half       string // within which half of the payments were seen; "": none was
	Table      []day
}

// Ranges of days that can be shown.
func ranges() []int { return []int{7, 30, 90} }

func (v *visit) charts() error {
	p := chartsPage{Days: 30}
	for _, n := range ranges() {
		s := strconv.Itoa(n)
		if s == v.req.URL.Query().Get("days") {
			p.Days = n
		}
	}
	for _, n := range ranges() {
		p.Ranges = append(p.Ranges, choice{Value: strconv.Itoa(n), Name: text.Count(int64(n), "day"), Picked: n == p.Days})
	}
	days, err := v.d.tally.days(v.ctx(), v.d.cfg.Store, v.shop.ID, v.now(), p.Days)
	if err != nil {
		return err
	}
	p.fill(days)
	return v.page("charts", p)
}

// fill adds the days up and draws them.
func (p *chartsPage) fill(days []day) {
	var sats money.Sats
	fiat, sight := map[string]int64{}, [sightSteps]int64{}
	volume, count := make([]value, 0, len(days)), make([]value, 0, len(days))
	every := max(len(days)/7, 1)
	for i, d := range days {
		label := ""
		if (len(days)-1-i)%every == 0 {
			label = d.At.Format("2 Jan")
		}
		on := d.At.Format("2 January 2006")
		volume = append(volume, value{int64(d.Sats), on + ": " + d.Sats.BTC() + " BTC", label})
		count = append(count, value{int64(d.Paid), on + ": " + strconv.Itoa(d.Paid) + " paid of " + strconv.Itoa(d.Made), label})
		p.Made, p.Paid = p.Made+d.Made, p.Paid+d.Paid
		sats += d.Sats
		for code, minor := range d.Fiat {
			fiat[code] += minor
		}
		for step, n := range d.Sight {
			sight[step] += int64(n)
			p.Seen += n
		}
	}
	p.Sats = sats.BTC()
	for code, minor := range fiat {
		p.Fiat = append(p.Fiat, text.Price(money.Fiat{Minor: minor, Code: code}))
	}
	slices.Sort(p.Fiat)
	p.Volume = draw(volume, func(n int64) string { return money.Sats(n).BTC() + " BTC" })
	p.Count = draw(count, func(n int64) string { return text.Count(n, "invoice") })
	p.sight(sight)
	p.Table = slices.SortedFunc(slices.Values(days), func(a, b day) int { return cmp.Compare(b.At.Unix(), a.At.Unix()) })
}

// sightNames says the steps in words, and shortly.
func sightNames() (names, labels [sightSteps]string) {
	last := ""
	for i, end := range sights() {
		last = spell(end)
		names[i], labels[i] = "within "+last, last
	}
	names[sightSteps-1], labels[sightSteps-1] = "over "+last, "over "+last
	return names, labels
}

// sight draws how soon payments were seen.
func (p *chartsPage) sight(steps [sightSteps]int64) {
	names, labels := sightNames()
	list, sum := make([]value, 0, len(steps)), int64(0)
	for i, n := range steps {
		name, label := names[i], labels[i]
		list = append(list, value{n, name + ": " + text.Count(n, "invoice"), label})
		if sum += n; p.Half == "" && p.Seen > 0 && sum*2 >= int64(p.Seen) {
			p.Half = name
		}
	}
	p.Sight = draw(list, func(n int64) string { return text.Count(n, "invoice") })
}

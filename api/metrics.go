package api

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"satchel/invoice"
)

// Gauges are what the daemon's metrics say at one moment, read when somebody asks.
type Gauges struct {
	Undelivered       int           // deliveries that wait
	OldestUndelivered time.Duration // how long the oldest of them waits; 0: none does
	Tip               int32         // our height
	Lag               int32         // by how many blocks the node is ahead of us
	ZMQGaps           uint64        // holes seen in the node's notifications, since the start
	Invoices          map[invoice.Status]int
	Watched           int // scripts
}

// Metrics are the daemon's (Prometheus). Labels come from closed lists, so that no client can make new ones.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
	delivery *prometheus.HistogramVec
	detect   prometheus.Histogram
}

// NewMetrics makes them; read gives the gauges whenever they are asked for, and must not block.
func NewMetrics(read func() Gauges) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "satchel_http_request_seconds", Help: "Time from a request's header to its answer.",
			Buckets: prometheus.ExponentialBuckets(0.00025, 2, 16),
		}, []string{"method", "route", "status"}),
		delivery: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "satchel_delivery_seconds", Help: "Time of one attempt to deliver a callback.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 16),
		}, []string{"outcome"}),
		detect: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "satchel_detect_latency_seconds", Help: "Time from the node's acceptance of a payment to its commit here.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 18),
		}),
	}
	m.registry.MustRegister(m.requests, m.delivery, m.detect, newGauges(read))
	return m
}

// Detected records how long a payment took from the node to the store.
func (m *Metrics) Detected(took time.Duration) {
	if m != nil {
		m.detect.Observe(took.Seconds())
	}
}

// Delivered records an attempt to deliver a callback; status is that of the answer, 0 where there was none.
func (m *Metrics) Delivered(status int, took time.Duration) {
	if m != nil {
		m.delivery.WithLabelValues(class(status)).Observe(took.Seconds())
	}
}

func (m *Metrics) request(method, route string, status int, took time.Duration) {
	if m != nil {
		m.requests.WithLabelValues(known(method), route, strconv.Itoa(status)).Observe(took.Seconds())
	}
}

// class folds a status into "2xx" to "5xx", and "none".
func class(status int) string {
	if status < 100 || status > 599 {
		return "none"
	}
	return strconv.Itoa(status/100) + "xx"
}

// known folds methods that are not ours.
func known(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "other"
}

// Handler serves the metrics in Prometheus' text format.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// MetricsHandler serves what the operator's machines ask for: /metrics, /healthz and /readyz.
func (a *API) MetricsHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", a.healthz)
	mux.HandleFunc("GET /readyz", a.readyz)
	if a.cfg.Metrics != nil {
		mux.Handle("GET /metrics", a.cfg.Metrics.Handler())
	}
	return mux
}

// gauges reads the daemon when the metrics are asked for, so that nothing is counted twice and nothing goes stale.
type gauges struct {
	read                                              func() Gauges
	undelivered, oldest, tip, lag, gaps, state, watch *prometheus.Desc
}

func newGauges(read func() Gauges) *gauges {
	d := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	return &gauges{
		read:        read,
		undelivered: d("satchel_events_undelivered", "Callbacks that wait to be delivered."),
		oldest:      d("satchel_oldest_undelivered_seconds", "How long the oldest undelivered callback waits."),
		tip:         d("satchel_tip_height", "Height of the best block that is worked off."),
		lag:         d("satchel_node_lag_blocks", "Blocks that the node has and we have not worked off."),
		gaps:        d("satchel_zmq_gaps_total", "Holes seen in the node's notifications."),
		state:       d("satchel_invoices", "Invoices by status.", "status"),
		watch:       d("satchel_watched_scripts", "Scripts that are watched."),
	}
}

// Describe implements prometheus.Collector.
func (g *gauges) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{g.undelivered, g.oldest, g.tip, g.lag, g.gaps, g.state, g.watch} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (g *gauges) Collect(out chan<- prometheus.Metric) {
	v := g.read()
	put := func(d *prometheus.Desc, kind prometheus.ValueType, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, kind, value, labels...)
	}
	put(g.undelivered, prometheus.GaugeValue, float64(v.Undelivered))
	put(g.oldest, prometheus.GaugeValue, v.OldestUndelivered.Seconds())
	put(g.tip, prometheus.GaugeValue, float64(v.Tip))
	put(g.lag, prometheus.GaugeValue, float64(v.Lag))
	put(g.gaps, prometheus.CounterValue, float64(v.ZMQGaps))
	put(g.watch, prometheus.GaugeValue, float64(v.Watched))
	for _, s := range invoice.Statuses() {
		put(g.state, prometheus.GaugeValue, float64(v.Invoices[s]), s.String())
	}
}

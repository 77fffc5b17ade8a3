package main

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"net/http/pprof"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/keloa/apitokens/auditsink/journal"
	"github.com/keloa/apitokens/server/ui"
	"github.com/keloa/apitokens/token/verdict"
)

const (
	// maxScrape bounds what a scrape asks the database.
	maxScrape = 2 * time.Second
	// otherRoute stands for all paths that are not served, so that whoever
	// asks for many of them makes no more than one series.
	otherRoute = "other"
)

// metrics are what /metrics says. docs/metrics.md lists them.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	// quick are the counters of what comes in floods, found without a lock.
	// It does not change.
	quick []answered
	known map[string]bool // the paths that are served
}

type answered struct {
	path    string
	status  int
	counter prometheus.Counter
}

func newMetrics(o handlerOptions) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "keloa_http_requests_total", Help: "Requests answered, by path and status.",
		}, []string{"route", "status"}),
		known: map[string]bool{},
	}
	for _, path := range []string{forwardAuthPath, introspectPath} {
		for _, status := range []int{http.StatusOK, http.StatusUnauthorized} {
			m.quick = append(m.quick, answered{path, status, m.requests.WithLabelValues(path, strconv.Itoa(status))})
		}
	}
	m.registry.MustRegister(
		m.requests,
		&domainMetrics{o},
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m
}

// serves notes the paths of a listener. It is called before the first request.
func (m *metrics) serves(table routes) {
	for path := range maps.Keys(table) {
		m.known[path] = true
	}
}

// count counts a request. A status of zero is an answer that was broken off.
func (m *metrics) count(path string, status int) {
	for i := range m.quick {
		if q := &m.quick[i]; q.status == status && q.path == path {
			q.counter.Inc()
			return
		}
	}
	switch {
	case strings.HasPrefix(path, ui.AssetsPath):
		path = ui.AssetsPath // their names change with each build
	case !m.known[path]:
		path = otherRoute
	}
	m.requests.WithLabelValues(path, strconv.Itoa(status)).Inc()
}

// handler writes what is known in the format of Prometheus.
func (m *metrics) handler(log *slog.Logger) http.HandlerFunc {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorLog:      slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		ErrorHandling: promhttp.ContinueOnError,
	}).ServeHTTP
}

// domainMetrics reads what others count, when it is asked.
type domainMetrics struct{ handlerOptions }

var (
	descVerdicts = prometheus.NewDesc("keloa_verdicts", "Verdicts on secrets in the cache.", nil, nil)
	descLookups  = prometheus.NewDesc("keloa_verdict_lookups_total", "Lookups in the cache, by what was found: a token, the memory that there is none, or nothing, after which the database is asked.", []string{"found"}, nil)
	descEnded    = prometheus.NewDesc("keloa_tokens_ended_total", "Tokens that this server has heard the end of.", nil, nil)
	descTrusted  = prometheus.NewDesc("keloa_lease_trusted", "Whether the cache may be trusted: 0 means that each verification reads the database.", nil, nil)
	descCounted  = prometheus.NewDesc("keloa_rate_limit_entries", "Tokens and sessions whose requests this server counts in memory.", nil, nil)
	descLimited  = prometheus.NewDesc("keloa_rate_limited_total", "Requests refused because a token or session has made too many.", nil, nil)
	descAlone    = prometheus.NewDesc("keloa_rate_limit_alone_total", "Requests counted by this server alone because Redis did not answer.", nil, nil)
	descShared   = prometheus.NewDesc("keloa_rate_limit_shared", "Whether requests are counted in Redis, for all servers.", nil, nil)

	descUnsealed    = prometheus.NewDesc("keloa_audit_unsealed_records", "Audit records that are not sealed yet.", nil, nil)
	descUnsealedAge = prometheus.NewDesc("keloa_audit_unsealed_seconds", "The age of the oldest audit record that is not sealed yet; 0 for none.", nil, nil)
	descLag         = prometheus.NewDesc("keloa_audit_lag_records", "Audit records that a sink does not have yet, sealed or not.", []string{"sink"}, nil)
	descLagSeconds  = prometheus.NewDesc("keloa_audit_lag_seconds", "The age of the oldest audit record that a sink does not have yet; 0 for none.", []string{"sink"}, nil)
	descQuarantined = prometheus.NewDesc("keloa_audit_quarantined_records", "Audit records that a sink refused, and has stubs of.", []string{"sink"}, nil)
	descSinkState   = prometheus.NewDesc("keloa_audit_sink_state", "1 for the state that a sink is in.", []string{"sink", "state"}, nil)
	descDelivered   = prometheus.NewDesc("keloa_audit_delivered_records_total", "Audit records that a sink acknowledged to this server.", []string{"sink"}, nil)
	descRetries     = prometheus.NewDesc("keloa_audit_retries_total", "Times that this server tried a sink again after a failure.", []string{"sink"}, nil)
)

// Describe is for the registry.
func (m *domainMetrics) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		descVerdicts, descLookups, descEnded, descTrusted, descCounted, descLimited, descAlone, descShared,
		descUnsealed, descUnsealedAge, descLag, descLagSeconds, descQuarantined, descSinkState, descDelivered, descRetries,
	} {
		to <- d
	}
}

// Collect is for the registry. What the database does not say within maxScrape
// is left out, with a warning in the log.
func (m *domainMetrics) Collect(to chan<- prometheus.Metric) {
	s := m.Tokens.Verdicts()
	to <- prometheus.MustNewConstMetric(descVerdicts, prometheus.GaugeValue, float64(s.Entries))
	for state, found := range map[verdict.State]string{verdict.Known: "token", verdict.Missing: "missing", verdict.Unknown: "nothing"} {
		to <- prometheus.MustNewConstMetric(descLookups, prometheus.CounterValue, float64(s.Lookups[state]), found)
	}
	to <- prometheus.MustNewConstMetric(descEnded, prometheus.CounterValue, float64(s.Ended))

	to <- prometheus.MustNewConstMetric(descTrusted, prometheus.GaugeValue, oneIf(m.Tokens.Trusted()))
	limits := m.Tokens.RateLimits()
	to <- prometheus.MustNewConstMetric(descCounted, prometheus.GaugeValue, float64(limits.IDs))
	to <- prometheus.MustNewConstMetric(descLimited, prometheus.CounterValue, float64(limits.Refused))
	to <- prometheus.MustNewConstMetric(descAlone, prometheus.CounterValue, float64(limits.Alone))
	to <- prometheus.MustNewConstMetric(descShared, prometheus.GaugeValue, oneIf(limits.Shared))

	if m.Relayed != nil {
		for sink, stats := range m.Relayed() {
			to <- prometheus.MustNewConstMetric(descDelivered, prometheus.CounterValue, float64(stats.Delivered), sink)
			to <- prometheus.MustNewConstMetric(descRetries, prometheus.CounterValue, float64(stats.Retries), sink)
		}
	}
	m.collectLog(to)
}

// collectLog says how the audit log and its sinks fare, whichever server seals it
// and feeds them.
func (m *domainMetrics) collectLog(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), maxScrape)
	defer cancel()
	unsealed, err := m.Journal.Backlog(ctx)
	if err != nil {
		m.Logger.WarnContext(ctx, "cannot tell how much of the audit log is sealed", slog.Any("error", err))
		return
	}
	to <- prometheus.MustNewConstMetric(descUnsealed, prometheus.GaugeValue, float64(unsealed.Entries))
	to <- prometheus.MustNewConstMetric(descUnsealedAge, prometheus.GaugeValue, unsealed.Age.Seconds())
	sinks, err := m.Journal.Sinks(ctx)
	if err != nil {
		m.Logger.WarnContext(ctx, "cannot tell how far the audit sinks are", slog.Any("error", err))
		return
	}
	for _, s := range sinks {
		to <- prometheus.MustNewConstMetric(descLag, prometheus.GaugeValue, float64(s.Behind), s.Name)
		to <- prometheus.MustNewConstMetric(descLagSeconds, prometheus.GaugeValue, s.Lag.Seconds(), s.Name)
		to <- prometheus.MustNewConstMetric(descQuarantined, prometheus.GaugeValue, float64(s.Quarantined), s.Name)
		for _, state := range journal.States {
			to <- prometheus.MustNewConstMetric(descSinkState, prometheus.GaugeValue, oneIf(s.State() == state), s.Name, state)
		}
	}
}

func oneIf(holds bool) float64 {
	if holds {
		return 1
	}
	return 0
}

// profiles are Go's own, for go tool pprof. The command line is not among them:
// it may hold secrets.
func profiles() routes {
	const path = "/debug/pprof/"
	table := routes{
		path:             {http.MethodGet: pprof.Index},
		path + "profile": {http.MethodGet: pprof.Profile},
		path + "symbol":  {anyMethod: pprof.Symbol},
		path + "trace":   {http.MethodGet: pprof.Trace},
	}
	for _, name := range []string{"allocs", "block", "goroutine", "heap", "mutex", "threadcreate"} {
		table[path+name] = methods{http.MethodGet: pprof.Handler(name).ServeHTTP}
	}
	return table
}

package main

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sallyport-go/sallyport/policy/engine"
)

// metrics count for Prometheus what engines tell: see examples/hosts/promobserver, which has
// more. Tenants and members are no labels, for there is no end of them.
type metrics struct {
	registry  *prometheus.Registry
	decisions *prometheus.CounterVec
	changes   *prometheus.CounterVec
	alarms    prometheus.Counter
}

func newMetrics() *metrics {
	m := &metrics{
		registry:  prometheus.NewRegistry(),
		decisions: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "sallyport_decisions_total", Help: "Decisions on logins and requests."}, []string{"kind", "effect", "reason"}),
		changes:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "sallyport_changes_total", Help: "Changes of tenants' records."}, []string{"kind"}),
		alarms:    prometheus.NewCounter(prometheus.CounterOpts{Name: "sallyport_alarms_total", Help: "What a person must look at."}),
	}
	m.registry.MustRegister(m.decisions, m.changes, m.alarms, collectors.NewGoCollector())
	return m
}

// Observe implements engine.Observer.
func (m *metrics) Observe(o engine.Observation) {
	switch o.Kind {
	case engine.LoggedIn, engine.Requested:
		m.decisions.WithLabelValues(o.Kind.String(), o.Decision.Effect.String(), o.Decision.Reason.String()).Inc()
	case engine.Changed:
		if o.Event != nil {
			m.changes.WithLabelValues(o.Event.Kind).Inc()
		}
	case engine.Alarmed:
		m.alarms.Inc()
	}
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

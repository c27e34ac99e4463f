// Package promobserver counts what an engine observes for Prometheus.
package promobserver

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sallyport-go/sallyport/policy/engine"
)

// Observer counts. Make one with New. Tenants and members are no labels: there is no end of
// them. It is safe for concurrent use.
type Observer struct {
	decisions, trials, changes *prometheus.CounterVec
	alarms                     prometheus.Counter
}

// New returns an Observer whose counters are registered with r:
//
//	sallyport_decisions_total{kind, effect, reason}  logins and requests
//	sallyport_trials_total{effect, draft}            decisions that a draft would have made otherwise
//	sallyport_changes_total{kind}                    saves and all else that changes a record
//	sallyport_alarms_total                           what a person must look at
func New(r prometheus.Registerer) (*Observer, error) {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "sallyport", Name: name, Help: help}, labels)
	}
	o := &Observer{
		decisions: counter("decisions_total", "Decisions on logins and requests.", "kind", "effect", "reason"),
		trials:    counter("trials_total", "Decisions that the draft on trial would have made otherwise.", "effect", "draft"),
		changes:   counter("changes_total", "Changes of tenants' records.", "kind"),
		alarms:    prometheus.NewCounter(prometheus.CounterOpts{Namespace: "sallyport", Name: "alarms_total", Help: "What a person must look at."}),
	}
	for _, c := range []prometheus.Collector{o.decisions, o.trials, o.changes, o.alarms} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// Dropped registers sallyport_dropped_total with r: observations that e dropped because too
// many waited, so that the other counters are known to be short.
func Dropped(r prometheus.Registerer, e *engine.Engine) error {
	return r.Register(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Namespace: "sallyport", Name: "dropped_total", Help: "Observations that were dropped because too many waited.",
	}, func() float64 { return float64(e.Dropped()) }))
}

// Observe implements engine.Observer.
func (o *Observer) Observe(x engine.Observation) {
	switch x.Kind {
	case engine.LoggedIn, engine.Requested:
		o.decisions.WithLabelValues(x.Kind.String(), x.Decision.Effect.String(), x.Decision.Reason.String()).Inc()
	case engine.Tried:
		o.trials.WithLabelValues(x.Decision.Effect.String(), x.Draft.Effect.String()).Inc()
	case engine.Changed:
		kind := ""
		if x.Event != nil {
			kind = x.Event.Kind
		}
		o.changes.WithLabelValues(kind).Inc()
	case engine.Alarmed:
		o.alarms.Inc()
	}
}

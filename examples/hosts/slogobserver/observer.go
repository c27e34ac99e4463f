// Package slogobserver writes what an engine observes to a log.
package slogobserver

import (
	"context"
	"log/slog"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
)

// Observer writes each observation as a record with the group "access". Alarms are errors;
// what was refused, and who came in only by being a super admin, is info; every other
// request is debug. The zero Observer writes nothing. It is safe for concurrent use.
type Observer struct{ Log *slog.Logger }

// Observe implements engine.Observer.
func (o Observer) Observe(x engine.Observation) {
	if o.Log == nil {
		return
	}
	o.Log.LogAttrs(context.Background(), level(x), x.Kind.String(), slog.Any("access", x))
}

func level(x engine.Observation) slog.Level {
	switch {
	case x.Kind == engine.Alarmed:
		return slog.LevelError
	case x.Kind == engine.Requested && x.Decision.Allowed() && x.Decision.Reason != policy.ReasonSuperAdmin:
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

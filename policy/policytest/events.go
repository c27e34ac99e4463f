package policytest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

func events(t testing.TB, s policy.Store, l session.Log) {
	begin := time.Now().Add(-hour).Truncate(time.Microsecond)
	var all []session.Event // oldest first
	was, r := session.Version{}, record(acme, at(1))
	for i := range 12 {
		e := event(r)
		e.At = begin.Add(time.Duration(i) * time.Minute)
		e.Actor = []session.MemberID{"kim", "lee", ""}[i%3]
		e.Member = []session.MemberID{"", "Kim"}[i%2]
		e.Kind = []string{"settings-saved", "settings", "draft-made", "confirmed"}[i%4]
		if _, err := s.Save(t.Context(), was, r, e, nil); err != nil {
			t.Fatalf("saving: %v", err)
		}
		all = append(all, e)
		was, r = r.Version, next(r)
	}
	enrol(t, s, "other")
	for _, row := range []struct {
		why string
		q   session.EventQuery
	}{
		{"all", session.EventQuery{}},
		{"of one actor", session.EventQuery{Actor: "kim"}},
		{"of an actor that did nothing", session.EventQuery{Actor: "Kim"}},
		{"to one member", session.EventQuery{Member: "Kim"}},
		{"of one kind", session.EventQuery{Kind: "settings"}},
		{"of one actor, kind and member", session.EventQuery{Actor: "lee", Kind: "settings", Member: "Kim"}},
		{"from an instant on", session.EventQuery{From: all[4].At}},
		{"before an instant", session.EventQuery{To: all[4].At}},
		{"between two instants", session.EventQuery{From: all[2].At.In(time.FixedZone("", 3600)), To: all[9].At}},
		{"at no instant", session.EventQuery{From: all[2].At, To: all[2].At}},
		{"at most five", session.EventQuery{Max: 5}},
		{"five, passing over three", session.EventQuery{Max: 5, Skip: 3}},
		{"all, passing over ten", session.EventQuery{Skip: 10}},
		{"passing over more than there are", session.EventQuery{Skip: 100}},
		{"of one actor, two, passing over one", session.EventQuery{Actor: "lee", Max: 2, Skip: 1}},
		{"fewer than none at most, which is as many as there may be", session.EventQuery{Max: -1, Skip: -1}},
		{"more at most than there may be", session.EventQuery{Max: 1 << 30}},
	} {
		var want []session.Event
		skip := row.q.Skip
		for _, e := range slices.Backward(all) {
			q := row.q
			if q.Actor != "" && q.Actor != e.Actor || q.Member != "" && q.Member != e.Member || q.Kind != "" && q.Kind != e.Kind ||
				!q.From.IsZero() && e.At.Before(q.From) || !q.To.IsZero() && !e.At.Before(q.To) {
				continue
			}
			if skip--; skip < 0 && (q.Max <= 0 || len(want) < q.Max) {
				want = append(want, e)
			}
		}
		got, err := l.Events(t.Context(), acme, row.q)
		if err != nil || !slices.EqualFunc(got, want, sameEvent) {
			t.Errorf("events %s: %v, error %v; want %v", row.why, summaries(got), err, summaries(want))
		}
	}
	for _, nobody := range []session.TenantID{"nobody", "", "ACME"} {
		if got, err := l.Events(t.Context(), nobody, session.EventQuery{}); err != nil || len(got) != 0 {
			t.Errorf("%d events of %q, error %v; want none", len(got), nobody, err)
		}
	}
}

func summaries(list []session.Event) (s []string) {
	for _, e := range list {
		s = append(s, fmt.Sprint(e.Summary))
	}
	return s
}

func eventsContext(t testing.TB, s policy.Store, l session.Log) {
	enrol(t, s, acme)
	for _, ctx := range ended(t) {
		if list, err := l.Events(ctx, acme, session.EventQuery{}); !errors.Is(err, ctx.Err()) {
			t.Errorf("Events with a context that says %v returned %d events, error %v", ctx.Err(), len(list), err)
		}
	}
}

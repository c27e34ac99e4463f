package session_test

import (
	"testing"

	"github.com/sallyport-go/sallyport/session"
)

func TestAlive(t *testing.T) {
	web := session.ClientsOf(session.Web)
	at := func(line uint32, number uint64) session.Version { return session.Version{Line: line, Number: number} }
	for _, row := range []struct {
		why     string
		cuts    session.Cuts
		client  session.Client
		stamped session.Version
		now     session.Version
		want    bool
	}{
		{"nothing was cut", session.Cuts{}, session.Web, at(7, 3), at(7, 5), true},
		{"of the version of now", session.Cuts{}, session.Web, at(7, 5), at(7, 5), true},
		{"below the cut", session.Cuts{}.Cut(web, 4), session.Web, at(7, 3), at(7, 5), false},
		{"at the cut", session.Cuts{}.Cut(web, 4), session.Web, at(7, 4), at(7, 5), true},
		{"another client", session.Cuts{}.Cut(web, 4), session.Mobile, at(7, 3), at(7, 5), true},
		{"another line", session.Cuts{}, session.Web, at(8, 3), at(7, 5), false},
		{"a line where the record has none", session.Cuts{}, session.Web, at(8, 3), at(0, 5), false},
		{"no line, but a number", session.Cuts{}, session.Web, at(0, 3), at(7, 5), false},
		{"a line, but no number", session.Cuts{}, session.Web, at(7, 0), at(7, 5), true},
		{"from the future: the record is an older one", session.Cuts{}, session.Web, at(7, 900), at(7, 5), false},
		{"from the future, above a cut", session.Cuts{}.Cut(web, 6), session.Web, at(7, 900), at(7, 6), false},
		{"from before stamps, nothing cut", session.Cuts{}, session.Web, at(0, 0), at(7, 5), true},
		{"from before stamps, cut", session.Cuts{}.Cut(web, 1), session.Web, at(0, 0), at(7, 5), false},
		{"from before stamps, another client cut", session.Cuts{}.Cut(web, 1), session.Mobile, at(0, 0), at(7, 5), true},
		{"a record without versions", session.Cuts{}, session.Web, at(0, 0), at(0, 0), true},
		{"cuts above the record's version are corrupt", session.Cuts{}.Cut(web, 6), session.Mobile, at(7, 5), at(7, 5), false},
		{"an unknown client", session.Cuts{}, session.UnknownClient, at(7, 5), at(7, 5), false},
	} {
		if got := row.cuts.Alive(row.client, row.stamped, row.now); got != row.want {
			t.Errorf("%s: %v.Alive(%v, %v, %v) = %v", row.why, row.cuts, row.client, row.stamped, row.now, got)
		}
	}
}

func TestGuarantee17ALineTellsLivesApart(t *testing.T) {
	before := session.NewLine()
	next, err := before.Next()
	if err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		again := session.NewLine()
		if again.Line == 0 || again.Number != 1 {
			t.Fatalf("a new line begins at %v", again)
		}
		if again.Line == before.Line {
			continue // once in four thousand million times
		}
		for _, stamped := range []session.Version{before, next} {
			if (session.Cuts{}).Alive(session.Web, stamped, again) || (session.Cuts{}).Alive(session.Web, again, stamped) {
				t.Fatalf("a session of %v is alive in a record at %v", stamped, again)
			}
		}
	}
}

func TestAliveAllocatesNothing(t *testing.T) {
	c := session.Cuts{}.Cut(session.Mail, 3).Cut(session.Apps, 5)
	now := session.Version{Line: 7, Number: 9}
	if n := testing.AllocsPerRun(100, func() { c.Alive(session.Web, session.Version{Line: 7, Number: 4}, now) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

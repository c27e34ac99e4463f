package directory_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/session"
)

// loggingIn returns the session of a login of kim that is under way, stamped as the member
// is now.
func loggingIn(t *testing.T, f fixture, with session.Session) session.Session {
	t.Helper()
	_, with.ID = session.NewToken()
	with.Tenant, with.Member = "acme", "kim"
	with.Stamp = session.Stamp{Client: session.Mobile, Member: f.account(t, "kim").Version}
	with.Created = time.Now().Round(0)
	with.Seen = with.Created
	return with
}

// What ends some of a member's sessions ends those too that were under way at that moment:
// proved or admitted before it, and stored when its order had been carried out.
func TestGuarantee14ALoginUnderWayDoesNotEscape(t *testing.T) {
	ctx := t.Context()
	unlink := func(f fixture) error { return f.Unlink(ctx, "boss", "acme", "kim", "google:1", "") }
	relink := func(f fixture) error {
		return errors.Join(unlink(f), f.Do(ctx, directory.Link, "acme", "kim", directory.Facts{Actor: "kim", External: "google:1"}))
	}
	wipe := func(f fixture) error { return f.WipeApp(ctx, "boss", "acme", "kim", "phone", "") }
	reset := func(f fixture) error { return f.ResetDevice(ctx, "boss", "acme", "kim", "phone", "") }
	suspend := func(f fixture) error { return f.Suspend(ctx, "boss", "acme", "kim", "") }
	nothing := func(fixture) error { return nil }
	google, phone := session.Session{Via: "google:1"}, session.Session{Device: "phone"}
	for _, row := range []struct {
		why    string
		act    func(fixture) error
		with   session.Session
		admits bool // the act comes before Admit, and not after it
		since  bool // the host says since when the member was proved
		lives  bool
	}{
		{why: "admitted, then unlinked", act: unlink, with: google},
		{why: "admitted, then unlinked, since known", act: unlink, with: google, since: true},
		{why: "proved, then unlinked, then admitted", act: unlink, with: google, admits: true, since: true},
		{why: "unlinked and linked again", act: relink, with: google},
		{why: "admitted, then wiped", act: wipe, with: phone},
		{why: "proved, then wiped, then admitted", act: wipe, with: phone, admits: true, since: true},
		{why: "admitted, then reset", act: reset, with: phone},
		{why: "proved, then reset, then admitted", act: reset, with: phone, admits: true, since: true},
		{why: "nothing happens", act: nothing, with: google, since: true, lives: true},
		{why: "nothing happens, on a device", act: nothing, with: phone, lives: true},
		{why: "another way in than the one that was unlinked", act: unlink, admits: true, since: true, lives: true},
		{why: "proved after the wipe", act: wipe, with: phone, admits: true, lives: true},
		{why: "suspended: the cut holds it", act: suspend, with: phone},
		{why: "suspended, by no device: the cut holds it", act: suspend},
	} {
		var sessions session.MemStore
		var host hostCalls
		f := newFixture(t, &directory.Options{Sessions: &sessions, Revoker: &host, Wiper: &host})
		f.adopt(t, "kim")
		if err := f.Do(ctx, directory.Link, "acme", "kim", directory.Facts{Actor: "kim", External: "google:1"}); err != nil {
			t.Fatal(err)
		}
		var since session.Version
		if row.since {
			since = f.account(t, "kim").Version
		}
		s := loggingIn(t, f, row.with)
		if err := row.act(f); err != nil {
			t.Fatalf("%s: %v", row.why, err)
		}
		if row.admits {
			s.Stamp.Member = f.account(t, "kim").Version
		}
		err := f.Begin(ctx, since, s)
		found, lost := sessions.Find(ctx, "acme", s.ID)
		if lost != nil {
			t.Fatalf("%s: %v", row.why, lost)
		}
		if lives := found.Ended.IsZero() && check(t, f, &sessions, s.ID); lives != row.lives {
			t.Errorf("%s: it lives: %v, ended %v, %v", row.why, lives, found.Ended, err)
		}
		if row.lives && err != nil || err != nil && !errors.Is(err, session.ErrEnded) {
			t.Errorf("%s: %v", row.why, err)
		}
	}
}

// Whatever does not answer, no session lives that was not looked at.
func TestBeginFailsShut(t *testing.T) {
	ctx := t.Context()
	var sessions session.MemStore
	f := newFixture(t, &directory.Options{Sessions: &sessions})
	f.adopt(t, "kim")
	s := loggingIn(t, f, session.Session{Device: "phone"})
	s.Member = "nobody"
	if err := f.Begin(ctx, session.Version{}, s); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("of no member: %v", err)
	}
	if found, err := sessions.Find(ctx, "acme", s.ID); err != nil || found.Ended.IsZero() {
		t.Errorf("of no member: left %+v, %v", found, err)
	}
	again := loggingIn(t, f, session.Session{Device: "phone"})
	for _, want := range []error{nil, session.ErrExists} {
		if err := f.Begin(ctx, session.Version{}, again); !errors.Is(err, want) {
			t.Errorf("%v; want %v", err, want)
		}
	}
	if ended(t, &sessions, again.ID) {
		t.Error("a session ended because it was begun twice")
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	s = loggingIn(t, f, session.Session{Device: "phone"})
	if err := f.Begin(cancelled, session.Version{}, s); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if err := newFixture(t, nil).Begin(ctx, session.Version{}, s); err == nil {
		t.Error("without a store of sessions it begins some")
	}
}

// An order that names a session finds it, whatever it is called when the order arrives.
func TestGuarantee20AnOrderFindsARenewedSession(t *testing.T) {
	for _, why := range []string{"renewed before the act", "renewed before the delivery"} {
		synctest.Test(t, func(t *testing.T) {
			ctx := t.Context()
			var sessions session.MemStore
			f := newFixture(t, &directory.Options{Sessions: &sessions, Prompt: -1})
			f.adopt(t, "kim")
			first := begin(t, f, &sessions, session.Session{})
			_, second := session.NewToken()
			_, third := session.NewToken()
			renew := func(from, to session.ID) {
				if err := sessions.Renew(ctx, "acme", from, to, time.Now()); err != nil {
					t.Fatal(err)
				}
			}
			named := first // as a visit has it
			if renew(first, second); why == "renewed before the delivery" {
				named = second // as it is called now
			}
			if err := f.EndSession(ctx, "boss", "acme", "kim", named, ""); err != nil {
				t.Fatalf("%s: %v", why, err)
			}
			renew(second, third)
			if ended(t, &sessions, third) {
				t.Fatalf("%s: it was delivered at once", why)
			}
			within, cancel := context.WithTimeout(ctx, time.Minute)
			defer cancel()
			f.Run(within)
			if !ended(t, &sessions, third) {
				t.Errorf("%s: it lives", why)
			}
		})
	}
}

package session_test

import (
	"testing"

	"github.com/sallyport-go/sallyport/session"
)

func TestOrderEnds(t *testing.T) {
	s := newSession("acme", "kim") // Policy 7.5, Member 9.3, Web, laptop
	s.Via = "google:1"
	at := func(line uint32, number uint64) session.Version { return session.Version{Line: line, Number: number} }
	web := session.ClientsOf(session.Web, session.Mobile)
	all := session.Order{Kind: session.SignOut, Tenant: "acme", Clients: session.AllClients}
	for _, row := range []struct {
		why    string
		change func(*session.Order, *session.Session)
		want   bool
	}{
		{"everything of the tenant", func(*session.Order, *session.Session) {}, true},
		{"the zero Order", func(o *session.Order, _ *session.Session) { *o = session.Order{} }, false},
		{"no clients", func(o *session.Order, _ *session.Session) { o.Clients = 0 }, false},
		{"its client", func(o *session.Order, _ *session.Session) { o.Clients = web }, true},
		{"other clients", func(o *session.Order, _ *session.Session) { o.Clients = session.Mail }, false},
		{"an unknown client is meant by none", func(_ *session.Order, s *session.Session) { s.Stamp.Client = session.UnknownClient }, false},
		{"another tenant", func(o *session.Order, _ *session.Session) { o.Tenant = "globex" }, false},
		{"its member", func(o *session.Order, _ *session.Session) { o.Member = "kim" }, true},
		{"another member", func(o *session.Order, _ *session.Session) { o.Member = "ki" }, false},
		{"it alone", func(o *session.Order, s *session.Session) { o.Session = s.ID }, true},
		{"it alone, renewed since", func(o *session.Order, s *session.Session) { o.Session, s.ID = s.First, session.IDOf("next") }, true},
		{"it alone, by the ID that it has", func(o *session.Order, s *session.Session) { s.ID = session.IDOf("next"); o.Session = s.ID }, true},
		{"it alone, where the host keeps no First", func(o *session.Order, s *session.Session) { o.Session, s.First = s.ID, session.ID{} }, true},
		{"another alone, where the host keeps no First", func(o *session.Order, s *session.Session) { o.Session, s.First = session.IDOf("x"), session.ID{} }, false},
		{"another alone", func(o *session.Order, _ *session.Session) { o.Session = session.IDOf("x") }, false},
		{"its device", func(o *session.Order, _ *session.Session) { o.Device = "laptop" }, true},
		{"another device", func(o *session.Order, _ *session.Session) { o.Device = "phone" }, false},
		{"a session of no device", func(o *session.Order, s *session.Session) { o.Device = "laptop"; s.Device = "" }, false},
		{"its external identity", func(o *session.Order, _ *session.Session) { o.Via = "google:1" }, true},
		{"another external identity", func(o *session.Order, _ *session.Session) { o.Via = "google:12" }, false},
		{"a session by password", func(o *session.Order, s *session.Session) { o.Via = "google:1"; s.Via = "" }, false},
		{"all of it fits but the member", func(o *session.Order, s *session.Session) {
			o.Session, o.Device, o.Via, o.Member = s.ID, "laptop", "google:1", "lee"
		}, false},
		{"stamped before", func(o *session.Order, _ *session.Session) { o.Policy = at(7, 6) }, true},
		{"stamped at it: the order is late", func(o *session.Order, _ *session.Session) { o.Policy = at(7, 5) }, false},
		{"stamped after it", func(o *session.Order, _ *session.Session) { o.Policy = at(7, 4) }, false},
		{"on another line", func(o *session.Order, _ *session.Session) { o.Policy = at(8, 900) }, false},
		{"from before stamps", func(o *session.Order, s *session.Session) { o.Policy = at(8, 1); s.Stamp.Policy = at(0, 0) }, true},
		{"the member's record, before", func(o *session.Order, _ *session.Session) { o.Membership = at(9, 4) }, true},
		{"the member's record, at it", func(o *session.Order, _ *session.Session) { o.Membership = at(9, 3) }, false},
		{"the member's record, another line", func(o *session.Order, _ *session.Session) { o.Membership = at(7, 4) }, false},
		{"both records, before both", func(o *session.Order, _ *session.Session) { o.Policy, o.Membership = at(7, 6), at(9, 4) }, true},
		{"both records, before one", func(o *session.Order, _ *session.Session) { o.Policy, o.Membership = at(7, 6), at(9, 3) }, false},
		{"a wipe ends none", func(o *session.Order, _ *session.Session) { o.Kind = session.WipeAll }, false},
		{"a notice ends none", func(o *session.Order, _ *session.Session) { o.Kind = session.Notice }, false},
		{"no kind ends none", func(o *session.Order, _ *session.Session) { o.Kind = "" }, false},
	} {
		o, s := all, s
		row.change(&o, &s)
		if got := o.Ends(s); got != row.want {
			t.Errorf("%s: Ends is %v", row.why, got)
		}
	}
}

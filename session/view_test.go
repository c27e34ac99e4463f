package session_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-go/sallyport/session"
)

func always(session.Session) bool { return true }

// history has what a member can have: sessions that are live, were renewed, ended, expired
// and purged, on two devices; and some of others.
func history(t *testing.T) (*session.MemStore, map[string]session.ID) {
	s := session.NewMemStore()
	ids := make(map[string]session.ID)
	for i, row := range []struct {
		name, device, system string
		tenant               session.TenantID
		member               session.MemberID
		client               session.Client
		life                 time.Duration
	}{
		{"purged", "laptop", "Windows 7", "acme", "kim", session.Web, time.Minute},
		{"expired", "laptop", "Windows 11", "acme", "kim", session.Desktop, 2 * time.Hour},
		{"ended", "phone", "iOS 18", "acme", "kim", session.Mobile, 0},
		{"live", "phone", "", "acme", "kim", session.Mobile, 0},
		{"cut", "", "Linux", "acme", "kim", session.API, 1000 * time.Hour},
		{"other member", "phone", "iOS 19", "acme", "lee", session.Mobile, 0},
		{"other tenant", "phone", "iOS 19", "globex", "kim", session.Mobile, 0},
	} {
		n := newSession(row.tenant, row.member)
		n.Device, n.System, n.Stamp.Client, n.Life = row.device, row.system, row.client, row.life
		n.Created = noon.Add(time.Duration(i) * time.Minute)
		n.Seen = n.Created
		create(t, s, n)
		ids[row.name] = n.ID
	}
	if n, err := s.Purge(t.Context(), noon.Add(2*time.Minute), 10); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	_, next := session.NewToken()
	if err := errors.Join(
		s.Renew(t.Context(), "acme", ids["live"], next, noon.Add(90*time.Minute)),
		s.End(t.Context(), "acme", ids["ended"], noon.Add(time.Hour), "signed out"),
	); err != nil {
		t.Fatal(err)
	}
	ids["live"] = next
	return s, ids
}

func TestViewVisits(t *testing.T) {
	s, ids := history(t)
	view := session.View{Store: s, At: noon.Add(10 * time.Hour), Alive: func(s session.Session) bool { return s.ID != ids["cut"] }}
	type row struct {
		Client session.Client
		Live   bool
		Ended  time.Time
		Why    string
	}
	read := func(v session.View, q session.VisitQuery) (rows []row) {
		for a, err := range v.Visits(t.Context(), "acme", q) {
			if err != nil {
				t.Fatal(err)
			}
			rows = append(rows, row{a.Client, a.Live, a.Ended, a.Why})
		}
		return rows
	}
	cut := row{session.API, false, time.Time{}, ""}
	live := row{session.Mobile, true, time.Time{}, ""}
	ended := row{session.Mobile, false, noon.Add(time.Hour), "signed out"}
	expired := row{session.Desktop, false, noon.Add(time.Minute + 2*time.Hour), ""}
	purged := row{session.Web, false, time.Time{}, ""}
	for _, tt := range []struct {
		why  string
		q    session.VisitQuery
		want []row
	}{
		{"of a member", session.VisitQuery{Member: "kim"}, []row{cut, live, ended, expired, purged}},
		{"of every member", session.VisitQuery{}, []row{live, cut, live, ended, expired, purged}},
		{"of a client", session.VisitQuery{Member: "kim", Clients: session.ClientsOf(session.Mobile)}, []row{live, ended}},
		{"since", session.VisitQuery{Member: "kim", Since: noon.Add(3 * time.Minute)}, []row{cut, live}},
		{"of nobody", session.VisitQuery{Member: "x"}, nil},
	} {
		if diff := cmp.Diff(tt.want, read(view, tt.q)); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", tt.why, diff)
		}
	}
	for why, v := range map[string]session.View{
		"nobody asked the cuts": {Store: s, At: view.At},
		"no instant":            {Store: s, Alive: always},
	} {
		if rows := read(v, session.VisitQuery{}); len(rows) != 6 || slices.ContainsFunc(rows, func(r row) bool { return r.Live }) {
			t.Errorf("%s: %v; want nothing live", why, rows)
		}
	}
}

func TestViewDevices(t *testing.T) {
	s, _ := history(t)
	view := session.View{Store: s, At: noon.Add(10 * time.Hour), Alive: always}
	laptop := session.Device{ID: "laptop", Member: "kim", System: "Windows 11", Clients: session.ClientsOf(session.Web, session.Desktop),
		First: noon, Last: noon.Add(time.Minute)}
	phone := session.Device{ID: "phone", Member: "kim", System: "iOS 18", Clients: session.ClientsOf(session.Mobile),
		First: noon.Add(2 * time.Minute), Last: noon.Add(90 * time.Minute), Live: true}
	lees := session.Device{ID: "phone", Member: "lee", System: "iOS 19", Clients: session.ClientsOf(session.Mobile),
		First: noon.Add(5 * time.Minute), Last: noon.Add(5 * time.Minute), Live: true}
	for _, tt := range []struct {
		why    string
		view   session.View
		member session.MemberID
		want   []session.Device
	}{
		{"of a member, the last used first", view, "kim", []session.Device{phone, laptop}},
		{"of every member: one device of two members is two", view, "", []session.Device{phone, lees, laptop}},
		{"of nobody", view, "x", []session.Device{}},
	} {
		got, err := tt.view.Devices(t.Context(), "acme", tt.member)
		if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got)\n%s", tt.why, err, diff)
		}
	}
	view.Alive = nil
	if got, err := view.Devices(t.Context(), "acme", "lee"); err != nil || len(got) != 1 || got[0].Live {
		t.Errorf("%v, %v; nobody asked the cuts", got, err)
	}
	view.Store, view.Alive = struct{ session.Store }{s}, always
	if got, err := view.Devices(t.Context(), "acme", "kim"); err != nil || len(got) != 2 || got[1].System != "Windows 11" || !got[1].First.Equal(noon.Add(time.Minute)) {
		t.Errorf("without visits: %v, %v; want what sessions tell", got, err)
	}
}

// A store may keep the ID of a purged session with its visit, and the ID may be used again.
func TestViewVisitsOfAnIDThatIsAnothers(t *testing.T) {
	s, ids := history(t)
	for _, v := range []session.Visit{
		{Tenant: "acme", Member: "kim", Session: ids["other member"]},
		{Tenant: "acme", Member: "kim", Session: ids["other tenant"]},
		{Tenant: "acme", Member: "kim", Session: ids["purged"]},
		{Tenant: "acme", Member: "kim"},
	} {
		view := session.View{Store: oneVisit{s, v}, At: noon.Add(10 * time.Minute), Alive: always}
		all, err := collect(view.Visits(t.Context(), "acme", session.VisitQuery{}))
		if err != nil || len(all) != 1 || all[0] != (session.Access{Visit: v}) {
			t.Errorf("%+v, %v; want it ended, and no word of another's session", all, err)
		}
	}
}

type oneVisit struct {
	*session.MemStore
	visit session.Visit
}

func (s oneVisit) Visits(context.Context, session.TenantID, session.MemberID, time.Time) iter.Seq2[session.Visit, error] {
	return seq(nil, s.visit)
}

// storeDown fails at the n-th call.
type storeDown struct {
	*session.MemStore
	left *int
}

var errDown = errors.New("store is down")

func (s storeDown) down() error {
	if *s.left--; *s.left < 0 {
		return errDown
	}
	return nil
}

func (s storeDown) Find(ctx context.Context, t session.TenantID, id session.ID) (session.Session, error) {
	if err := s.down(); err != nil {
		return session.Session{}, err
	}
	return s.MemStore.Find(ctx, t, id)
}

func (s storeDown) List(ctx context.Context, t session.TenantID, q session.Query) ([]session.Session, error) {
	if err := s.down(); err != nil {
		return nil, err
	}
	return s.MemStore.List(ctx, t, q)
}

func (s storeDown) Visits(ctx context.Context, t session.TenantID, m session.MemberID, since time.Time) iter.Seq2[session.Visit, error] {
	if s.down() != nil {
		return seq[session.Visit](errDown)
	}
	return s.MemStore.Visits(ctx, t, m, since)
}

// An administrator must not take what could be read for all there is.
func TestViewTellsThatTheStoreIsDown(t *testing.T) {
	s, _ := history(t)
	for n := range 20 {
		left := n
		view := session.View{Store: storeDown{s, &left}, At: noon, Alive: always}
		for what, read := range map[string]func() (int, error){
			"Visits": func() (int, error) {
				rows, err := collect(view.Visits(t.Context(), "acme", session.VisitQuery{}))
				return len(rows), err
			},
			"Sessions": func() (int, error) {
				rows, err := collect(view.Sessions(t.Context(), "acme", session.Query{Max: 1}))
				return len(rows), err
			},
			"Devices": func() (int, error) {
				rows, err := view.Devices(t.Context(), "acme", "")
				return len(rows), err
			},
		} {
			left = n
			rows, err := read()
			want := map[string]int{"Visits": 6, "Sessions": 5, "Devices": 3}[what]
			if (left < 0) != errors.Is(err, errDown) || err == nil && rows != want {
				t.Errorf("%s, whose store fails at call %d: %d rows, %v", what, n+1, rows, err)
			}
			if n == 19 && err != nil {
				t.Errorf("%s: %v", what, err)
			}
		}
	}
}

// collect returns the values before the first error.
func collect[T any](all iter.Seq2[T, error]) (values []T, err error) {
	for v, err := range all {
		if err != nil {
			return values, err
		}
		values = append(values, v)
	}
	return values, nil
}

// pagesOfOne returns its first session again and again.
type pagesOfOne struct{ session.Store }

func (pagesOfOne) List(context.Context, session.TenantID, session.Query) ([]session.Session, error) {
	return []session.Session{{ID: session.IDOf("x"), Created: noon}}, nil
}

func TestViewOfBrokenStores(t *testing.T) {
	var zero session.View
	if _, err := collect(zero.Sessions(t.Context(), "acme", session.Query{})); err == nil {
		t.Error("the zero View has sessions")
	}
	if _, err := collect(zero.Visits(t.Context(), "acme", session.VisitQuery{})); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("the zero View has visits: %v", err)
	}
	if _, err := zero.Devices(t.Context(), "acme", ""); err == nil {
		t.Error("the zero View has devices")
	}
	noVisits := session.View{Store: struct{ session.Store }{session.NewMemStore()}}
	if _, err := collect(noVisits.Visits(t.Context(), "acme", session.VisitQuery{})); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("a store without visits: %v; want ErrUnsupported", err)
	}
	endless := session.View{Store: pagesOfOne{}}
	if all, err := collect(endless.Sessions(t.Context(), "acme", session.Query{})); len(all) != 2 || err == nil {
		t.Errorf("a store that forgets the cursor: %d sessions, %v; want an end", len(all), err)
	}
	for range endless.Sessions(t.Context(), "acme", session.Query{}) {
		break // must not go on
	}
	s, _ := history(t)
	for why, change := range map[string]func(*session.Session){
		"another member": func(s *session.Session) { s.Member = "lee" },
		"another tenant": func(s *session.Session) { s.Tenant = "globex" },
		"another":        func(s *session.Session) { s.First[0]++ },
	} {
		view := session.View{Store: answersFor{s, change}, At: noon, Alive: always}
		if all, err := collect(view.Visits(t.Context(), "acme", session.VisitQuery{})); err == nil {
			t.Errorf("a store that answers for the session of %s: %v", why, all)
		}
	}
}

// answersFor answers with sessions that were not asked for.
type answersFor struct {
	*session.MemStore
	change func(*session.Session)
}

func (s answersFor) List(ctx context.Context, t session.TenantID, q session.Query) ([]session.Session, error) {
	page, err := s.MemStore.List(ctx, t, q)
	for i := range page {
		s.change(&page[i])
	}
	return page, err
}

// eventLog has events, newest first, and gets another with each page that is read.
type eventLog struct {
	events []session.Event
	grows  bool
	deaf   bool // to Skip
	fails  int  // at this page
}

func (l *eventLog) Events(_ context.Context, _ session.TenantID, q session.EventQuery) ([]session.Event, error) {
	if l.fails--; l.fails == 0 {
		return nil, errDown
	}
	if l.deaf {
		q.Skip = 0
	}
	from := min(q.Skip, len(l.events))
	page := slices.Clone(l.events[from:min(from+q.Max, len(l.events))])
	if l.grows {
		l.events = slices.Insert(l.events, 0, session.Event{ID: time.Duration(1e9 + len(l.events)).String()})
	}
	return page, nil
}

func TestEvents(t *testing.T) {
	ten := func() (all []session.Event) {
		for i := range 10 {
			all = append(all, session.Event{ID: time.Duration(10 - i).String()})
		}
		return all
	}
	for _, row := range []struct {
		why  string
		log  *eventLog
		want int
		err  bool
	}{
		{"all pages", &eventLog{events: ten()}, 10, false},
		{"each once, while others come in", &eventLog{events: ten(), grows: true}, 10, false},
		{"no events", &eventLog{}, 0, false},
		{"down at the second page", &eventLog{events: ten(), fails: 2}, 3, true},
		{"the same page again and again", &eventLog{events: ten(), deaf: true}, 3, true},
	} {
		got, err := collect(session.Events(t.Context(), row.log, "acme", session.EventQuery{Max: 3}))
		ids := make(map[string]bool)
		for _, e := range got {
			ids[e.ID] = true
		}
		if len(got) != row.want || len(ids) != len(got) || (err != nil) != row.err {
			t.Errorf("%s: %d events, %d of them different, %v", row.why, len(got), len(ids), err)
		}
	}
	if _, err := collect(session.Events(t.Context(), nil, "acme", session.EventQuery{})); err == nil {
		t.Error("no log has no error")
	}
}

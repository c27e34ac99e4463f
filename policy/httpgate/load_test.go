package httpgate_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/policy/httpgate"
	"github.com/sallyport-go/sallyport/session"
)

var load = flag.Duration("load", 0, "how long to ask a Guard 2,000 times a second; 0: a second, at a tenth of that")

// office is on the list always, branch in every other save, so that every other save takes
// an address off and ends all sessions; the street is never.
const loadOffice, loadBranch, loadStreet = "8.8.8.8", "1.1.1.1", "9.9.9.9"

// loadWorld is a server with a Guard before an engine, and what is known of its saves.
type loadWorld struct {
	t      *testing.T
	eng    *engine.Engine
	server *httptest.Server

	version session.Version

	// Saves that have begun and that were acknowledged. Save n lists the branch if n is
	// even, and ends all sessions if it is odd.
	begun, acked atomic.Int64

	mu       sync.Mutex
	sessions map[string]engine.Request
}

// A loadSession was admitted after the acknowledgement of save from, and before save to began.
type loadSession struct {
	token    string
	from, to int64
}

func newLoadWorld(t *testing.T) *loadWorld {
	people := &members{m: map[member.ID]member.Member{}}
	for i := range 100 {
		id := member.ID(fmt.Sprint("m", i))
		people.m[id] = member.Member{Tenant: "works", ID: id, Status: member.Active, Version: session.Version{Line: 1, Number: 1}}
	}
	eng, err := engine.New(policy.Standard(), policy.NewMemStore(), people, nil)
	if err != nil {
		t.Fatal(err)
	}
	w := &loadWorld{t: t, eng: eng, sessions: map[string]engine.Request{}}
	saved, err := eng.Enroll(context.Background(), engine.Enrollment{Tenant: "works", Settings: loadSettings(0)})
	if err != nil {
		t.Fatal(err)
	}
	w.version = saved.Version
	proxies, err := httpgate.NewResolver(httpgate.Options{Proxies: ipset.MustParse("127.0.0.1"), Header: httpgate.XForwardedFor})
	if err != nil {
		t.Fatal(err)
	}
	g := &httpgate.Guard{Engine: eng, Resolver: proxies, Session: func(r *http.Request) (engine.Request, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		s, ok := w.sessions[r.Header.Get("Authorization")]
		if !ok {
			return engine.Request{}, session.ErrNotFound
		}
		return s, nil
	}}
	w.server = httptest.NewServer(g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, _ := httpgate.FromContext(r.Context())
		_ = json.NewEncoder(w).Encode(map[string]any{"reason": a.Decision.Reason, "member": a.Request.Member})
	})))
	t.Cleanup(w.server.Close)
	return w
}

func loadSettings(n int64) policy.Settings {
	s := policy.Settings{Access: policy.DesignatedAddresses, Designated: []policy.Entry{{Range: ipset.MustParseRange(loadOffice)}}}
	if n%2 == 0 {
		s.Designated = append(s.Designated, policy.Entry{Range: ipset.MustParseRange(loadBranch)})
	}
	return s
}

func (w *loadWorld) save() error {
	n := w.begun.Add(1)
	saved, err := w.eng.Save(context.Background(), engine.Save{Act: engine.Act{Tenant: "works", From: w.version}, Settings: loadSettings(n)})
	if err != nil {
		return err
	}
	w.version = saved.Version
	w.acked.Store(n)
	return nil
}

func (w *loadWorld) login(id member.ID) (loadSession, error) {
	s := loadSession{from: w.acked.Load()}
	d, stamp, err := w.eng.Admit(context.Background(), engine.Login{Tenant: "works", Member: id, Client: session.Web, Addr: netip.MustParseAddr(loadOffice), Authenticated: true})
	if err != nil || !d.Allowed() {
		return s, fmt.Errorf("%s could not log in: %v, %w", id, d, err)
	}
	s.to = w.begun.Load()
	s.token, _ = session.NewToken()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sessions["Bearer "+s.token] = engine.Request{Tenant: "works", Member: id, Stamp: stamp}
	return s, nil
}

// right are the reasons that a request may be answered with, if saves from to to are all
// that it can have met: one, unless a save ran beside it or beside its login.
func (s loadSession) right(addr string, from, to int64) []string {
	var all []string
	for admitted := s.from; admitted <= s.to; admitted++ {
		for n := max(from, admitted); n <= to; n++ {
			// The last odd save up to n, if it came after the login, has ended the session.
			cut := n - 1 + n%2
			switch {
			case cut > admitted:
				all = append(all, "session-cut")
			case addr == loadOffice || addr == loadBranch && n%2 == 0:
				all = append(all, "address-designated")
			default:
				all = append(all, "address-not-designated")
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// tally counts what a load met, and keeps how long each answer took after it was due.
type tally struct {
	mu       sync.Mutex
	took     []time.Duration
	reasons  map[string]int
	sure     map[string]int // of them, those beside which no other was right
	mistakes []string
}

// ask sends one request and holds its answer against what was saved.
func (w *loadWorld) ask(c *http.Client, s loadSession, id member.ID, addr string, due time.Time, all *tally) (reason string, err error) {
	r, err := http.NewRequest("GET", w.server.URL, nil)
	if err != nil {
		return "", err
	}
	r.Header.Set("X-Forwarded-For", addr)
	r.Header.Set("Authorization", "Bearer "+s.token)
	from := w.acked.Load()
	response, err := c.Do(r)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return "", err
	}
	took, to := time.Since(due), w.begun.Load()
	var answer struct{ Reason, Member string }
	if err := json.Unmarshal(body, &answer); err != nil {
		return "", fmt.Errorf("%w: %s", err, body)
	}
	status := map[string]int{"address-designated": 200, "address-not-designated": 403, "session-cut": 401}[answer.Reason]
	right := s.right(addr, from, to)
	all.mu.Lock()
	defer all.mu.Unlock()
	all.took = append(all.took, took)
	all.reasons[answer.Reason]++
	if len(right) == 1 {
		all.sure[right[0]]++
	}
	if !slices.Contains(right, answer.Reason) || response.StatusCode != status || status == 200 && answer.Member != string(id) {
		all.mistakes = append(all.mistakes, fmt.Sprintf("%d %s at %s, session %+v, saves %d to %d: want %v", response.StatusCode, answer.Reason, addr, s, from, to, right))
	}
	return answer.Reason, nil
}

// 2,000 requests a second through a server, a Guard and an engine, beside a save each second
// that alters the list and, every other time, ends all sessions. Each answer is held against
// the saves that were acknowledged before it was asked for and begun before it came. A
// request is timed from when it was due, so that waiting behind a slow one counts; no time
// fails the test.
//
//	go test -run GuardUnderLoad -v ./policy/httpgate -load 1m
func TestGuarantee14GuardUnderLoad(t *testing.T) {
	rate, lasts, saveEvery := 200, time.Second, 250*time.Millisecond
	if *load > 0 {
		rate, lasts, saveEvery = 2000, *load, time.Second
	}
	clients := rate / 20
	w := newLoadWorld(t)
	all := &tally{reasons: map[string]int{}, sure: map[string]int{}}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	defer client.CloseIdleConnections()
	start := time.Now()
	var run sync.WaitGroup
	for i := range clients {
		run.Go(func() {
			id := member.ID(fmt.Sprint("m", i))
			s, err := w.login(id)
			every := time.Duration(clients) * time.Second / time.Duration(rate)
			for due := start.Add(rand.N(every)); err == nil && due.Before(start.Add(lasts)); due = due.Add(every) {
				time.Sleep(time.Until(due))
				addr := []string{loadOffice, loadOffice, loadBranch, loadStreet}[rand.N(4)]
				var reason string
				if reason, err = w.ask(client, s, id, addr, due, all); reason == "session-cut" && err == nil {
					s, err = w.login(id)
				}
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	for at := start.Add(saveEvery); at.Before(start.Add(lasts)); at = at.Add(saveEvery) {
		time.Sleep(time.Until(at))
		if err := w.save(); err != nil {
			t.Fatal(err)
		}
	}
	run.Wait()
	took := time.Since(start)
	// However slow the machine was, each kind of answer is given when it alone is right, with
	// the branch on the list and off it, and by sessions of before a save and of after it.
	for range 3 {
		last, err := w.login("m0")
		if err != nil {
			t.Fatal(err)
		}
		ask := func(addrs ...string) {
			for _, addr := range addrs {
				if _, err := w.ask(client, last, "m0", addr, time.Now(), all); err != nil {
					t.Fatal(err)
				}
			}
		}
		ask(loadOffice, loadBranch, loadStreet)
		if err := w.save(); err != nil {
			t.Fatal(err)
		}
		ask(loadOffice, loadBranch, loadStreet)
	}
	for _, m := range all.mistakes[:min(len(all.mistakes), 10)] {
		t.Error(m)
	}
	for _, reason := range []string{"address-designated", "address-not-designated", "session-cut"} {
		if all.sure[reason] == 0 {
			t.Errorf("%s alone was never right: %v", reason, all.sure)
		}
	}
	slices.Sort(all.took)
	n := len(all.took)
	t.Logf("%d requests in %v beside %d saves, %d wrong, with one right answer %v; median %v, 99%% %v, max %v; %v",
		n, took.Round(time.Millisecond), w.acked.Load(), len(all.mistakes), all.sure, all.took[n/2], all.took[n*99/100], all.took[n-1], all.reasons)
}

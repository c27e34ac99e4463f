package redisstore_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
	"github.com/sallyport-go/sallyport/session/redisstore"
)

// Two processes, a node each, with engines of their own on one Redis. The records of
// tenants and members stand for a database that both reach: node A has them, and node B
// asks it over HTTP.

// house is what node A has.
type house struct {
	store policy.Store

	mu      sync.Mutex
	members map[member.ID]member.Member
}

func (h *house) Member(_ context.Context, t session.TenantID, id member.ID) (*member.Member, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	m, ok := h.members[id]
	if !ok || t != acme {
		return nil, session.ErrNotFound
	}
	return &m, nil
}

// sign ends the sessions of a member, as a host with a user table of its own does, and
// returns the order that says so.
func (h *house) sign(t testing.TB, id member.ID) session.Order {
	h.mu.Lock()
	defer h.mu.Unlock()
	m := h.members[id]
	m.Version = must[session.Version](t)(m.Version.Next())
	m.Cuts = m.Cuts.Cut(session.AllClients, m.Version.Number)
	h.members[id] = m
	return session.Order{ID: "order", Kind: session.SignOut, Tenant: acme, Member: id, Clients: session.AllClients, Membership: m.Version, At: time.Now()}
}

func (h *house) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t := session.TenantID(r.FormValue("tenant"))
	var v any
	var err error
	switch r.URL.Path {
	case "/load":
		v, err = h.store.Load(r.Context(), t)
	case "/version":
		v, err = h.store.Version(r.Context(), t)
	case "/member":
		v, err = h.Member(r.Context(), t, member.ID(r.FormValue("member")))
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	json.NewEncoder(w).Encode(v)
}

// remote is the house as node B has it. It reads only.
type remote struct {
	policy.Store
	url string
}

func (r remote) get(ctx context.Context, path string, values url.Values, v any) error {
	q, err := http.NewRequestWithContext(ctx, "GET", r.url+path+"?"+values.Encode(), nil)
	if err != nil {
		return err
	}
	a, err := http.DefaultClient.Do(q)
	if err != nil {
		return err
	}
	defer a.Body.Close()
	if a.StatusCode != http.StatusOK {
		return session.ErrNotFound
	}
	return json.NewDecoder(a.Body).Decode(v)
}

func (r remote) Load(ctx context.Context, t session.TenantID) (v policy.Record, err error) {
	return v, r.get(ctx, "/load", url.Values{"tenant": {string(t)}}, &v)
}

func (r remote) Version(ctx context.Context, t session.TenantID) (v session.Version, err error) {
	return v, r.get(ctx, "/version", url.Values{"tenant": {string(t)}}, &v)
}

func (r remote) Member(ctx context.Context, t session.TenantID, id member.ID) (*member.Member, error) {
	var m member.Member
	return &m, r.get(ctx, "/member", url.Values{"tenant": {string(t)}, "member": {string(id)}}, &m)
}

func (remote) Take(context.Context, int, time.Duration) ([]session.Order, error) { return nil, nil }

// node is what node B is given.
type node struct {
	Redis, Prefix, House string
	Told                 bool // it hears of changes; else it looks again within MaxStale
	MaxStale             time.Duration
	Sessions             []session.Session
}

// nodeB checks sessions without pause: the engine does by its copies alone, and Redis by
// what is found there. When one is refused for the first time it prints when the last check
// began that was not. It ends when its input does.
func nodeB(config string) {
	var n node
	if err := json.Unmarshal([]byte(config), &n); err != nil {
		fmt.Println("error", err)
		return
	}
	ctx := context.Background()
	c := redis.NewClient(options(n.Redis))
	db, err := redisstore.New(ctx, c, &redisstore.Options{Prefix: n.Prefix})
	if err != nil {
		fmt.Println("error", err)
		return
	}
	var store policy.Store = remote{url: n.House}
	if n.Told {
		store = db.Told(store)
	}
	eng, err := engine.New(policy.Standard(), store, remote{url: n.House}, &engine.Options{MaxStale: n.MaxStale})
	if err != nil {
		fmt.Println("error", err)
		return
	}
	if n.Told {
		go eng.Run(ctx)
		go db.FollowMembers(ctx, eng.MemberChanged)
	}
	go func() {
		bufio.NewReader(os.Stdin).ReadString(0)
		os.Exit(0)
	}()
	accepted, refused := make(map[string]time.Time), make(map[string]bool)
	for first := true; ; first = false {
		for _, s := range n.Sessions {
			for _, by := range []string{"engine", "redis"} {
				key, began := by+" "+string(s.Member), time.Now()
				why := ""
				if by == "redis" {
					if found, err := db.Sessions().Find(ctx, s.Tenant, s.ID); err != nil || !found.Live(time.Now()) {
						why = fmt.Sprint(found.Why, err)
					}
				} else if d, err := eng.Check(ctx, engine.Request{Tenant: s.Tenant, Member: s.Member, Stamp: s.Stamp, Addr: seoulOffice}); !d.Allowed() {
					why = fmt.Sprint(d.Reason, err)
				}
				if why == "" {
					accepted[key] = began
				} else if !refused[key] {
					refused[key] = true
					fmt.Println("refused", key, accepted[key].UnixNano(), why)
				}
			}
		}
		if first {
			fmt.Println("ready")
		}
		time.Sleep(2 * time.Millisecond)
	}
}

var seoulOffice = netip.MustParseAddr("8.8.8.8")

// What node A ends is refused on node B: at once by what B finds in Redis, and by B's
// copies alone within the time that it takes to tell, or within MaxStale where nothing is
// told. It is measured from when the act was acknowledged.
func TestGuarantee14TwoProcesses(t *testing.T) {
	for _, row := range []struct {
		why      string
		told     bool
		maxStale time.Duration
	}{
		{"told", true, 5 * time.Minute}, // so that nothing but telling can be the cause
		{"not told", false, time.Second},
	} {
		t.Run(row.why, func(t *testing.T) {
			c := client(t, shared(t))
			p := prefix(t, c)
			db := drawn(t, c, p)
			h := &house{store: policy.NewMemStore(), members: map[member.ID]member.Member{}}
			for _, id := range []member.ID{"kim", "lee"} {
				h.members[id] = member.Member{Tenant: acme, ID: id, Status: member.Active, Version: session.NewLine()}
			}
			eng := must[*engine.Engine](t)(engine.New(policy.Standard(), db.Told(h.store), h, &engine.Options{Revoker: db.Sessions()}))
			if f := eng.Found(); !f.Watches || !f.Remembers || !f.Logs {
				t.Errorf("the engine finds %+v in the store", f)
			}
			enrolled := must[engine.Saved](t)(eng.Enroll(t.Context(), engine.Enrollment{Tenant: acme}))
			enter := func(id member.ID) session.Session {
				d, stamp, err := eng.Admit(t.Context(), engine.Login{Tenant: acme, Member: id, Client: session.Web, Addr: seoulOffice, Authenticated: true})
				if err != nil || !d.Allowed() {
					t.Fatal(d, err)
				}
				n := login(id)
				n.Stamp = stamp
				if err := db.Sessions().Create(t.Context(), n); err != nil {
					t.Fatal(err)
				}
				return n
			}
			server := httptest.NewServer(h)
			defer server.Close()
			kim, lee := enter("kim"), enter("lee")
			b := startB(t, node{Redis: c.Options().Addr, Prefix: p, House: server.URL, Told: row.told, MaxStale: row.maxStale, Sessions: []session.Session{kim, lee}})

			order := h.sign(t, "lee") // the member is ended in the record of the member, and then
			if err := db.Sessions().Revoke(t.Context(), order); err != nil {
				t.Fatal(err)
			}
			if row.told {
				if err := db.TellMember(t.Context(), acme, "lee", order.Membership); err != nil {
					t.Fatal(err)
				}
			}
			b.refuses(t, "member's end", "lee", time.Now(), "session-cut")

			settings := policy.Settings{Access: policy.DesignatedAddresses, Designated: []policy.Entry{{Range: ipset.RangeOf(netip.MustParsePrefix("8.8.8.0/24"))}}}
			if _, err := eng.Save(t.Context(), engine.Save{Act: engine.Act{Tenant: acme, From: enrolled.Version}, Settings: settings}); err != nil {
				t.Fatal(err)
			}
			b.refuses(t, "tenant's cut", "kim", time.Now(), "session-cut")

			if live, err := alive(db.Sessions(), enter("kim")); !live {
				t.Errorf("a login after the cut does not live: %v", err)
			}
		})
	}
}

type child struct {
	lines chan string
	seen  map[string][]string
}

func startB(t *testing.T, n node) *child {
	t.Helper()
	config := must[[]byte](t)(json.Marshal(n))
	cmd := exec.Command(must[string](t)(os.Executable()), "-test.run", "^$")
	cmd.Env = append(os.Environ(), "SALLYPORT_NODE="+string(config))
	in := must[interface{ Close() error }](t)(cmd.StdinPipe())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	b := &child{make(chan string, 100), map[string][]string{}}
	go func() {
		defer close(b.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			b.lines <- s.Text()
		}
	}()
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("node B: %v\n%s", err, stderr.String())
		}
	})
	if line := <-b.lines; line != "ready" {
		t.Fatalf("node B says %q at first; want ready", line)
	}
	return b
}

// refuses waits until node B has refused a member's session, by Redis and by its engine. No
// look into Redis that began after the act was acknowledged may have found it live.
func (b *child) refuses(t *testing.T, what string, id member.ID, acknowledged time.Time, reason string) {
	t.Helper()
	deadline := time.After(time.Minute)
	for b.seen["engine "+string(id)] == nil || b.seen["redis "+string(id)] == nil {
		select {
		case line, ok := <-b.lines:
			f := strings.Fields(line)
			if !ok || len(f) < 5 || f[0] != "refused" {
				t.Fatalf("node B says %q", line)
			}
			b.seen[f[1]+" "+f[2]] = f[3:]
		case <-deadline:
			t.Fatalf("a minute after the %s node B has refused by %v", what, b.seen)
		}
	}
	var after [2]time.Duration
	for i, by := range []string{"redis", "engine"} {
		var ns int64
		fmt.Sscan(b.seen[by+" "+string(id)][0], &ns)
		after[i] = time.Unix(0, ns).Sub(acknowledged)
	}
	if got := strings.Join(b.seen["engine "+string(id)][1:], " "); !strings.HasPrefix(got, reason) {
		t.Errorf("the engine of node B refuses for %s; want %s", got, reason)
	}
	if got := b.seen["redis "+string(id)][1]; !strings.HasPrefix(got, "sign-out") {
		t.Errorf("Redis refuses node B for %s; want sign-out", got)
	}
	if after[0] > 0 {
		t.Errorf("%s: a look into Redis that began %v after it was acknowledged found the session live", what, after[0])
	}
	t.Logf("%s: node B found it live last %v after it was acknowledged by Redis, by its engine alone %v", what, after[0].Round(time.Microsecond), after[1].Round(time.Microsecond))
}

// A message that never comes, because Redis failed at that moment, does not fail the save.
func TestSaveIsNotHeldUp(t *testing.T) {
	direct := client(t, shared(t))
	p := newProxy(t, direct.Options().Addr)
	pre := prefix(t, direct)
	drawn(t, direct, pre)
	var told error
	db, err := redisstore.New(t.Context(), impatient(t, p.addr), &redisstore.Options{Prefix: pre, Failed: func(err error) { told = err }})
	if err != nil {
		t.Fatal(err)
	}
	store := db.Told(policy.NewMemStore())
	r := policy.Record{Tenant: acme, Version: session.NewLine()}
	p.set(silent)
	v, err := store.Save(t.Context(), session.Version{}, r, session.Event{ID: "e", Tenant: acme, At: time.Now(), Policy: r.Version}, nil)
	if v != r.Version || err != nil {
		t.Errorf("Save while Redis does not answer: %v, %v", v, err)
	}
	if told == nil || errors.Is(told, redisstore.ErrLost) {
		t.Errorf("Options.Failed was told %v", told)
	}
}

// A Watch goes on where it was when messages are lost, and tells what was told while it was
// not there.
func TestNothingToldIsMissed(t *testing.T) {
	direct := client(t, shared(t))
	p := newProxy(t, direct.Options().Addr)
	pre := prefix(t, direct)
	teller := drawn(t, direct, pre)
	hearer := open(t, impatient(t, p.addr), pre)
	heard := make(chan session.MemberID, 100)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		done <- hearer.FollowMembers(ctx, func(_ session.TenantID, id session.MemberID) { heard <- id })
	}()
	for i, f := range []fault{none, cut, silent, none} {
		id := session.MemberID(fmt.Sprint("member", i))
		p.set(f)
		if err := teller.TellMember(t.Context(), acme, id, session.Version{Line: 1, Number: uint64(i)}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
		p.set(none)
		for timeout := time.After(time.Minute); ; {
			select {
			case got := <-heard:
				if got != id {
					continue // told again
				}
			case <-timeout:
				t.Fatalf("a change that was told during fault %d was not heard", f)
			}
			break
		}
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("FollowMembers returns %v", err)
	}
}

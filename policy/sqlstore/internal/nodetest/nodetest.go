// Package nodetest runs processes of a service on one database for tests: it starts them,
// asks them, and has them, their networks and their servers fail.
package nodetest

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/policy/sqlstore"
	"github.com/sallyport-go/sallyport/session"
)

// Main runs the tests of a package that wait more than they work: twice as many beside each
// other as there are processors, unless -parallel says how many.
func Main(m *testing.M) {
	flag.Parse()
	told := false
	flag.Visit(func(f *flag.Flag) { told = told || f.Name == "test.parallel" })
	if !told {
		flag.Set("test.parallel", strconv.Itoa(2*runtime.GOMAXPROCS(0)))
	}
	os.Exit(m.Run())
}

// Job is what a process is told to be.
type Job struct {
	DSN      string
	Redis    string // address of the server that has the sessions; "": the database has them
	Prefix   string // of the store on that server
	MaxStale time.Duration
	Sessions bool   // its checks ask whether the session has ended
	Deaf     bool   // it hears of no change, and finds them within MaxStale
	Die      string // where it is killed: "before" its Revoker has told the host, or "after"; see Stores for others
}

// Ask is one request to a process, and Reply its answer.
type Ask struct {
	N       int // of the request
	Do      string
	Tenant  session.TenantID
	Member  member.ID
	ID      string          // of a save, which makes it repeatable
	From    session.Version // of a save; zero: whatever is there
	Number  int             // of the second designated range, which differs from save to save
	Session session.Session `json:",omitzero"`
	Next    session.ID      `json:",omitzero"`
	Wait    time.Duration   // the caller's deadline; 0: ten seconds
}

type Reply struct {
	N            int
	Told         *session.Order  // no reply: its Revoker was told
	Decision     string          // effect
	Reason       string          // of a decision
	Session      session.Session `json:",omitzero"` // that was begun
	Version      session.Version // of the record or of the account
	Cut          bool            // the save has signed somebody out
	Began, Ended time.Time       // by the clock that all processes of a machine share
	Err          string
	Conflict     bool
	Refused      bool // the act, by the rules
}

// Stores are what a process works on.
type Stores struct {
	DB       *sqlstore.DB
	Policies policy.Store  // those of DB, or what stands before them
	Sessions session.Store // of DB, or others

	// Revoke ends what an order means. nil: EndAll of Sessions does.
	Revoke func(context.Context, session.Order) error

	// Follow hears of changes of members until its context ends.
	Follow func(context.Context, func(session.TenantID, member.ID)) error

	// Tell tells other processes that a member has changed. nil: the database does.
	Tell func(context.Context, session.TenantID, member.ID, session.Version) error
}

// InDatabase returns the stores of a job for which the database is enough.
func InDatabase(db *sqlstore.DB) Stores {
	return Stores{DB: db, Policies: db.Policies(), Sessions: db.Sessions(), Follow: db.Members().Follow}
}

// service is a process as a host has it: engine, directory and sessions.
type service struct {
	Stores
	engine *engine.Engine
	dir    *directory.Directory
}

func newService(t testing.TB, j Job, s Stores, r session.Revoker) service {
	t.Helper()
	dir, err := directory.New(s.DB.Members(), s.DB.Members(), &directory.Options{Revoker: r, Prompt: -1})
	if err != nil {
		t.Fatal(err)
	}
	if j.Deaf {
		s.Policies = struct{ policy.Store }{s.Policies}
	}
	o := engine.Options{MaxStale: j.MaxStale, LoadTimeout: min(j.MaxStale, 2*time.Second), Revoker: r}
	if j.Sessions {
		o.Sessions = engine.SessionsOf(s.Sessions)
	}
	e, err := engine.New(policy.Standard(), s.Policies, dir, &o)
	if err != nil {
		t.Fatal(err)
	}
	return service{s, e, dir}
}

var (
	home = ipset.MustParseRange("1.208.0.0/16") // where everybody is
	addr = netip.MustParseAddr("1.208.0.1")
)

func (s service) answer(ctx context.Context, a Ask) (r Reply, err error) {
	switch a.Do {
	case "admit":
		d, stamp, err := s.engine.Admit(ctx, engine.Login{Tenant: a.Tenant, Member: a.Member, Client: session.Web, Addr: addr, Authenticated: true})
		r.Decision, r.Reason = d.Effect.String(), d.Reason.String()
		if d.Effect == policy.Allow {
			r.Session = Live(a.Tenant, a.Member, stamp)
			err = errors.Join(err, s.Sessions.Create(ctx, r.Session))
		}
		return r, err
	case "check":
		d, err := s.engine.Check(ctx, engine.Request{Tenant: a.Tenant, Member: a.Member, Session: a.Session.ID, Stamp: a.Session.Stamp, Addr: addr})
		r.Decision, r.Reason = d.Effect.String(), d.Reason.String()
		return r, err
	case "save": // of a list that loses what the last save had added, which ends all sessions
		now, err := s.engine.Settings(ctx, a.Tenant)
		if err != nil {
			return r, err
		}
		a.From = cmp.Or(a.From, now.Version)
		extra := ipset.RangeOf(netip.PrefixFrom(netip.AddrFrom4([4]byte{8, byte(a.Number >> 8), byte(a.Number), 0}), 24))
		saved, err := s.engine.Save(ctx, engine.Save{
			Act: engine.Act{Tenant: a.Tenant, ID: a.ID, From: a.From},
			Settings: policy.Settings{Access: policy.DesignatedAddresses, Designated: []policy.Entry{{Range: home}, {Range: extra}},
				Exceptions: []policy.Exception{}},
		})
		r.Version, r.Conflict, r.Cut = saved.Version, errors.Is(err, session.ErrConflict), saved.Change.SignOut != 0 || saved.Repeated
		return r, err
	case "remove":
		saved, err := s.engine.Remove(ctx, engine.Act{Tenant: a.Tenant, ID: a.ID})
		r.Version = saved.Version
		return r, err
	case "line":
		saved, err := s.engine.NewLine(ctx, engine.Act{Tenant: a.Tenant, ID: a.ID})
		r.Version = saved.Version
		return r, err
	case "suspend", "lift":
		do := s.dir.Suspend
		if a.Do == "lift" {
			do = s.dir.Lift
		}
		if err := do(ctx, "boss", a.Tenant, a.Member, "because"); err != nil {
			var refused *directory.RefusedError
			r.Refused = errors.As(err, &refused)
			return r, err
		}
		m, err := s.dir.Member(ctx, a.Tenant, a.Member)
		if err != nil {
			return r, err
		}
		r.Version = m.Version
		if s.Tell != nil {
			s.Tell(ctx, a.Tenant, a.Member, m.Version) // what is not told is found within MaxStale
		}
		return r, nil
	case "end":
		return r, s.Sessions.End(ctx, a.Tenant, a.Session.ID, time.Now(), "because")
	case "renew":
		return r, s.Sessions.Renew(ctx, a.Tenant, a.Session.ID, a.Next, time.Now())
	case "find":
		r.Session, err = s.Sessions.Find(ctx, a.Tenant, a.Session.ID)
		return r, err
	case "version":
		r.Version, err = s.DB.Policies().Version(ctx, a.Tenant)
		return r, err
	}
	return r, fmt.Errorf("a process cannot %q", a.Do)
}

// Child is the whole of TestNodeChild, a test that is a process of a service where Start
// has started it: it reads what to do, a line each, and answers. Elsewhere it does nothing.
func Child(t *testing.T, open func(testing.TB, Job) Stores) {
	var j Job
	if text := os.Getenv("SALLYPORT_NODE"); text == "" {
		return
	} else if err := json.Unmarshal([]byte(text), &j); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	say := func(r Reply) {
		line, err := json.Marshal(r)
		if err != nil {
			panic(err)
		}
		mu.Lock()
		defer mu.Unlock()
		os.Stdout.Write(append(append([]byte("> "), line...), '\n'))
	}
	stores := open(t, j)
	revoke := stores.Revoke
	if revoke == nil {
		revoke = func(ctx context.Context, o session.Order) error {
			_, err := stores.Sessions.EndAll(ctx, o, time.Now())
			return err
		}
	}
	s := newService(t, j, stores, Revoker(func(ctx context.Context, o session.Order) error {
		if j.Die == "before" {
			Die()
		}
		if err := revoke(ctx, o); err != nil {
			return err
		}
		say(Reply{Told: &o, Ended: time.Now()})
		if j.Die == "after" {
			Die()
		}
		return nil
	}))
	ctx := context.Background()
	go s.engine.Run(ctx)
	go s.dir.Run(ctx)
	if !j.Deaf {
		go s.Follow(ctx, s.engine.MemberChanged)
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var a Ask
		if err := json.Unmarshal(lines.Bytes(), &a); err != nil {
			panic(err)
		}
		go func() {
			ctx, cancel := context.WithTimeout(ctx, cmp.Or(a.Wait, 10*time.Second))
			defer cancel()
			began := time.Now()
			r, err := s.answer(ctx, a)
			r.N, r.Began, r.Ended = a.N, began, time.Now()
			if err != nil {
				r.Err = err.Error()
			}
			say(r)
		}()
	}
	os.Exit(0)
}

// Revoker is a session.Revoker that a function is.
type Revoker func(context.Context, session.Order) error

func (r Revoker) Revoke(ctx context.Context, o session.Order) error { return r(ctx, o) }

// Die kills this process.
func Die() {
	syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

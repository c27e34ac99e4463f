package sqlstore_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"strings"
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

// job is what a process of a service is told to be.
type job struct {
	DSN      string
	MaxStale time.Duration
	Sessions bool   // its checks ask whether the session has ended
	Deaf     bool   // it hears of no change by the database, and finds them within MaxStale
	Die      string // where its Revoker kills it: "before" it has told the host, or "after"
}

// ask is one request to a process, and reply its answer.
type ask struct {
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

type reply struct {
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
}

// service is a process as a host has it: engine, directory and sessions on one database.
type service struct {
	engine *engine.Engine
	dir    *directory.Directory
	stores *sqlstore.DB
}

func newService(t testing.TB, j job, r session.Revoker) service {
	stores := must[*sqlstore.DB](t)(sqlstore.New(open(t, "pgx", j.DSN), sqlstore.PostgreSQL))
	dir := must[*directory.Directory](t)(directory.New(stores.Members(), stores.Members(), &directory.Options{Revoker: r, Prompt: -1}))
	var policies policy.Store = stores.Policies()
	if j.Deaf {
		policies = struct{ policy.Store }{policies}
	}
	o := engine.Options{MaxStale: j.MaxStale, LoadTimeout: min(j.MaxStale, 2*time.Second), Revoker: r}
	if j.Sessions {
		o.Sessions = engine.SessionsOf(stores.Sessions())
	}
	e := must[*engine.Engine](t)(engine.New(policy.Standard(), policies, dir, &o))
	return service{e, dir, stores}
}

var home = ipset.MustParseRange("1.208.0.0/16") // where everybody is

func (s service) answer(ctx context.Context, a ask) (r reply, err error) {
	switch a.Do {
	case "admit":
		d, stamp, err := s.engine.Admit(ctx, engine.Login{Tenant: a.Tenant, Member: a.Member, Client: session.Web, Addr: addr, Authenticated: true})
		r.Decision, r.Reason = d.Effect.String(), d.Reason.String()
		if d.Effect == policy.Allow {
			r.Session = live(a.Tenant, a.Member, stamp)
			err = errors.Join(err, s.stores.Sessions().Create(ctx, r.Session))
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
		if a.From == (session.Version{}) {
			a.From = now.Version
		}
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
	case "suspend", "lift":
		do := s.dir.Suspend
		if a.Do == "lift" {
			do = s.dir.Lift
		}
		if err := do(ctx, "boss", a.Tenant, a.Member, "because"); err != nil {
			return r, err
		}
		m, err := s.dir.Member(ctx, a.Tenant, a.Member)
		if err == nil {
			r.Version = m.Version
		}
		return r, err
	case "end":
		return r, s.stores.Sessions().End(ctx, a.Tenant, a.Session.ID, time.Now(), "because")
	case "renew":
		return r, s.stores.Sessions().Renew(ctx, a.Tenant, a.Session.ID, a.Next, time.Now())
	case "find":
		r.Session, err = s.stores.Sessions().Find(ctx, a.Tenant, a.Session.ID)
		return r, err
	case "version":
		r.Version, err = s.stores.Policies().Version(ctx, a.Tenant)
		return r, err
	}
	return r, fmt.Errorf("a process cannot %q", a.Do)
}

// TestNodeChild is a process of a service. It reads what to do, a line each, and answers.
func TestNodeChild(t *testing.T) {
	var j job
	if text := os.Getenv("SALLYPORT_NODE"); text == "" {
		return // it is no child
	} else if err := json.Unmarshal([]byte(text), &j); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	say := func(r reply) {
		line, err := json.Marshal(r)
		if err != nil {
			panic(err)
		}
		mu.Lock()
		defer mu.Unlock()
		os.Stdout.Write(append(append([]byte("> "), line...), '\n'))
	}
	var s service
	s = newService(t, j, revoker(func(ctx context.Context, o session.Order) error {
		if j.Die == "before" {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
		if _, err := s.stores.Sessions().EndAll(ctx, o, time.Now()); err != nil {
			return err
		}
		say(reply{Told: &o, Ended: time.Now()})
		if j.Die == "after" {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
		return nil
	}))
	ctx := context.Background()
	go s.engine.Run(ctx)
	go s.dir.Run(ctx)
	if !j.Deaf {
		go s.stores.Members().Follow(ctx, s.engine.MemberChanged)
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var a ask
		if err := json.Unmarshal(lines.Bytes(), &a); err != nil {
			panic(err)
		}
		go func() {
			if a.Wait == 0 {
				a.Wait = 10 * time.Second
			}
			ctx, cancel := context.WithTimeout(ctx, a.Wait)
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

type revoker func(context.Context, session.Order) error

func (r revoker) Revoke(ctx context.Context, o session.Order) error { return r(ctx, o) }

// process is a process of a service, as the test sees it.
type process struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	gone chan struct{} // closed when it has ended
	told func(session.Order, time.Time)

	mu      sync.Mutex
	n       int
	waiting map[int]chan reply
}

// start starts a process, which tells of each order that its host is told of.
func start(t testing.TB, j job, told func(session.Order, time.Time)) *process {
	t.Helper()
	p := &process{cmd: exec.Command(os.Args[0], "-test.run=^TestNodeChild$"), gone: make(chan struct{}), told: told, waiting: map[int]chan reply{}}
	p.cmd.Env = append(os.Environ(), "SALLYPORT_NODE="+string(must[[]byte](t)(json.Marshal(j))))
	p.cmd.Stderr = os.Stderr
	p.in = must[io.WriteCloser](t)(p.cmd.StdinPipe())
	out := must[io.ReadCloser](t)(p.cmd.StdoutPipe())
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Buffer(nil, 1<<20); lines.Scan(); {
			var r reply
			if text := lines.Bytes(); len(text) < 2 || text[0] != '>' || json.Unmarshal(text[2:], &r) != nil {
				fmt.Fprintf(os.Stderr, "a process says: %s\n", text)
				continue
			}
			if r.Told != nil {
				if p.told != nil {
					p.told(*r.Told, r.Ended)
				}
				continue
			}
			p.mu.Lock()
			c := p.waiting[r.N]
			delete(p.waiting, r.N)
			p.mu.Unlock()
			c <- r
		}
		p.cmd.Wait()
		close(p.gone)
	}()
	t.Cleanup(p.kill)
	return p
}

// kill ends a process at once, and waits until it has ended.
func (p *process) kill() {
	p.cmd.Process.Signal(syscall.SIGKILL)
	<-p.gone
}

var errGone = "the process is gone"

// ask asks a process and waits for its answer, or until it is gone.
func (p *process) ask(a ask) reply {
	answer := make(chan reply, 1)
	p.mu.Lock()
	p.n++
	a.N = p.n
	p.waiting[a.N] = answer
	line, err := json.Marshal(a)
	if err == nil {
		_, err = p.in.Write(append(line, '\n'))
	}
	p.mu.Unlock()
	if err != nil {
		return reply{Err: errGone}
	}
	select {
	case r := <-answer:
		return r
	case <-p.gone:
		select {
		case r := <-answer: // it came before the end
			return r
		default:
			return reply{Err: errGone}
		}
	}
}

// do is ask, for what must succeed.
func (p *process) do(t testing.TB, a ask) reply {
	t.Helper()
	r := p.ask(a)
	if r.Err != "" {
		t.Fatalf("%s: %s", a.Do, r.Err)
	}
	return r
}

// late reports whether a process refused only because it waited so long for the database,
// as it must on a machine that has too much to do. It wrongs nobody.
func (r reply) late() bool { return strings.HasSuffix(r.Reason, "-stale") }

// login begins a session on a process, in as many tries as it takes.
func (p *process) login(t testing.TB, of session.TenantID, m member.ID) session.Session {
	t.Helper()
	for {
		r := p.ask(ask{Do: "admit", Tenant: of, Member: m})
		if r.late() {
			continue
		}
		if r.Err != "" || r.Decision != "allow" {
			t.Fatalf("a login of %s: %s [%s] %s", m, r.Decision, r.Reason, r.Err)
		}
		return r.Session
	}
}

// check asks a process about a request of a session, in as many tries as it takes.
func (p *process) check(t testing.TB, s session.Session) reply {
	t.Helper()
	for {
		r := p.ask(ask{Do: "check", Tenant: s.Tenant, Member: s.Member, Session: s})
		if r.late() {
			continue
		}
		if r.Err != "" {
			t.Fatalf("check: %s", r.Err)
		}
		return r
	}
}

// populated makes a tenant, with the super admin boss and some members.
func populated(t testing.TB, s *sqlstore.DB, of session.TenantID, members ...member.ID) {
	t.Helper()
	n := newNode(t, s, staff{}, nil)
	if _, err := n.Enroll(t.Context(), engine.Enrollment{Tenant: of, Settings: policy.Settings{
		Access: policy.DesignatedAddresses, Designated: []policy.Entry{{Range: home}, {Range: ipset.MustParseRange("8.255.255.0/24")}},
	}}); err != nil {
		t.Fatal(err)
	}
	for _, id := range append(members, "boss") {
		for _, x := range []directory.Act{directory.Create, directory.SetPassword} {
			if _, err := act(t.Context(), s, x, of, id, directory.Facts{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := act(t.Context(), s, directory.GiveRole, of, "boss", directory.Facts{Role: directory.Role{Name: directory.SuperAdmin}}); err != nil {
		t.Fatal(err)
	}
}

package nodetest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/session"
)

// Process is a process of a service, as the test sees it. It is safe for concurrent use.
type Process struct {
	Gone chan struct{} // closed when it has ended

	cmd  *exec.Cmd
	in   io.WriteCloser
	told func(session.Order, time.Time)

	mu      sync.Mutex
	n       int
	waiting map[int]chan Reply
}

// Start starts a process, which tells of each order that its host is told of. The program
// of the test has a TestNodeChild, which calls Child.
func Start(t testing.TB, j Job, told func(session.Order, time.Time)) *Process {
	t.Helper()
	config, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	p := &Process{cmd: exec.Command(os.Args[0], "-test.run=^TestNodeChild$"), Gone: make(chan struct{}), told: told, waiting: map[int]chan Reply{}}
	p.cmd.Env = append(os.Environ(), "SALLYPORT_NODE="+string(config))
	p.cmd.Stderr = os.Stderr
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Buffer(nil, 1<<20); lines.Scan(); {
			var r Reply
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
		close(p.Gone)
	}()
	t.Cleanup(p.Kill)
	return p
}

// Kill ends a process at once, and waits until it has ended.
func (p *Process) Kill() {
	p.cmd.Process.Signal(syscall.SIGKILL)
	<-p.Gone
}

// Stop has a process stand still until Go.
func (p *Process) Stop() { p.cmd.Process.Signal(syscall.SIGSTOP) }

func (p *Process) Go() { p.cmd.Process.Signal(syscall.SIGCONT) }

const errGone = "the process is gone"

// Ask asks a process and waits for its answer, or until it is gone.
func (p *Process) Ask(a Ask) Reply {
	answer := make(chan Reply, 1)
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
		return Reply{Err: errGone}
	}
	select {
	case r := <-answer:
		return r
	case <-p.Gone:
		select {
		case r := <-answer: // it came before the end
			return r
		default:
			return Reply{Err: errGone}
		}
	}
}

// Do is Ask, for what must succeed.
func (p *Process) Do(t testing.TB, a Ask) Reply {
	t.Helper()
	r := p.Ask(a)
	if r.Err != "" {
		t.Fatalf("%s: %s", a.Do, r.Err)
	}
	return r
}

// Late reports whether a process refused only because it waited so long for a server, as
// it must on a machine that has too much to do. It wrongs nobody, and does not last, as it
// would where data was lost.
func (r Reply) Late() bool {
	return strings.HasSuffix(r.Reason, "-stale") && !strings.Contains(r.Err, "data was lost")
}

// Login begins a session on a process, in as many tries as it takes.
func (p *Process) Login(t testing.TB, of session.TenantID, m member.ID) session.Session {
	t.Helper()
	for {
		r := p.Ask(Ask{Do: "admit", Tenant: of, Member: m})
		if r.Late() {
			continue
		}
		if r.Err != "" || r.Decision != "allow" {
			t.Fatalf("a login of %s: %s [%s] %s", m, r.Decision, r.Reason, r.Err)
		}
		return r.Session
	}
}

// Check asks a process about a request of a session, in as many tries as it takes.
func (p *Process) Check(t testing.TB, s session.Session) Reply {
	t.Helper()
	for {
		r := p.Ask(Ask{Do: "check", Tenant: s.Tenant, Member: s.Member, Session: s})
		if r.Late() {
			continue
		}
		if r.Err != "" {
			t.Fatalf("check: %s", r.Err)
		}
		return r
	}
}

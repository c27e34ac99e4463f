package sqlstore_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/sqlstore"
	"github.com/sallyport-go/sallyport/session"
)

// cluster is a PostgreSQL of a test's own, which it may kill.
type cluster struct {
	dir, bin string
	as       *syscall.Credential // nil: who runs the test
}

// clustered makes a cluster and starts it. PostgreSQL runs as nobody's root: as the user
// postgres, if the test is root's.
func clustered(t testing.TB) *cluster {
	t.Helper()
	server(t) // skips or fails where there is no PostgreSQL
	c := &cluster{}
	if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb"); len(found) > 0 {
		c.bin = filepath.Dir(found[len(found)-1])
	} else if path, err := exec.LookPath("initdb"); err == nil {
		c.bin = filepath.Dir(path)
	} else if os.Getenv("CI") == "true" {
		t.Fatal("no initdb")
	} else {
		t.Skip("no initdb: install PostgreSQL's server programs")
	}
	var err error
	if c.dir, err = os.MkdirTemp("", "pg"); err != nil { // short: the path of a socket must be
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(c.dir) })
	if os.Getuid() == 0 {
		u := must[*user.User](t)(user.Lookup("postgres"))
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		c.as = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if err := os.Chown(c.dir, uid, gid); err != nil {
			t.Fatal(err)
		}
	}
	// Nobody cuts the power; what is killed leaves its writes to the kernel.
	err = errors.Join(c.run("initdb", "-D", c.data(), "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync"), c.start())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.kill()
		if t.Failed() {
			t.Logf("the server wrote:\n%s", c.log())
		}
	})
	return c
}

func (c *cluster) data() string { return filepath.Join(c.dir, "data") }

func (c *cluster) run(name string, args ...string) error {
	cmd := exec.Command(filepath.Join(c.bin, name), args...)
	cmd.Dir, cmd.SysProcAttr = c.dir, &syscall.SysProcAttr{Credential: c.as}
	log, err := os.Create(filepath.Join(c.dir, name+".out")) // and no pipe, which the server would keep open
	if err != nil {
		return err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Run(); err != nil {
		out, _ := os.ReadFile(log.Name())
		return fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	return nil
}

// start returns when the server answers; if it does not, with what the server has written.
func (c *cluster) start() error {
	err := c.run("pg_ctl", "-D", c.data(), "-l", filepath.Join(c.data(), "log"), "-w", "-t", "300", "-o",
		"-c listen_addresses='' -c unix_socket_directories="+c.dir+" -c fsync=off -c max_connections=200", "start")
	if err == nil {
		err = ping(c.dsn())
	}
	if err != nil {
		return fmt.Errorf("%w\n%s", err, c.log())
	}
	return nil
}

func (c *cluster) log() []byte {
	log, _ := os.ReadFile(filepath.Join(c.data(), "log"))
	return log
}

// kill ends the server at once, without writing what it has in memory.
func (c *cluster) kill() error { return c.run("pg_ctl", "-D", c.data(), "-m", "immediate", "stop") }

func (c *cluster) dsn() string { return "postgres://postgres@/postgres?host=" + c.dir }

// The server is killed in the middle of saves and started again. What was acknowledged is
// there, what is there is whole, and a save that failed is repeated by its id.
func TestGuarantee19ServerKilledInTheMiddle(t *testing.T) {
	lengthy(t)
	c := clustered(t)
	s := migrated(t, open(t, "pgx", c.dsn()), sqlstore.PostgreSQL)
	saved, failed := uint64(0), 0
	for round := range 3 {
		until := saved + 5
		killed := make(chan error, 1)
		for killing := false; ; {
			r := record(acme, saved+1)
			err := save(t.Context(), s, r)
			if err == nil {
				saved++
				if killing {
					continue // until one fails
				}
				if is := must[session.Version](t)(s.Policies().Version(t.Context(), acme)); is != r.Version {
					t.Fatalf("%v was acknowledged, and the record is at %v", r.Version, is)
				}
			}
			if saved >= until && !killing {
				killing = true
				go func() { killed <- c.kill() }()
			}
			if err != nil {
				failed++
				break
			}
		}
		if err := errors.Join(<-killed, c.start()); err != nil {
			t.Fatal(err)
		}
		r := record(acme, saved+1)
		var err error
		for range 20 { // the pool may hold connections of the server that was
			if err = save(t.Context(), s, r); err == nil {
				break
			}
		}
		if err != nil {
			t.Fatalf("after the server is back: %v", err)
		}
		saved++
		is := look(t, s, acme)
		is.whole(t, fmt.Sprintf("killed %d times", round+1))
		if is.number != saved {
			t.Fatalf("%d was acknowledged, and the record is at %d", saved, is.number)
		}
	}
	t.Logf("the server was killed three times in %d saves, of which %d failed and were repeated", saved, failed)
}

// The server is killed while two processes decide. No copy decides beyond the bound, and
// with the server back the first good answer mends it.
func TestGuarantee22ServerKilledUnderTwoProcesses(t *testing.T) {
	lengthy(t)
	c := clustered(t)
	populated(t, migrated(t, open(t, "pgx", c.dsn()), sqlstore.PostgreSQL), acme, "kim")
	const bound = time.Second
	var all []*process
	for range 2 {
		all = append(all, start(t, job{DSN: c.dsn(), MaxStale: bound}, nil))
	}
	one := all[0].login(t, acme, "kim")
	for _, p := range all {
		if r := p.check(t, one); r.Decision != "allow" {
			t.Fatalf("before: %s [%s]", r.Decision, r.Reason)
		}
	}
	if err := c.kill(); err != nil {
		t.Fatal(err)
	}
	down := time.Now()
	for i, p := range all {
		for {
			r := p.ask(ask{Do: "check", Tenant: acme, Member: "kim", Session: one})
			if r.Decision == "deny" && slices.Contains([]string{policy.ReasonPolicyStale.String(), policy.ReasonMemberStale.String()}, r.Reason) {
				break
			}
			if r.Decision != "allow" || r.Began.Sub(down) > bound {
				t.Fatalf("process %d, %v after the server was killed: %s [%s] %s", i, r.Began.Sub(down), r.Decision, r.Reason, r.Err)
			}
			time.Sleep(10 * time.Millisecond)
		}
		if r := p.ask(ask{Do: "admit", Tenant: acme, Member: "kim"}); r.Decision != "deny" {
			t.Errorf("process %d lets somebody in while it cannot know: %s [%s]", i, r.Decision, r.Reason)
		}
	}
	if err := c.start(); err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		for p.ask(ask{Do: "check", Tenant: acme, Member: "kim", Session: one}).Decision != "allow" {
			time.Sleep(10 * time.Millisecond)
		}
	}
}

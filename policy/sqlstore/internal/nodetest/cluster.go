package nodetest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// Cluster is a PostgreSQL of a test's own, which it may kill. Others do not meet it: it
// listens on a socket in a folder of its own.
type Cluster struct {
	dir, bin string
	as       *syscall.Credential // nil: who runs the test
}

// Clustered makes a cluster and starts it. PostgreSQL runs as nobody's root: as the user
// postgres, if the test is root's.
func Clustered(t testing.TB) *Cluster {
	t.Helper()
	Server(t) // skips or fails where there is no PostgreSQL
	c := &Cluster{}
	if path, err := exec.LookPath("initdb"); err == nil { // before others, so that PATH chooses the version
		if path, err = filepath.EvalSymlinks(path); err != nil {
			t.Fatal(err)
		}
		c.bin = filepath.Dir(path)
	} else if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb"); len(found) > 0 {
		c.bin = filepath.Dir(found[len(found)-1])
	} else if os.Getenv("CI") == "true" {
		t.Fatal("no initdb")
	} else {
		t.Skip("no initdb: install PostgreSQL's server programs")
	}
	if os.Getuid() == 0 {
		u, err := user.Lookup("postgres")
		if err != nil {
			t.Fatal(err)
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		c.as = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	c.begin(t, func() error {
		// Nobody cuts the power; what is killed leaves its writes to the kernel.
		return c.run("initdb", "-D", c.data(), "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync")
	})
	return c
}

// Standby makes a standby of the cluster and starts it.
func (c *Cluster) Standby(t testing.TB) *Cluster {
	t.Helper()
	s := &Cluster{bin: c.bin, as: c.as}
	s.begin(t, func() error {
		return s.run("pg_basebackup", "-h", c.dir, "-U", "postgres", "-D", s.data(), "-R", "--no-sync", "-c", "fast")
	})
	return s
}

// begin makes the folder of a cluster, has its data made there, and starts it.
func (c *Cluster) begin(t testing.TB, data func() error) {
	t.Helper()
	var err error
	if c.dir, err = os.MkdirTemp("", "pg"); err != nil { // short: the path of a socket must be
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(c.dir) })
	if c.as != nil {
		err = os.Chown(c.dir, int(c.as.Uid), int(c.as.Gid))
	}
	if err == nil {
		err = data()
	}
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Kill()
		if t.Failed() {
			t.Logf("the server wrote:\n%s", c.log())
		}
	})
}

func (c *Cluster) data() string { return filepath.Join(c.dir, "data") }

func (c *Cluster) run(name string, args ...string) error {
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

// Start returns when the server answers; if it does not, with what the server has written.
func (c *Cluster) Start() error {
	err := c.run("pg_ctl", "-D", c.data(), "-l", filepath.Join(c.data(), "log"), "-w", "-t", "300", "-o",
		"-c listen_addresses='' -c unix_socket_directories="+c.dir+" -c fsync=off -c max_connections=200", "start")
	if err == nil {
		err = Ping(c.DSN())
	}
	if err != nil {
		return fmt.Errorf("%w\n%s", err, c.log())
	}
	return nil
}

func (c *Cluster) log() []byte {
	log, _ := os.ReadFile(filepath.Join(c.data(), "log"))
	return log
}

// Kill ends the server at once, without writing what it has in memory.
func (c *Cluster) Kill() error { return c.run("pg_ctl", "-D", c.data(), "-m", "immediate", "stop") }

// DSN returns the address of the database that the tests use.
func (c *Cluster) DSN() string { return "postgres://postgres@/postgres?host=" + c.dir }

// Admin returns the address of another database of the cluster, for what cannot be done to
// one from within it.
func (c *Cluster) Admin() string { return "postgres://postgres@/template1?host=" + c.dir }

// Killed is a fault: the server is killed and started again.
func (c *Cluster) Killed(r *Run) {
	r.Count("PostgreSQL killed")
	err := c.Kill()
	AWhile()
	if err := errors.Join(err, c.Start()); err != nil {
		r.Errorf("%v", err)
	}
}

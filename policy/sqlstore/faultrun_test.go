package sqlstore_test

import (
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy/sqlstore"
	"github.com/sallyport-go/sallyport/policy/sqlstore/internal/nodetest"
	"github.com/sallyport-go/sallyport/session"
)

// TestNodeChild is a process of a service; see nodetest.Start.
func TestNodeChild(t *testing.T) {
	nodetest.Child(t, func(t testing.TB, j nodetest.Job) nodetest.Stores {
		return nodetest.InDatabase(must[*sqlstore.DB](t)(sqlstore.New(open(t, "pgx", j.DSN), sqlstore.PostgreSQL)))
	})
}

// Three processes on one PostgreSQL, with faults throughout: no session that should be dead
// is let in beyond the bound, and nothing that was acknowledged is lost. SALLYPORT_RUN=10m
// for ten minutes of it.
func TestGuarantee14And19NothingDeadLivesWhateverFails(t *testing.T) {
	lengthy(t)
	t.Parallel()
	c := nodetest.Clustered(t)
	r := &nodetest.Run{Stores: migrated(t, open(t, "pgx", c.DSN()), sqlstore.PostgreSQL), Faults: []func(*nodetest.Run){
		nodetest.ThrowOut(c.DSN()), c.Killed,
	}}
	for i := range r.Jobs {
		x, dsn := nodetest.ProxiedDatabase(t, c.DSN())
		r.Jobs[i].DSN, r.Networks[i] = dsn, []*nodetest.Proxy{x}
	}
	r.Do(t)
}

// What the tests of processes ask of one; see nodetest.Process.
type (
	job     = nodetest.Job
	ask     = nodetest.Ask
	reply   = nodetest.Reply
	process struct{ *nodetest.Process }
)

func start(t testing.TB, j job, told func(session.Order, time.Time)) *process {
	return &process{nodetest.Start(t, j, told)}
}

func (p *process) ask(a ask) reply                             { return p.Ask(a) }
func (p *process) check(t testing.TB, s session.Session) reply { return p.Check(t, s) }
func (p *process) login(t testing.TB, of session.TenantID, m member.ID) session.Session {
	return p.Login(t, of, m)
}

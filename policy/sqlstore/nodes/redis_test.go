package nodes

import (
	"database/sql"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy/sqlstore/internal/nodetest"
	"github.com/sallyport-go/sallyport/session"
)

// alive reports whether the store that all processes share has a session that lives.
func alive(t testing.TB, s nodetest.Stores, one session.Session) bool {
	t.Helper()
	found, err := s.Sessions.Find(t.Context(), one.Tenant, one.ID)
	if err != nil && !errors.Is(err, session.ErrNotFound) {
		t.Fatal(err)
	}
	return err == nil && found.Live(time.Now())
}

// A process whose network to Redis hangs saves, and is stopped before it has told Redis of
// its cut. Another cuts again. When the first goes on, and every order has been told, the
// later cut stands, and has ended nobody who came after it.
func TestGuarantee17ALateCutMovesNothingBack(t *testing.T) {
	lengthy(t)
	j, s, db := place{redis: true}.house(t, nodetest.Job{MaxStale: time.Minute}, "kim")
	x := nodetest.Proxied(t, "tcp", j.Redis)
	far := j
	far.Redis = x.Addr
	slow, other := nodetest.Start(t, far, nil), nodetest.Start(t, j, nil)
	slow.Login(t, acme, "kim")
	old := other.Login(t, acme, "kim")
	x.Fail(nodetest.Hangs, 0)
	late := make(chan nodetest.Reply, 1)
	go func() { late <- slow.Ask(nodetest.Ask{Do: "save", Tenant: acme, ID: "late", Number: 1}) }()
	for must[session.Version](t)(s.DB.Policies().Version(t.Context(), acme)) == old.Stamp.Policy {
		time.Sleep(time.Millisecond)
	}
	slow.Stop()
	cut := other.Do(t, nodetest.Ask{Do: "save", Tenant: acme, ID: "later", Number: 2})
	if alive(t, s, old) {
		t.Error("a session from before both cuts lives in Redis after the second")
	}
	fresh := other.Login(t, acme, "kim")
	if fresh.Stamp.Policy != cut.Version || cut.Version.Number != old.Stamp.Policy.Number+2 {
		t.Fatalf("old sessions are stamped %v, the second cut is at %v, and new sessions are stamped %v", old.Stamp.Policy, cut.Version, fresh.Stamp.Policy)
	}
	x.Heal()
	slow.Go()
	if r := <-late; r.Err != "" {
		t.Errorf("the save that was stopped: %s", r.Err)
	}
	for waiting(t, db) > 0 {
		time.Sleep(time.Millisecond)
	}
	if alive(t, s, old) || !alive(t, s, fresh) {
		t.Errorf("at the end the old session lives %v, and the new one %v", alive(t, s, old), alive(t, s, fresh))
	}
	for i, p := range []*nodetest.Process{slow, other} {
		if r := p.Check(t, fresh); r.Decision != "allow" {
			t.Errorf("process %d, a session from after the cuts: %s [%s]", i, r.Decision, r.Reason)
		}
		if r := p.Check(t, old); r.Decision != "deny" {
			t.Errorf("process %d, a session from before the cuts: %s", i, r.Decision)
		}
	}
}

// The database is restored from a backup, beside a Redis that is newer. A process that has
// seen nothing before lets in no session that was ended since, and none that began since;
// when somebody has drawn new lines, of the tenant and of the sessions, all log in again.
func TestGuarantee17DatabaseRestoredBesideRedis(t *testing.T) {
	lengthy(t)
	j, _, db := place{redis: true}.house(t, nodetest.Job{MaxStale: time.Second}, "kim", "lee")
	run := func(statement string) {
		t.Helper()
		for _, table := range []string{"policies", "saves", "orders", "members", "rosters", "events", "failures"} {
			if _, err := db.Exec(strings.ReplaceAll(statement, "TABLE_", table)); err != nil {
				t.Fatal(err)
			}
		}
	}
	p := nodetest.Start(t, j, nil)
	sessions := map[string]session.Session{"cut since": p.Login(t, acme, "kim"), "of a member who was suspended since": p.Login(t, acme, "lee")}
	run("CREATE TABLE backup_TABLE_ AS TABLE sallyport_TABLE_")
	p.Do(t, nodetest.Ask{Do: "suspend", Tenant: acme, Member: "lee"})
	for told := false; !told; time.Sleep(time.Millisecond) { // Redis, by the order
		told = p.Do(t, nodetest.Ask{Do: "find", Tenant: acme, Session: sessions["of a member who was suspended since"]}).Session.Why != ""
	}
	p.Do(t, nodetest.Ask{Do: "save", Tenant: acme, ID: "cut"})
	sessions["begun since"] = p.Login(t, acme, "kim")
	p.Kill()
	run("DELETE FROM sallyport_TABLE_")
	run("INSERT INTO sallyport_TABLE_ OVERRIDING SYSTEM VALUE SELECT * FROM backup_TABLE_")

	p = nodetest.Start(t, j, nil)
	none := func(when string) {
		t.Helper()
		for what, s := range sessions {
			if r := p.Ask(nodetest.Ask{Do: "check", Tenant: acme, Member: s.Member, Session: s}); r.Decision != "deny" {
				t.Errorf("%s, a session that was %s: %s", when, what, r.Decision)
			} else {
				t.Logf("%s, a session that was %s: [%s]", when, what, r.Reason)
			}
		}
	}
	none("restored")
	p.Do(t, nodetest.Ask{Do: "line", Tenant: acme, ID: "restored"})
	draw(t, client(t, j.Redis), j.Prefix)
	none("on new lines")
	for _, m := range []member.ID{"kim", "lee"} {
		if r := p.Check(t, p.Login(t, acme, m)); r.Decision != "allow" {
			t.Errorf("on new lines, a new session of %s: %s [%s]", m, r.Decision, r.Reason)
		}
	}
	none("afterwards")
}

// waiting returns how many orders of the policies the host is still to be told.
func waiting(t testing.TB, db *sql.DB) (n int) {
	t.Helper()
	if err := db.QueryRow("SELECT count(*) FROM sallyport_orders WHERE outbox = 'policies'").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// A process is killed when the database has its save and Redis has not. The cut holds on
// every process, as the record says; another tells Redis what is left to tell.
func TestGuarantee19KilledBetweenDatabaseAndRedis(t *testing.T) {
	lengthy(t)
	const bound = time.Second
	j, s, db := place{redis: true}.house(t, nodetest.Job{MaxStale: bound}, "kim")
	dying := j
	dying.Die = "between"
	other := nodetest.Start(t, j, nil)
	old := other.Login(t, acme, "kim")
	p := nodetest.Start(t, dying, nil)
	p.Ask(nodetest.Ask{Do: "save", Tenant: acme, ID: "cut"})
	<-p.Gone
	at := time.Now()
	saved := must[session.Version](t)(s.DB.Policies().Version(t.Context(), acme))
	refused(t, other, old, at, bound)
	if fresh := other.Login(t, acme, "kim"); fresh.Stamp.Policy != saved {
		t.Errorf("a login after it is stamped %v; want %v", fresh.Stamp.Policy, saved)
	}
	for waiting(t, db) > 0 { // a minute passes, in case the dead one has taken it
		if _, err := db.Exec("UPDATE sallyport_orders SET due = clock_timestamp()"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
	}
	if alive(t, s, old) {
		t.Error("the order was told, and the session lives in Redis")
	}
}

// Redis is killed under two processes. Nobody is let in on a session that cannot be looked
// up, nor signed out for it; with Redis back, everybody goes on.
func TestGuarantee22RedisKilledUnderTwoProcesses(t *testing.T) {
	lengthy(t)
	redis := serve(t)
	all, _, _ := place{redis: true}.spread(t, 2, nodetest.Job{Redis: redis.addr, MaxStale: time.Second}, "kim", "lee")
	one, ended := all[0].Login(t, acme, "kim"), all[0].Login(t, acme, "lee")
	all[0].Do(t, nodetest.Ask{Do: "end", Tenant: acme, Session: ended})
	redis.kill()
	check := func(p *nodetest.Process, s session.Session) nodetest.Reply {
		return p.Ask(nodetest.Ask{Do: "check", Tenant: acme, Member: s.Member, Session: s})
	}
	for i, p := range all {
		for _, s := range []session.Session{one, ended} {
			if r := check(p, s); r.Decision != "deny" || r.Reason != "member-stale" {
				t.Errorf("process %d, without Redis: %s [%s] %s", i, r.Decision, r.Reason, r.Err)
			}
		}
		if r := p.Ask(nodetest.Ask{Do: "admit", Tenant: acme, Member: "kim"}); r.Err == "" {
			t.Errorf("process %d begins a session without Redis", i)
		}
	}
	for i, p := range all { // who administers is not held up: the record is in the database
		if r := p.Ask(nodetest.Ask{Do: "suspend", Tenant: acme, Member: "kim"}); r.Err != "" {
			t.Errorf("process %d suspends nobody without Redis: %s", i, r.Err)
		}
		if r := p.Ask(nodetest.Ask{Do: "lift", Tenant: acme, Member: "kim"}); r.Err != "" {
			t.Errorf("process %d lifts nothing without Redis: %s", i, r.Err)
		}
	}
	at := time.Now()
	if err := redis.start(); err != nil {
		t.Fatal(err)
	}
	for i, p := range all {
		r := check(p, ended)
		for ; r.Late(); r = check(p, ended) { // connections that are broken yet
			time.Sleep(10 * time.Millisecond)
		}
		if r.Decision != "deny" || r.Reason != "session-ended" {
			t.Errorf("process %d, with Redis back, a session that was ended before: %s [%s]", i, r.Decision, r.Reason)
		}
		refused(t, p, one, at, time.Second) // who was suspended meanwhile
		if r := p.Check(t, p.Login(t, acme, "kim")); r.Decision != "allow" {
			t.Errorf("process %d, with Redis back, a new session: %s [%s]", i, r.Decision, r.Reason)
		}
	}
}

// Redis is emptied under three processes. All refuse, also one that saw nothing before, and
// none signs anybody in, until somebody draws a new line; then all go on.
func TestGuarantee23FlushedUnderThreeProcesses(t *testing.T) {
	lengthy(t)
	redis := serve(t)
	j, _, _ := place{redis: true}.house(t, nodetest.Job{Redis: redis.addr, MaxStale: time.Second}, "kim")
	all := []*nodetest.Process{nodetest.Start(t, j, nil), nodetest.Start(t, j, nil)}
	old := all[0].Login(t, acme, "kim")
	for _, p := range all {
		if r := p.Check(t, old); r.Decision != "allow" {
			t.Fatalf("before: %s [%s]", r.Decision, r.Reason)
		}
	}
	c := client(t, redis.addr)
	if err := c.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	all = append(all, nodetest.Start(t, j, nil))
	for i, p := range all {
		if r := p.Ask(nodetest.Ask{Do: "check", Tenant: acme, Member: "kim", Session: old}); r.Decision != "deny" || r.Reason != "member-stale" {
			t.Errorf("process %d, after the flush: %s [%s]", i, r.Decision, r.Reason)
		}
		if r := p.Ask(nodetest.Ask{Do: "admit", Tenant: acme, Member: "kim"}); r.Err == "" {
			t.Errorf("process %d begins a session in an empty store", i)
		}
	}
	draw(t, c, j.Prefix)
	for i, p := range all {
		if r := p.Check(t, old); r.Decision != "deny" || r.Reason != "session-unknown" {
			t.Errorf("process %d, on the new line, an old session: %s [%s]", i, r.Decision, r.Reason)
		}
		if r := p.Check(t, p.Login(t, acme, "kim")); r.Decision != "allow" {
			t.Errorf("process %d, on the new line, a new session: %s [%s]", i, r.Decision, r.Reason)
		}
	}
}

// Redis hangs. Nobody waits past their deadline, and an administrator's save not for Redis.
func TestGuarantee24RedisHangs(t *testing.T) {
	lengthy(t)
	redis := serve(t)
	all, s, _ := place{redis: true}.spread(t, 2, nodetest.Job{Redis: redis.addr, MaxStale: time.Minute}, "kim")
	one := all[0].Login(t, acme, "kim")
	redis.pause(true)
	defer redis.pause(false)
	for i, p := range all {
		const wait = 200 * time.Millisecond
		for _, a := range []nodetest.Ask{
			{Do: "check", Tenant: acme, Member: "kim", Session: one, Wait: wait}, {Do: "admit", Tenant: acme, Member: "kim", Wait: wait},
			{Do: "end", Tenant: acme, Session: one, Wait: wait}, {Do: "find", Tenant: acme, Session: one, Wait: wait},
		} {
			r := p.Ask(a)
			if r.Err == "" || r.Decision == "allow" && a.Do == "check" {
				t.Errorf("process %d: %s of a Redis that hangs: %s [%s] %q", i, a.Do, r.Decision, r.Reason, r.Err)
			}
			t.Logf("process %d: %s took %v of %v", i, a.Do, r.Ended.Sub(r.Began).Round(time.Millisecond), wait)
		}
	}
	for i, p := range all {
		p.Do(t, nodetest.Ask{Do: "save", Tenant: acme, ID: []string{"a", "b"}[i], Number: i})
	}
	redis.pause(false)
	for _, p := range all {
		for !strings.HasPrefix(p.Ask(nodetest.Ask{Do: "check", Tenant: acme, Member: "kim", Session: one}).Reason, "session-") {
			time.Sleep(10 * time.Millisecond) // until it has heard of the save, or the order was told
		}
		fresh := p.Login(t, acme, "kim")
		if r := p.Check(t, fresh); r.Decision != "allow" || !alive(t, s, fresh) {
			t.Errorf("with Redis back, a new session: %s [%s]", r.Decision, r.Reason)
		}
	}
}

package sqlstore_test

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/policy/sqlstore"
	"github.com/sallyport-go/sallyport/session"
)

var (
	sessionsFlag = flag.Int("sallyport.sessions", 6_000, "sessions that the plans of queries are shown with; 10000000 in earnest")
	tenantsFlag  = flag.Int("sallyport.tenants", 1_000, "tenants, likewise; 100000 in earnest")
)

// fill fills a database with tenants, each with the same number of members and sessions,
// half of which have ended, by SQL of its own: the stores would take hours.
func fill(t testing.TB, db *sql.DB, d sqlstore.Dialect, tenants, sessions int) {
	t.Helper()
	series := func(n int) string { return fmt.Sprintf("generate_series(0, %d) AS i", n-1) }
	id, now, span := "decode(lpad(to_hex(i), 64, '0'), 'hex')", "clock_timestamp()", "* interval '1 second'"
	if d == sqlstore.SQLite {
		series = func(n int) string {
			return fmt.Sprintf("(WITH RECURSIVE s(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM s WHERE i < %d) SELECT i FROM s) AS s", n-1)
		}
		id, now, span = "unhex(printf('%064x', i))", "CAST(unixepoch() AS INTEGER) * 1000000", "* 1000000"
	}
	tenant := fmt.Sprintf("'tenant-' || (i %% %d)", tenants)
	run := func(statement string) {
		t.Helper()
		if _, err := db.Exec(statement); err != nil {
			t.Fatalf("%v\n%s", err, statement)
		}
	}
	run(`INSERT INTO sallyport_policies (tenant, line, number, deleted, saved_by, at, record)
		SELECT ` + tenant + `, 7, 1, (i < 0), '', ` + now + `, '{}' FROM ` + series(tenants))
	for n := range 3 {
		run(fmt.Sprintf(`INSERT INTO sallyport_saves (tenant, save, expected_line, expected_number, line, number, at, actor, member, kind, event, record)
			SELECT %s, 'save-%d', 7, %d, 7, %d, %s, '', '', 'settings-saved', '{}', '{}' FROM %s`, tenant, n, n, n+1, now, series(tenants)))
		run(fmt.Sprintf(`INSERT INTO sallyport_orders (outbox, id, tenant, due, was_due, content)
			SELECT '%s', 'o%d-' || i, %s, %s, %s, '{}' FROM %s`, []string{"policies", "members", "policies"}[n], n, tenant, now, now, series(tenants)))
	}
	members := max(sessions/4, tenants)
	again := unindexed(t, db, d, "sallyport_members", "sallyport_events", "sallyport_verifications", "sallyport_sessions", "sallyport_visits")
	run(`INSERT INTO sallyport_members (tenant, id, line, number, status, counts, apps_blocked, purged, deleted, login_id, roles, words, account)
		SELECT ` + tenant + `, 'member-' || (i / ` + fmt.Sprint(tenants) + `), 7, 1, CASE WHEN i % 50 = 1 THEN 'suspended' ELSE 'active' END, ` +
		"(i % 40 = 0)" + `, ` + "(i % 60 = 0)" + `, ` + "(i % 99 = 0)" + `, CASE WHEN i % 99 = 0 THEN ` + now + ` END,
		'login-' || i, CASE WHEN i % 40 = 0 THEN 'x' ELSE '' END, 'words', '{}' FROM ` + series(members))
	run(`INSERT INTO sallyport_externals (tenant, external, member) SELECT ` + tenant + `, 'google:' || i, 'member-' || (i / ` + fmt.Sprint(tenants) + `) FROM ` + series(members))
	run(`INSERT INTO sallyport_rosters (tenant, version) SELECT ` + tenant + `, 1 FROM ` + series(tenants))
	run(`INSERT INTO sallyport_events (tenant, id, change, at, actor, member, kind, event)
		SELECT ` + tenant + `, 'e' || i, ` + "(i % 2 = 0)" + `, ` + now + `, 'boss', 'member-' || (i / ` + fmt.Sprint(tenants) + `), 'k', '{}' FROM ` + series(members))
	run(`INSERT INTO sallyport_failures (tenant, member, number, behind) SELECT ` + tenant + `, 'member-' || (i / ` + fmt.Sprint(tenants) + `), 1, 0 FROM ` + series(members))
	run(`INSERT INTO sallyport_verifications (tenant, member, revision, until, record)
		SELECT ` + tenant + `, 'member-' || (i / ` + fmt.Sprint(tenants) + `), 'r', ` + now + `, '{}' FROM ` + series(members))
	at := now + " - (i % 1000000) " + span
	ended := "CASE WHEN i % 2 = 0 THEN " + now + " END"
	if d == sqlstore.PostgreSQL { // ten million calls of a trigger would take an hour
		run("ALTER TABLE sallyport_sessions DISABLE TRIGGER sallyport_session_visited")
	}
	run(`INSERT INTO sallyport_sessions (id, first, tenant, member, kind, client, policy_line, policy_number, member_line, member_number, verified, verified_country,
			addr, country, device, system, via, label, created, seen, idle, life, ended, why, dies)
		SELECT ` + id + `, ` + id + `, ` + tenant + `, 'member-' || (i / ` + fmt.Sprint(4*tenants) + `), 'login', 'web', 7, 1, 1, 1, ` + "(i < 0)" + `, '',
			'1.208.0.1', 'KR', 'device-' || (i / ` + fmt.Sprint(8*tenants) + `), 'Linux', '', '', ` + at + `, ` + at + `, 0, 0, ` + ended + `, '', ` + ended + `
		FROM ` + series(sessions))
	if d == sqlstore.PostgreSQL {
		run("ALTER TABLE sallyport_sessions ENABLE TRIGGER sallyport_session_visited")
		run(`INSERT INTO sallyport_visits (seq, tenant, member, client, addr, country, device, system, verified, at)
			SELECT seq, tenant, member, client, addr, country, device, system, verified, created FROM sallyport_sessions`)
	}
	again()
	run("ANALYZE")
}

// unindexed drops the indexes of tables that no constraint needs and returns what makes them
// again: a table of ten million rows is filled some ten times faster so.
func unindexed(t testing.TB, db *sql.DB, d sqlstore.Dialect, tables ...string) (again func()) {
	t.Helper()
	query := `SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
		WHERE indrelid = $1::regclass AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)`
	if d == sqlstore.SQLite {
		query = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = $1 AND sql IS NOT NULL"
	}
	var drop, create []string
	for _, table := range tables {
		rows, err := db.Query(query, table)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var name, statement string
			if err := rows.Scan(&name, &statement); err != nil {
				t.Fatal(err)
			}
			drop, create = append(drop, "DROP INDEX "+name), append(create, statement)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	if len(drop) == 0 {
		t.Fatalf("no index was found on %v", tables)
	}
	all := func(statements []string) {
		t.Helper()
		for _, statement := range statements {
			if _, err := db.Exec(statement); err != nil {
				t.Fatalf("%v\n%s", err, statement)
			}
		}
	}
	all(drop)
	return func() { t.Helper(); all(create) }
}

// heard keeps the statements that go by, once each, with their arguments.
type heard struct {
	mu         sync.Mutex
	statements []string
}

func (h *heard) before(statement string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if word, _, _ := strings.Cut(strings.TrimSpace(statement), " "); slices.Contains([]string{"SELECT", "UPDATE", "DELETE", "WITH", "INSERT"}, word) &&
		!slices.Contains(h.statements, statement) {
		h.statements = append(h.statements, statement)
	}
	return nil
}

func (h *heard) after(string) {}

// has reports whether a statement with some text has gone by.
func (h *heard) has(text string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.ContainsFunc(h.statements, func(s string) bool { return strings.Contains(s, text) })
}

// everything calls everything that asks the database, by statements that h hears.
func everything(t testing.TB, ctx context.Context, s *sqlstore.DB, h *heard) {
	t.Helper()
	const of session.TenantID = "tenant-7"
	at := time.Now()
	p, m, ss, v := s.Policies(), s.Members(), s.Sessions(), s.Verifications()
	r := record(of, 2)
	one := live(of, "member-1", session.Stamp{Policy: session.Version{Line: 7, Number: 2}, Client: session.Web})
	id := session.ID{31: 7}
	stamped := session.Version{Line: 7, Number: 2}
	p.Load(ctx, of)
	p.Version(ctx, of)
	p.Save(ctx, before(r), r, session.Event{ID: "e", Tenant: of, At: r.At}, []session.Order{{ID: "o", Tenant: of, Kind: session.SignOut}})
	fresh := record("fresh", 1)
	save(ctx, s, fresh)
	save(ctx, s, record("fresh", 2))
	p.History(ctx, of, session.Version{}, 10)
	p.History(ctx, of, stamped, 10)
	p.Earlier(ctx, of, stamped)
	p.Forget(ctx, of, at, 10)
	for _, q := range []session.EventQuery{{}, {Actor: "boss"}, {Member: "member-1"}, {Kind: "k", From: at.Add(-time.Hour), To: at}} {
		p.Events(ctx, of, q)
		m.Events(ctx, of, q)
	}
	for _, box := range []session.Outbox{p, m} {
		box.Take(ctx, 10, time.Minute)
		box.Waiting(ctx, of, 10)
		box.Failed(ctx, "o0-1", time.Minute, false, "")
		box.Done(ctx, "o0-1")
	}
	ss.Create(ctx, one)
	ss.Find(ctx, of, one.ID)
	ss.Touch(ctx, of, one.ID, at.Add(time.Second), addr, korea)
	ss.Touch(ctx, of, one.ID, at.Add(2*time.Second), netip.Addr{}, korea)
	ss.Renew(ctx, of, one.ID, id, at)
	ss.Renew(ctx, of, one.ID, session.ID{9}, at.Add(time.Minute))
	ss.End(ctx, of, one.ID, at, "x")
	ss.End(ctx, of, session.ID{10}, at, "x")
	for _, o := range []session.Order{
		{Session: id}, {Member: "member-1"}, {Member: "member-1", Device: "device-1", Clients: session.Apps}, {Via: "x"}, {Policy: stamped, Clients: session.AllClients},
	} {
		o.Kind, o.Tenant = session.SignOut, of
		ss.EndAll(ctx, o, at)
	}
	cursor := session.Cursor{Created: at, First: id}
	for _, q := range []session.Query{
		{}, {Max: 50}, {Member: "member-1"}, {Device: "device-1"}, {Member: "member-1", Device: "device-1"}, {Clients: session.Apps, LiveAt: at}, {Since: at.Add(-time.Hour), After: cursor},
		{Member: "member-1", LiveAt: at, After: cursor}, {Kinds: []session.Kind{session.Login}},
	} {
		ss.List(ctx, of, q)
	}
	for _, who := range []session.MemberID{"", "member-1"} {
		for range ss.Visits(ctx, of, who, at.Add(-time.Hour)) {
		}
		for range ss.Visits(ctx, of, who, time.Time{}) {
		}
	}
	ss.Purge(ctx, at.Add(-time.Hour), 10)
	for _, x := range []directory.Act{directory.Create, directory.SetPassword} {
		act(ctx, s, x, of, "fresh", directory.Facts{LoginID: "x"})
	}
	act(ctx, s, directory.GiveRole, of, "fresh", directory.Facts{Role: directory.Role{Name: directory.SuperAdmin}})
	act(ctx, s, directory.Link, of, "fresh", directory.Facts{External: "x:1"})
	act(ctx, s, directory.Suspend, of, "fresh", directory.Facts{})
	m.Roster(ctx, of)
	for _, q := range []directory.Query{{}, {Role: "x"}, {LoginID: "x"}, {External: "x:1"}, {AppsBlocked: true}, {Status: 4}, {Status: 6, DeletedBefore: at}, {Text: "x", After: "m"}} {
		m.List(ctx, of, q)
	}
	m.Note(ctx, session.Event{ID: "n", Tenant: of, At: at})
	m.Forget(ctx, of, at.Add(-time.Hour), 10)
	m.Read(ctx, of, "member-1")
	m.Count(ctx, of, "member-1", directory.Guess{At: at, Limit: 5})
	m.Count(ctx, of, "fresh", directory.Guess{At: at, Limit: 5})
	m.Count(ctx, of, "fresh", directory.Guess{At: at, Limit: 5, Right: true})
	m.Locked(ctx, of, "m", 10)
	m.Clear(ctx, of, "member-1")
	v.Load(ctx, of, "member-1")
	v.Purge(ctx, at, 10)
	watched, stop := context.WithCancel(ctx)
	var watching sync.WaitGroup
	watching.Go(func() { m.Watch(watched, func(session.TenantID, member.ID, session.Version) {}) })
	watching.Go(func() { p.Watch(watched, func(session.TenantID, session.Version) {}) })
	for !h.has("FROM sallyport_members WHERE changed >=") || !h.has("FROM sallyport_policies WHERE changed >=") {
		time.Sleep(time.Millisecond)
	}
	stop()
	watching.Wait()
}

// Every statement of every store is served by an index: no plan walks a whole table. With
// -sallyport.sessions=10000000 -sallyport.tenants=100000 -v it shows the plans in earnest.
func TestEveryQueryHasAnIndex(t *testing.T) {
	lengthy(t)
	each(t, func(t *testing.T, p place) {
		dsn := p.dsn(t)
		db := open(t, p.driver, dsn)
		migrated(t, db, p.dialect)
		fill(t, db, p.dialect, *tenantsFlag, *sessionsFlag)
		h := &heard{}
		everything(t, t.Context(), must[*sqlstore.DB](t)(sqlstore.New(p.hooked(t, dsn, h), p.dialect)), h)
		if len(h.statements) < 40 {
			t.Errorf("only %d statements were heard", len(h.statements))
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		for _, statement := range h.statements {
			if strings.Contains(statement, "pg_advisory") || strings.Contains(statement, "current_setting") {
				continue
			}
			plan, err := explain(db, p.dialect, statement)
			if err != nil {
				t.Errorf("%v\n%s", err, statement)
				continue
			}
			t.Logf("%s\n%s", squeeze(statement), plan)
			if walks(p.dialect, plan) {
				t.Errorf("it walks a whole table:\n%s\n%s", squeeze(statement), plan)
			}
		}
		t.Logf("%d statements at %d sessions of %d tenants", len(h.statements), *sessionsFlag, *tenantsFlag)
	})
}

func squeeze(s string) string { return strings.Join(strings.Fields(s), " ") }

var place1 = regexp.MustCompile(`\$\d+`)

// explain returns the plan of a statement, whatever its arguments are.
func explain(db *sql.DB, d sqlstore.Dialect, statement string) (string, error) {
	ctx := context.Background()
	conn, err := db.Conn(ctx)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	query := "EXPLAIN QUERY PLAN " + statement
	var args []any
	if d == sqlstore.PostgreSQL {
		conn.ExecContext(ctx, "SET plan_cache_mode = force_generic_plan")
		conn.ExecContext(ctx, "DEALLOCATE plan") // of the statement before, if any
		if _, err := conn.ExecContext(ctx, "PREPARE plan AS "+statement); err != nil {
			return "", err
		}
		n := 0
		for _, m := range place1.FindAllString(statement, -1) {
			var i int
			fmt.Sscanf(m, "$%d", &i)
			n = max(n, i)
		}
		query = "EXPLAIN (COSTS OFF) EXECUTE plan" // a generic plan looks at no argument
		if n > 0 {
			query += "(" + strings.TrimSuffix(strings.Repeat("NULL, ", n), ", ") + ")"
		}
	} else {
		for range place1.FindAllString(statement, -1) {
			args = append(args, nil)
		}
	}
	rows, err := conn.QueryContext(ctx, query, args...)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	var plan []string
	for rows.Next() {
		var line string
		if d == sqlstore.PostgreSQL {
			err = rows.Scan(&line)
		} else {
			var a, b, c int
			err = rows.Scan(&a, &b, &c, &line)
		}
		if err != nil {
			return "", err
		}
		plan = append(plan, "    "+line)
	}
	return strings.Join(plan, "\n"), rows.Err()
}

// walks reports whether a plan looks at every row of a table, or of an index, or joins two
// lists, one of which is as long as the table allows.
func walks(d sqlstore.Dialect, plan string) bool {
	lines := strings.Split(plan, "\n")
	for i, line := range lines {
		line = strings.TrimSpace(line)
		if d == sqlstore.SQLite {
			if strings.HasPrefix(line, "SCAN sallyport_") && !strings.HasPrefix(line, "SCAN sallyport_schema") {
				return true
			}
			continue
		}
		if strings.Contains(line, "Hash Join") || strings.Contains(line, "Merge Join") || strings.Contains(line, "ctid = ANY") && !strings.Contains(line, "TID Cond") ||
			strings.Contains(line, "Seq Scan on sallyport_") && !strings.Contains(line, "sallyport_schema") ||
			strings.Contains(line, " using sallyport_") && (i+1 == len(lines) || !strings.Contains(lines[i+1], "Index Cond")) {
			return true
		}
	}
	return false
}

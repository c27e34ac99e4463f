package sqlstore_test

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/sqlstore"
	"github.com/sallyport-go/sallyport/session"
)

var (
	addr  = netip.MustParseAddr("1.208.0.1")
	korea = geo.MustParseCountry("KR")
)

// Another program writes with plain SQL what no store would write.
func TestGuarantee17CutsNeverGoBackInTheDatabase(t *testing.T) {
	web := session.ClientsOf(session.Web)
	each(t, func(t *testing.T, p place) {
		db := open(t, p.driver, p.dsn(t))
		s := migrated(t, db, p.dialect)
		for i, row := range []struct {
			why   string
			spoil func(*policy.Record)
			fails bool
		}{
			{"the next number", func(r *policy.Record) {}, false},
			{"a number far ahead", func(r *policy.Record) { r.Version.Number = 1 << 60 }, false},
			{"higher cuts", func(r *policy.Record) { r.Cuts = r.Cuts.Cut(web, 8) }, false},
			{"cuts of members that become one of all", func(r *policy.Record) { r.Cuts, r.MemberCuts = r.Cuts.Cut(session.AllClients, 7), nil }, false},
			{"a new line without cuts", func(r *policy.Record) {
				r.Version, r.Cuts, r.MemberCuts = session.Version{Line: 9, Number: 1}, session.Cuts{}, nil
			}, false},
			{"the same number", func(r *policy.Record) { r.Version.Number = 7 }, true},
			{"a lower number", func(r *policy.Record) { r.Version.Number = 6 }, true},
			{"a number above all", func(r *policy.Record) { r.Version.Number = session.MaxNumber }, true},
			{"no line", func(r *policy.Record) { r.Version.Line = 0 }, true},
			{"no cuts any more", func(r *policy.Record) { r.Cuts = session.Cuts{} }, true},
			{"a cut that moves back", func(r *policy.Record) { r.Cuts = session.Cuts{}.Cut(session.AllClients, 2).Cut(web, 4) }, true},
			{"a cut of one client less", func(r *policy.Record) { r.Cuts = session.Cuts{}.Cut(web, 5) }, true},
			{"no cuts of members any more", func(r *policy.Record) { r.MemberCuts = nil }, true},
			{"no cut of one member any more", func(r *policy.Record) { delete(r.MemberCuts, "o'lee \"%") }, true},
			{"a cut of a member that moves back", func(r *policy.Record) { r.MemberCuts["kim"] = session.Cuts{}.Cut(web, 6) }, true},
			{"a cut of a member under another name", func(r *policy.Record) {
				r.MemberCuts["KIM"] = r.MemberCuts["kim"]
				delete(r.MemberCuts, "kim")
			}, true},
		} {
			was := policy.Record{
				Tenant: session.TenantID(row.why), Version: session.Version{Line: 7, Number: 7},
				Cuts:       session.Cuts{}.Cut(session.AllClients, 2).Cut(web, 5),
				MemberCuts: map[member.ID]session.Cuts{"kim": session.Cuts{}.Cut(web, 7), "o'lee \"%": session.Cuts{}.Cut(session.Mail, 3)},
			}
			if _, err := s.Policies().Save(t.Context(), session.Version{}, was, session.Event{ID: "e", Tenant: was.Tenant, Kind: "k"}, nil); err != nil {
				t.Fatal(err)
			}
			is := was.Clone()
			is.Version.Number++
			row.spoil(&is)
			doc := must[[]byte](t)(json.Marshal(is))
			_, err := db.Exec("UPDATE sallyport_policies SET line = $1, number = $2, record = $3 WHERE tenant = $4",
				int64(is.Version.Line), int64(is.Version.Number), string(doc), string(is.Tenant))
			if (err != nil) != row.fails {
				t.Errorf("row %d, written with plain SQL: %s: %v", i, row.why, err)
			}
			if want := is; row.fails {
				want = was
				if v, err := s.Policies().Version(t.Context(), was.Tenant); err != nil || v != want.Version {
					t.Errorf("%s: the record is at %v, %v", row.why, v, err)
				}
			}
		}
		for _, statement := range []string{
			"UPDATE sallyport_policies SET number = 8, deleted = $1 WHERE tenant = 'the same number'", // fits: it goes on
			"UPDATE sallyport_policies SET number = 9, deleted = $2 WHERE tenant = 'the same number'", // was deleted
			"UPDATE sallyport_policies SET number = 8, tenant = 'another' WHERE tenant = 'a lower number'",
		} {
			args := []any{true}
			if strings.Contains(statement, "$2") {
				statement, args = strings.ReplaceAll(statement, "$2", "$1"), []any{false}
			} else if !strings.Contains(statement, "$1") {
				args = nil
			}
			_, err := db.Exec(statement, args...)
			if fits := len(args) > 0 && args[0] == true; (err == nil) != fits {
				t.Errorf("%s: %v", statement, err)
			}
		}
	})
}

func TestGuarantee17CutsOfMembersNeverGoBackInTheDatabase(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		db := open(t, p.driver, p.dsn(t))
		s := migrated(t, db, p.dialect)
		var a directory.Account
		for _, x := range []directory.Act{directory.Create, directory.SetPassword, directory.Suspend} {
			var err error
			if a, err = act(t.Context(), s, x, acme, "kim", directory.Facts{}); err != nil {
				t.Fatal(err)
			}
		}
		for _, row := range []struct {
			why   string
			spoil func(*directory.Account)
		}{
			{"the number before, as it was then", func(a *directory.Account) { a.Version.Number -= 2; a.Cuts = session.Cuts{} }},
			{"the same number", func(a *directory.Account) { a.Version.Number-- }},
			{"no cuts", func(a *directory.Account) { a.Cuts = session.Cuts{} }},
			{"a cut of some only", func(a *directory.Account) { a.Cuts = session.Cuts{}.Cut(session.Mail, a.Version.Number) }},
		} {
			is := a.Clone()
			is.Version.Number++
			row.spoil(&is)
			doc := must[[]byte](t)(json.Marshal(is))
			if _, err := db.Exec("UPDATE sallyport_members SET number = $1, account = $2 WHERE id = 'kim'", int64(is.Version.Number), string(doc)); err == nil {
				t.Errorf("another program has written %s", row.why)
			}
			if now := must[directory.Account](t)(s.Members().Load(t.Context(), acme, "kim")); now.Version != a.Version {
				t.Errorf("%s: the account is at %v", row.why, now.Version)
			}
		}
	})
}

// A program that puts a whole row in the place of another is no way around it: not by
// REPLACE, nor by an INSERT that updates what is there.
func TestGuarantee17RowsAreNotReplaced(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		db := open(t, p.driver, p.dsn(t))
		s := migrated(t, db, p.dialect)
		populated(t, s, acme, "kim")
		if _, err := act(t.Context(), s, directory.Suspend, acme, "kim", directory.Facts{}); err != nil {
			t.Fatal(err)
		}
		version := must[session.Version](t)(s.Policies().Version(t.Context(), acme))
		kim := must[directory.Account](t)(s.Members().Load(t.Context(), acme, "kim"))
		for _, row := range []struct{ insert, on, set string }{
			{"sallyport_policies (tenant, line, number, deleted, saved_by, at, record) SELECT tenant, line, number, deleted, saved_by, at, record FROM sallyport_policies WHERE tenant = 'acme'",
				"(tenant)", "number = excluded.number"},
			{"sallyport_members (tenant, id, line, number, status, counts, apps_blocked, purged, roles, words, account) SELECT tenant, id, line, number, status, counts, apps_blocked, purged, roles, words, account FROM sallyport_members WHERE id = 'kim'",
				"(tenant, id)", "number = excluded.number"},
		} {
			statements := []string{"INSERT INTO " + row.insert + " ON CONFLICT " + row.on + " DO UPDATE SET " + row.set}
			if p.dialect == sqlstore.SQLite {
				statements = append(statements, "REPLACE INTO "+row.insert, "INSERT OR REPLACE INTO "+row.insert)
			}
			for _, statement := range statements {
				if _, err := db.Exec(statement); err == nil || !strings.Contains(err.Error(), "sallyport: ") {
					t.Errorf("%v\n%s", err, statement)
				}
			}
		}
		if v := must[session.Version](t)(s.Policies().Version(t.Context(), acme)); v != version {
			t.Errorf("the record is at %v, and was at %v", v, version)
		}
		if a := must[directory.Account](t)(s.Members().Load(t.Context(), acme, "kim")); a.Version != kim.Version || !a.Suspended {
			t.Errorf("the account is at %v, suspended %v", a.Version, a.Suspended)
		}
	})
}

// What another program has altered beside the columns answers for nobody.
func TestAlteredRowsAreRefused(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		db := open(t, p.driver, p.dsn(t))
		s := migrated(t, db, p.dialect)
		for _, of := range []session.TenantID{"acme", "globex"} {
			if err := save(t.Context(), s, record(of, 1)); err != nil {
				t.Fatal(err)
			}
			if _, err := act(t.Context(), s, directory.Create, of, "kim", directory.Facts{}); err != nil {
				t.Fatal(err)
			}
		}
		for _, statement := range []string{
			"UPDATE sallyport_policies SET number = 2, record = (SELECT record FROM sallyport_policies WHERE tenant = 'globex') WHERE tenant = 'acme'",
			"UPDATE sallyport_members SET number = 2, account = (SELECT account FROM sallyport_members WHERE tenant = 'globex') WHERE tenant = 'acme'",
		} {
			if _, err := db.Exec(statement); err != nil {
				t.Fatal(err)
			}
		}
		if r, err := s.Policies().Load(t.Context(), acme); err == nil || !strings.Contains(err.Error(), "somebody else has altered it") || r.Tenant != "" {
			t.Errorf("the record of another tenant in the row: %v, %v", r.Tenant, err)
		}
		if _, err := s.Members().Load(t.Context(), acme, "kim"); err == nil || !strings.Contains(err.Error(), "somebody else has altered it") {
			t.Errorf("the account of another tenant in the row: %v", err)
		}
	})
}

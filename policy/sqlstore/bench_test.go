package sqlstore_test

import (
	"context"
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

var signOutFlag = flag.Int("sallyport.signout", 20_000, "sessions of the tenant that BenchmarkSignOut signs out; 1000000 in earnest")

// BenchmarkAdmit is a login with its session: the decision by an engine, and the session.
func BenchmarkAdmit(b *testing.B) {
	bench(b, func(b *testing.B, n node, sent *counted) {
		before, logins := sent.n.Load(), 0
		for b.Loop() {
			if err := n.stores.Sessions().Create(b.Context(), n.admit(b, acme, "kim")); err != nil {
				b.Fatal(err)
			}
			logins++
		}
		b.ReportMetric(float64(sent.n.Load()-before)/float64(logins), "statements/op")
	})
}

// BenchmarkDecide is a login without its session, which shows what the store costs in it.
func BenchmarkDecide(b *testing.B) {
	bench(b, func(b *testing.B, n node, _ *counted) {
		for b.Loop() {
			n.admit(b, acme, "kim")
		}
	})
}

// BenchmarkCheck is a request of a session whose policy and member are in the engine's cache.
func BenchmarkCheck(b *testing.B) {
	bench(b, func(b *testing.B, n node, sent *counted) {
		s := n.admit(b, acme, "kim")
		before, checks := sent.n.Load(), 0
		for b.Loop() {
			if d := n.check(b, s); d.Effect != policy.Allow {
				b.Fatal(d)
			}
			checks++
		}
		b.ReportMetric(float64(sent.n.Load()-before)/float64(checks), "statements/op")
	})
}

// BenchmarkFind and BenchmarkTouch are what a host adds to a check that keeps its sessions here.
func BenchmarkFind(b *testing.B) {
	bench(b, func(b *testing.B, n node, _ *counted) {
		s := n.admit(b, acme, "kim")
		if err := n.stores.Sessions().Create(b.Context(), s); err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if found, err := n.stores.Sessions().Find(b.Context(), acme, s.ID); err != nil || found.ID != s.ID {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkTouch(b *testing.B) {
	bench(b, func(b *testing.B, n node, _ *counted) {
		s := n.admit(b, acme, "kim")
		if err := n.stores.Sessions().Create(b.Context(), s); err != nil {
			b.Fatal(err)
		}
		for at := s.Seen; b.Loop(); at = at.Add(time.Millisecond) {
			if err := n.stores.Sessions().Touch(b.Context(), acme, s.ID, at, addr, korea); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkSave(b *testing.B) {
	bench(b, func(b *testing.B, n node, sent *counted) {
		before, saves := sent.n.Load(), uint64(0)
		for b.Loop() {
			saves++
			if err := save(b.Context(), n.stores, record("saved", saves)); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(sent.n.Load()-before)/float64(saves), "statements/op")
	})
}

// bench runs a benchmark on each kind of database, which writes for good, with a tenant.
func bench(b *testing.B, f func(*testing.B, node, *counted)) {
	for _, p := range places {
		b.Run(p.name, func(b *testing.B) {
			sent := &counted{}
			dsn := lasting(p.dsn(b))
			n := newNode(b, migrated(b, p.hooked(b, dsn, sent), p.dialect), staff{}, nil)
			enrol(b, n, acme)
			n.check(b, n.admit(b, acme, "kim"))
			b.ReportAllocs()
			f(b, n, sent)
		})
	}
}

// BenchmarkSignOut signs a tenant out: by one save, which ends the sessions; by that and
// EndAll, which marks their rows; and one by one, as a store without cuts has to.
func BenchmarkSignOut(b *testing.B) {
	for _, p := range places {
		for _, way := range []string{"save", "end-all", "one-by-one"} {
			b.Run(fmt.Sprintf("%s/%s/%d", p.name, way, *signOutFlag), func(b *testing.B) {
				sent := &counted{}
				dsn := lasting(p.dsn(b))
				db := p.hooked(b, dsn, sent)
				s := migrated(b, db, p.dialect)
				fill(b, db, p.dialect, 1, *signOutFlag*2) // half of which have ended
				const of session.TenantID = "tenant-0"
				ctx := context.Background()
				n := newNode(b, s, staff{}, &engine.Options{})
				if _, err := db.Exec("DELETE FROM sallyport_policies"); err != nil {
					b.Fatal(err)
				}
				enrol(b, n, of)
				statements, rounds := int64(0), 0
				for b.Loop() {
					if rounds++; rounds > 1 && way != "save" { // they live again, which nothing but a benchmark does
						b.StopTimer()
						if _, err := db.Exec("UPDATE sallyport_sessions SET ended = NULL WHERE why <> ''"); err != nil {
							b.Fatal(err)
						}
						b.StartTimer()
					}
					was := sent.n.Load()
					var ended int
					switch way {
					case "save":
						if _, err := n.NewLine(ctx, engine.Act{ID: fmt.Sprint("cut", rounds), Tenant: of}); err != nil {
							b.Fatal(err)
						}
						ended = *signOutFlag
					case "end-all":
						var err error
						if ended, err = s.Sessions().EndAll(ctx, session.Order{Kind: session.SignOut, Tenant: of, Clients: session.AllClients}, time.Now()); err != nil {
							b.Fatal(err)
						}
					default:
						for q := (session.Query{LiveAt: time.Now()}); ; {
							page, err := s.Sessions().List(ctx, of, q)
							if err != nil {
								b.Fatal(err)
							}
							for _, one := range page {
								if err := s.Sessions().End(ctx, of, one.ID, time.Now(), "x"); err != nil {
									b.Fatal(err)
								}
							}
							if ended += len(page); len(page) == 0 {
								break
							}
							q.After = page[len(page)-1].Cursor()
						}
					}
					if ended != *signOutFlag {
						b.Fatalf("%d of %d sessions were ended", ended, *signOutFlag)
					}
					statements += sent.n.Load() - was
				}
				b.ReportMetric(float64(statements)/float64(rounds), "statements/op")
			})
		}
	}
}

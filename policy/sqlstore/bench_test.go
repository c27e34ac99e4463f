package sqlstore_test

import (
	"context"
	"flag"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

var signOutFlag = flag.Int("sallyport.signout", 20_000, "sessions of the tenant that BenchmarkSignOut signs out; 1000000 in earnest")

// BenchmarkAdmit is a login with its session: the decision by an engine, and the session.
func BenchmarkAdmit(b *testing.B) {
	bench(b, func(b *testing.B, n node, of session.TenantID) func() error {
		return func() error { return n.stores.Sessions().Create(b.Context(), n.admit(b, of, "kim")) }
	})
}

// BenchmarkDecide is a login without its session.
func BenchmarkDecide(b *testing.B) {
	bench(b, func(b *testing.B, n node, of session.TenantID) func() error {
		return func() error { n.admit(b, of, "kim"); return nil }
	})
}

// BenchmarkCheck is a request of a session whose policy and member are in the engine's cache.
func BenchmarkCheck(b *testing.B) {
	bench(b, func(b *testing.B, n node, of session.TenantID) func() error {
		s := n.admit(b, of, "kim")
		return func() error {
			if d := n.check(b, s); d.Effect != policy.Allow {
				return fmt.Errorf("%v", d)
			}
			return nil
		}
	})
}

// BenchmarkFind and BenchmarkTouch are what a host adds to a check that keeps its sessions here.
func BenchmarkFind(b *testing.B) {
	bench(b, func(b *testing.B, n node, of session.TenantID) func() error {
		s := begun(b, n, of)
		return func() error {
			found, err := n.stores.Sessions().Find(b.Context(), of, s.ID)
			if err == nil && found.ID != s.ID {
				err = fmt.Errorf("found %v", found.ID)
			}
			return err
		}
	})
}

func BenchmarkTouch(b *testing.B) {
	bench(b, func(b *testing.B, n node, of session.TenantID) func() error {
		s := begun(b, n, of)
		return func() error {
			s.Seen = s.Seen.Add(time.Millisecond)
			return n.stores.Sessions().Touch(b.Context(), of, s.ID, s.Seen, addr, korea)
		}
	})
}

func BenchmarkSave(b *testing.B) {
	bench(b, func(b *testing.B, n node, of session.TenantID) func() error {
		saves := uint64(0)
		return func() error {
			saves++
			return save(b.Context(), n.stores, record("saved-"+of, saves))
		}
	})
}

// begun returns a session that is stored.
func begun(b *testing.B, n node, of session.TenantID) session.Session {
	b.Helper()
	s := n.admit(b, of, "kim")
	if err := n.stores.Sessions().Create(b.Context(), s); err != nil {
		b.Fatal(err)
	}
	return s
}

// timed counts statements, and how long the database takes for them if they come one at a
// time.
type timed struct {
	counted
	began time.Time
	spent time.Duration
}

func (t *timed) before(s string) error { t.began = time.Now(); return t.counted.before(s) }
func (t *timed) after(string)          { t.spent += time.Since(t.began) }

// together is how many callers there are at once.
const together = 16

// bench runs a benchmark on each kind of database, which writes for good: alone, with the
// share of its time that the database takes, and by 16 callers at once, each of a tenant of
// its own. prepare returns what is measured, for one caller.
func bench(b *testing.B, prepare func(*testing.B, node, session.TenantID) func() error) {
	for _, p := range places {
		b.Run(p.name+"/alone", func(b *testing.B) {
			sent := &timed{}
			n := newNode(b, migrated(b, p.hooked(b, lasting(p.dsn(b)), sent), p.dialect), staff{}, nil)
			enrol(b, n, acme)
			do := prepare(b, n, acme)
			if err := do(); err != nil { // what is cached is there
				b.Fatal(err)
			}
			statements, spent, calls := sent.n.Load(), sent.spent, 0
			b.ReportAllocs()
			began := time.Now()
			for b.Loop() {
				if err := do(); err != nil {
					b.Fatal(err)
				}
				calls++
			}
			took := time.Since(began)
			b.ReportMetric(float64(sent.n.Load()-statements)/float64(calls), "statements/op")
			b.ReportMetric(100*float64(sent.spent-spent)/float64(took), "%store")
		})
		b.Run(fmt.Sprintf("%s/%d-at-once", p.name, together), func(b *testing.B) {
			n := newNode(b, migrated(b, open(b, p.driver, lasting(p.dsn(b))), p.dialect), staff{}, nil)
			all := make(chan func() error, together)
			for i := range together {
				of := session.TenantID(fmt.Sprint("tenant-", i))
				enrol(b, n, of)
				all <- prepare(b, n, of)
			}
			b.SetParallelism(together / runtime.GOMAXPROCS(0))
			b.ResetTimer()
			b.RunParallel(func(more *testing.PB) {
				do := <-all
				for more.Next() {
					if err := do(); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "op/s")
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

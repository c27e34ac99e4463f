package nodetest

import (
	"database/sql"
	"maps"
	mrand "math/rand/v2"
	"slices"
	"time"
)

// AWhile waits for as long as a fault lasts.
func AWhile() { time.Sleep(50*time.Millisecond + mrand.N(450*time.Millisecond)) }

// fault has something fail for a while.
func (r *Run) fault() {
	i := mrand.IntN(3)
	switch n := mrand.IntN(8 + len(r.Faults)); {
	case n < 4:
		mode := pick(slices.Collect(maps.Keys(Modes)))
		r.Count("network " + Modes[mode])
		x := pick(r.Networks[i])
		x.Fail(mode, mrand.IntN(50))
		AWhile()
		x.Heal()
	case n < 6:
		r.Count("processes killed")
		r.nodes[i].Load().Kill()
		AWhile()
		r.start(i)
	case n < 8:
		r.Count("processes stopped for a while")
		p := r.nodes[i].Load()
		p.Stop()
		AWhile()
		p.Go()
	default:
		r.Faults[n-8](r)
	}
}

// ThrowOut is a fault: the database throws out every client.
func ThrowOut(dsn string) func(*Run) {
	return func(r *Run) {
		r.Count("connections thrown out by the database")
		if db, err := sql.Open("pgx", dsn); err == nil {
			db.Exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
				WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'`)
			db.Close()
		}
	}
}

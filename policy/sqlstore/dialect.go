package sqlstore

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
)

// Dialect is the engine that a database runs on. The zero Dialect is none; New refuses it.
type Dialect uint8

const (
	PostgreSQL Dialect = 1 + iota // 15 and later, by the driver pgx; encoding UTF8
	SQLite                        // 3.42 and later, by the driver modernc.org/sqlite; one file
)

// String returns the name of d.
func (d Dialect) String() string {
	switch d {
	case PostgreSQL:
		return "PostgreSQL"
	case SQLite:
		return "SQLite"
	}
	return fmt.Sprintf("dialect(%d)", uint8(d))
}

//go:embed schema
var schemas embed.FS

// Schema returns the numbered SQL files that make the tables, the first of which is
// 0001_sallyport.up.sql. DB.Migrate applies them, or goose or golang-migrate do: always one
// of them, for none knows what another has applied. As their numbers are not those of the
// host's own files, give them a table of versions of their own:
//
//	p, err := goose.NewProvider(goose.DialectPostgres, db, sqlstore.PostgreSQL.Schema(), goose.WithTableName("sallyport_goose"))
//
//	files, err := iofs.New(sqlstore.PostgreSQL.Schema(), ".")
//	to, err := pgx.WithInstance(db, &pgx.Config{MigrationsTable: "sallyport_migrate"}) // migrate/v4/database/pgx/v5
//	m, err := migrate.NewWithInstance("iofs", files, "pgx5", to)
//
// For an unknown dialect there are none.
func (d Dialect) Schema() fs.FS {
	files, err := fs.Sub(schemas, "schema/"+strings.ToLower(d.String()))
	if err != nil {
		return embed.FS{}
	}
	return files
}

// words are what the two dialects write differently. Everything else in the queries of
// this package is understood by both.
func (d Dialect) words() *strings.Replacer {
	if d == SQLite {
		return strings.NewReplacer(
			"{now}", "CAST(unixepoch('subsec') * 1000000 AS INTEGER)",
			"{begun}", "CAST(unixepoch('subsec') * 1000000 AS INTEGER)",
			"{us}", "",
			"{primary}", "",
			"{in ready}", "IN (SELECT seq FROM ready)",
			"{row}", "rowid",
			"{lock}", "", // whoever writes is alone
			"{skip}", "",
			"{apart}", "(SELECT min(0, coalesce(min(seq), 0)) - 1 FROM sallyport_visits)",
			"{instr}", "instr",
			"{ends}", `min(coalesce(ended, 9223372036854775807),
				CASE WHEN idle > 0 THEN seen + ((idle - 1) / 1000 + 1) ELSE 9223372036854775807 END,
				CASE WHEN life > 0 THEN created + ((life - 1) / 1000 + 1) ELSE 9223372036854775807 END)`,
		)
	}
	return strings.NewReplacer(
		"{now}", "clock_timestamp()", // and not now(), which is when the transaction began
		"{begun}", "statement_timestamp()", // which stays for a statement, so that an index can be asked for it
		"{us}", "* interval '1 microsecond'",
		"{primary}", " AND sallyport_primary()", // or an error: a standby answers with what was
		"{in ready}", "= ANY (ARRAY(SELECT seq FROM ready))", // never by a walk over the table, whatever the planner expects
		"{row}", "ctid", // of a row that was locked; one that was written meanwhile is missed, and no other met
		"{lock}", "FOR UPDATE",
		"{skip}", "FOR UPDATE SKIP LOCKED",
		"{apart}", "nextval('sallyport_visits_seq')",
		"{instr}", "strpos",
		"{ends}", `coalesce(least(ended,
				CASE WHEN idle > 0 THEN seen + ((idle - 1) / 1000 + 1) * interval '1 microsecond' END,
				CASE WHEN life > 0 THEN created + ((life - 1) / 1000 + 1) * interval '1 microsecond' END), 'infinity')`,
	)
}

// Package sqlstore keeps policies, members, sessions and verifications in a database of
// the host: PostgreSQL or SQLite. It is a module of its own, so that hosts with stores of
// their own need none of the drivers.
//
//	db, err := sql.Open("pgx", "postgres://app@db.internal/app")
//	stores, err := sqlstore.New(db, sqlstore.PostgreSQL)
//	err = stores.Migrate(ctx) // at each start; twice is harmless
//	dir, err := directory.New(stores.Members(), stores.Members(), &directory.Options{Sessions: stores.Sessions()})
//	eng, err := engine.New(policy.Standard(), stores.Policies(), dir, &engine.Options{Failures: dir})
//	go eng.Run(ctx) // hears of what other processes save, delivers orders
//	go dir.Run(ctx)
//	go stores.Members().Follow(ctx, eng.MemberChanged) // hears of what they do to members
//
// A host with a table of users of its own gives engine.New that in the place of dir, and
// calls [DB.TellMember] where it changes one: see the example Users.
//
// The host opens the database, says how many connections there are, and closes it. Import
// github.com/jackc/pgx/v5/stdlib or modernc.org/sqlite for its driver. A service on SQLite:
//
//	db, err := sql.Open("sqlite", "file:app.db?_txlock=immediate&_pragma=busy_timeout(5000)")
//	stores, err := sqlstore.New(db, sqlstore.SQLite)
//
// # What is written together
//
// A save of a policy and its event and orders are one transaction, and so are an act on a
// member, its event and its orders, and a session and its visit. DB.In has them join a
// transaction of the host, as its example shows for a save. Triggers see to it that no
// program that writes to the tables lowers a number or a cut within a line; what was
// altered otherwise, so that columns and document differ, is refused when it is read.
//
// # What happens in between
//
// What PostgreSQL ends for a deadlock or a failed serialisation is done again within the
// deadline of the context, and what SQLite refuses as busy too; without a deadline for ten
// seconds. A connection that breaks before the commit is replaced. An error of a Save after
// that leaves open whether it was written: repeat it by its id, as the engine does. A
// commit that is under way when the context ends is waited for one second. A process that
// stops in the middle of a save, as with its machine, holds its tenant's record for five
// seconds, and then PostgreSQL gives the save up.
//
// A standby is no store, since what it has may be old: what a decision rests on is refused
// there, and so are Migrate and Check. Where the name of a server may lead to one, as in a
// failover, say target_session_attrs=primary.
//
// By its own clock the database decides when orders are due, and which visits are too old
// to be kept; sessions, cuts, members and verifications know no time but the caller's. Where
// that clock goes back, orders wait no longer than they were to wait; where it goes ahead,
// some are told twice.
//
// Sizes of a pool: a save and an act hold one connection each, everything else holds one
// for a statement, and each Watch or Follow keeps one on PostgreSQL, if the pool may have
// four. One is enough for the rest.
//
// # Poolers and settings of the database
//
// Behind a pooler that changes connections between statements, as PgBouncer does in
// transaction mode, have pgx prepare nothing: default_query_exec_mode=exec in the address
// of the database. So do simple_protocol and cache_describe; with describe_exec statements
// of one connection meet the arguments of another. Have the role or the database say
// search_path and the like (ALTER ROLE … SET), which a pooler may refuse in an address.
// Transactions work there, and LISTEN does not: through any pooler, in session mode too,
// Watch and Follow look twice a second instead, and TellMember is not heard. To be told at
// once open another *sql.DB, that leads to the server itself, and call Watch and Follow of
// stores on that.
//
// Any collation and time zone will do; the encoding is UTF8. With exec and simple_protocol,
// which read text, leave DateStyle at ISO and bytea_output at hex. Where all of a database
// is serialisable by default, statements that stand alone are too, which takes the server
// memory and gains nothing: say default_transaction_isolation=read%20committed.
//
// # Durability
//
// What was acknowledged must not be lost, or an ended session is alive again: leave
// synchronous_commit on, and where a standby takes over, let it be a synchronous one. On
// SQLite leave synchronous at FULL. After a restore from a backup draw a new line for each
// tenant (engine.NewLine) before anybody is let in; where the sessions are in Redis, of
// those too (redisstore.DB.NewLine).
//
// # How many statements
//
// A login is three: the version of the policy, the member, the new session. A member of
// package directory comes with its failed logins, if directory.New was given Members as
// both, as above. Where logins are counted (engine.Options.Failures), a right password
// takes one more and a wrong one five. A check that finds its copies takes none.
//
// A tenant is signed out by one save, however many sessions it has; what removes their rows,
// EndAll and Purge, may come later and takes 5,000 at a time.
package sqlstore

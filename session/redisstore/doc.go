// Package redisstore keeps sessions in Redis, version 7 or later, or in Valkey, and tells
// the processes of a host at once what one of them has changed. It is a module of its own,
// so that hosts without Redis need no client of it.
//
//	rdb := redis.NewClient(&redis.Options{Addr: "redis.internal:6379", ContextTimeoutEnabled: true})
//	db, err := redisstore.New(ctx, rdb, nil) // refuses a server that evicts keys
//	sessions := db.Sessions()                // a session.Store and a session.Revoker
//	policies := db.Told(stores.Policies())   // any policy.Store, as that of sqlstore
//	dir, err := directory.New(accounts, accounts, &directory.Options{Sessions: sessions, Revoker: sessions})
//	eng, err := engine.New(policy.Standard(), policies, dir, &engine.Options{Failures: dir, Revoker: sessions})
//	go eng.Run(ctx) // hears what other processes save
//	go db.FollowMembers(ctx, eng.MemberChanged)
//
// Once, before the first start, somebody calls [DB.NewLine]; see below.
//
// # What decides
//
// Settings, members and the cuts in their records stay where they are; Redis holds what
// hosts ask at each request, the session. A sign-out that names a version, of a whole
// tenant or of a member, is kept as a cut beside the sessions (Sessions.Revoke, and the
// Save of a store behind Told): one write, however many sessions there are. Each session
// below it is found as ended from then on, by every process, also by one whose copy of the
// record is a minute old. Such a cut ends what [session.Order.Ends] means and no other, so
// Redis only adds refusals; it never expires and never moves back. A cut that is lost, or
// never came, costs promptness: the record ends the session within the engine's MaxStale.
//
// # What is told
//
// A store behind [DB.Told] is a [policy.Watcher]. Messages (PUBLISH) wake those who watch;
// what they then read is a list of changes, which they also read each second, so that a
// message that is lost costs a second. Members are told of by [DB.TellMember] and heard by
// [DB.FollowMembers]: whoever stores a change of one calls it, for package directory does
// not. Accounts in sqlstore on PostgreSQL are told of by that itself, see its Follow.
//
// # Lost data
//
// Missing is not empty. NewLine writes a mark; where it is missing, by FLUSHALL, an empty
// replica or the wrong database, every call is an [ErrLost]. The mark counts the ends that
// were written, and the sessions of each tenant: a list that is not whole, or names a
// session that is gone, as by eviction, is an ErrLost too, and so is a server that knows
// fewer ends than a process has seen, or others, as after a failover to a replica that was
// behind or after an old backup. The first process to notice writes it down for all, so
// that nobody accepts a session again whose end was lost; who watches notices within a
// second. The answer is to draw a new line: NewLine ends every session, and members log in
// again. A line is named by the clock of the server; where that went back and the mark is
// gone, processes that have seen a later line are an ErrLost once more, and another NewLine
// comes after what they have seen. Nothing else that is decided is by that clock.
//
// A replica is no store, since what it has may be old: New refuses it, and a call that meets
// one, as after a failover, is an error and never a session, also where it would find nothing
// to do. A primary that was replaced and does not know it yet still answers those who reach
// it: a cluster's stops by itself, and elsewhere min-replicas-to-write keeps it from taking
// ends, of sessions that it never heard of too, but not from being asked.
//
// Where it is the database of settings and members that was restored from a backup, call
// NewLine too, when engine.NewLine was called for each tenant: cuts of the time that was
// lost would end what members begin now, until their records have got as far again.
//
// What was acknowledged and seen by nobody who is still running cannot be missed. For such
// ends set appendfsync always, and min-replicas-to-write where a replica takes over; with
// everysec a crash may lose an end, and then everybody must log in again. Never
// let a maxmemory-policy of allkeys-… remove keys; New refuses it.
//
// # Commands and slots
//
// Every call of a session is one script, one round trip; EndAll, List and Purge take one
// for 200 sessions, and never scan. All keys of a store have one hash tag, the
// Prefix, so it lies in one slot of a cluster, which is what makes an ID unique among all
// tenants and a renewal one step. A host that outgrows one node keeps several stores with
// a Prefix each, and chooses by the tenant.
//
// A call that fails, or whose context ends, may have been done: the error says that this
// is not known, and never that there is no session.
package redisstore

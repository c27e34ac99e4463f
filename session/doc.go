// Package session says which sessions are alive after a tenant's settings or a
// member's status have changed, without a clock and without a search through the
// sessions.
//
// # The idea
//
// A record (the settings of a tenant, or a member) has a [Version], whose number
// grows by one with each save. A session keeps the versions that admitted it: its
// [Stamp]. To end sessions, a save stores one number in the record, in the same
// write: sessions of these [Clients] must carry at least this number. The numbers of
// a record are its [Cuts], and whoever holds the record and the stamp can tell
// whether the session is alive:
//
//	record.Cuts.Alive(stamp.Client, stamp.Policy, record.Version)
//
// The member's record is asked in the same way, with stamp.Member. A save draws the
// next number, cuts at it, and writes version and cuts with the rest of the record:
//
//	record.Version, err = record.Version.Next()
//	record.Cuts = record.Cuts.Cut(clients, record.Version.Number)
//
// That is one write for a session or a million. There is no time of signing out to
// compare with the time of a login, which two machines read from two clocks and which
// ends too few sessions or too many when they differ. There is no list to walk, which
// a login that is just being stored can slip past. A login that follows the save is
// stamped with the new number and lives, even within the same instant.
//
// # Why versions have lines
//
// A backup that is restored takes the numbers of a record back, and so does a record
// that is deleted and made again under its old id. Counting goes on from there, and a
// session of the lost time may carry a number that the new count has yet to reach: it
// would be alive again. So each life of a record has its own [Version.Line], drawn at
// random when the life begins, and numbers are compared only within a line. A session
// of another line is dead. Only the zero Version, which sessions from before stamps
// carry, goes with every line: such a session lives until the first cut of its client.
//
// # Where to start
//
// [Client] and [Clients] name the programs that members log in with. [Version] and
// [Stamp] go into the host's session. [Cuts] goes into the host's record. The package
// decides nothing about networks; that is package policy, whose Diff says which clients
// a save of settings signs out.
//
// In a service that has sessions already, give each record a version with [NewLine] and
// no cuts, and each session from before the stamp Stamp{Client: c}: it lives until the
// first cut of its client.
//
// Everything here is a small value without hidden state. Values are safe for
// concurrent use as integers are: share them freely, but do not assign a variable
// while others read it. A decoder that fails leaves its target as it was.
package session

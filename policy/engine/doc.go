// Package engine runs the decisions of package policy for a service with many tenants:
// settings are stored and changed by administrators, take effect on every machine within a
// bound, end the right sessions, and shut nobody out by accident.
//
//	eng, err := engine.New(policy.Standard(), store, members, &engine.Options{Locator: db})
//	…
//	go eng.Run(ctx) // delivers sign-outs, reads changes at once
//
//	// once for each tenant
//	_, err = eng.Enroll(ctx, engine.Enrollment{Tenant: t, Plan: "standard"})
//
//	// at a login, after the password was checked
//	d, stamp, err := eng.Admit(ctx, engine.Login{Tenant: t, Member: id, Client: session.Web, Addr: addr, Authenticated: ok})
//
//	// at each request of a session
//	d, err = eng.Check(ctx, engine.Request{Tenant: t, Member: id, Stamp: stamp, Addr: addr})
//
//	// when an administrator saves
//	saved, err := eng.Save(ctx, engine.Save{Act: engine.Act{Tenant: t, From: version, By: place}, Settings: settings})
//
// The host brings a [policy.Store] for the settings and [Members] to find members. Nothing
// runs that the host did not start: readings of a store have a goroutine each that ends
// with them, within LoadTimeout, so that a caller who gives up harms no other.
//
// # A login, in order
//
// [Engine.Admit] takes the first that answers.
//
//	1  the store has no record of the tenant, or it was removed:  deny [no-policy]
//	   it does not answer, and the copy is older than MaxStale:   deny [policy-stale]
//	   it has an older version than was seen before:              deny [version-regression]
//	2  the list of package policy is walked twice: for an ordinary member, whom no bypass
//	   and no exception lets in, and for the member who was named
//	3  the password is right, and the member's own answer is
//	   allow, verify or change-password:                          that
//	4  an ordinary member would be denied here:                   that deny
//	5  the password is wrong, or there is no such member:         deny [bad-credentials]
//	6  otherwise:                                                 the member's own deny
//
// So where the network refuses an ordinary member, nobody learns from an answer whether a
// password is right, a member there, suspended or locked. Failures are counted where an
// ordinary member is not denied, of every member, also one who could not log in, for the
// right password is told why: what a stranger does outside locks nobody. A member whom
// [Options.Failures] says is locked is deny [member-locked] from 3 on, unless the status
// denies already; and once it says [member.ErrGuessed], every password is a wrong one.
// Where Members or Failures do not answer, that is told from 5 on, right password or wrong.
// An [UnknownFailures] is asked to count for a member who is not there too, so that the time
// of an answer does not tell who is.
//
// The stamp carries the version of the record that decided and of the member that was
// read. Both are asked for in each login, and not taken from a copy or from a reading that
// began before, so that what a login is given holds against every save that was
// acknowledged before it began. Only where a store does not answer, a copy that is younger
// than MaxStale decides, and the stamp is the copy's.
//
// # A request, in order
//
// [Engine.Check] takes the first that answers. Copies of settings and member decide, none
// older than MaxStale.
//
//	1  there is no record, or no member:                           deny [no-policy], [unknown-member]
//	   neither a copy younger than MaxStale, nor an answer:        deny [policy-stale], [member-stale]
//	   the stamp is above the record, also when read again:        deny [version-regression]
//	2  the stamp is of another line, or below a cut of the tenant,
//	   of the member in the tenant's record, or of the member's:   deny [session-cut]
//	3  [Options.Sessions] knows no such session, or it has ended:  deny [session-unknown], [session-ended]
//	4  otherwise:                                                  the list of package policy, with the address of now
//
// Its client is the stamp's, and a verification counts in the country in which it was made.
//
// # Versions
//
// Each save makes the next version of the tenant's record, writes in it the cuts that end
// sessions, and nothing has to reach the sessions themselves: see package session. A
// machine that has read the record accepts no session below its cuts; the others follow
// within MaxStale, or at once where the store tells of changes (see [policy.Watcher]).
//
// # Locking nobody out
//
// A change that could narrow who comes in is tried, before it is written, from where the
// acting administrator is and from where the others were last seen, now and after each end
// that the settings name: see [LockoutError]. A save may be provisional, and is taken back
// unless somebody confirms it from inside: see [Save], [Engine.Confirm] and
// [Engine.TakeBack]. Under a profile with a ResetLink the administrators are mailed a link
// that lifts the restriction: see [Engine.Redeem]. [Engine.Preview] replays the visits of
// the past through settings that are not saved, and [Engine.Try] runs them beside those in
// force.
package engine

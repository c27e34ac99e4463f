// Package directory keeps the accounts of members for hosts that have no table of users,
// with what administrators do to them: who may do what, which sessions it ends, and what
// is recorded of it.
//
// A host makes a [Directory] over a [Store] and calls an act for each button of its
// administrators' pages:
//
//	dir, err := directory.New(store, store, &directory.Options{Sessions: sessions, Revoker: hub})
//	…
//	err = dir.Suspend(ctx, actor, tenant, id, "left the company")
//
// The Directory is what package policy/engine takes as its Members and its Failures, so a
// member who is suspended is refused at the next request and login. A door that knows no more
// than a login id, or an identity of another service, asks the Store for the member: see Query.
// The Directory starts nothing; the host calls Run, which tells it of sessions to drop, and
// Tidy once a day.
//
// Below it, everything is pure. An [Account] is a value, an [Act] a name, [Facts] say who,
// when and why; Act.Permit says whether an actor may, and Act.Do makes of an account the
// [Change] that a Store saves in one write: the new account, the event and the orders.
//
// # Acts
//
// This table is the specification, and the table in the code has the same lines. An
// administrator needs one of the permissions. "All" are sessions of every client. What is
// in no state for an act is refused, and so is what would change nothing.
//
//	act                       effect                               sessions ended       permission
//	suspend / lift            no login; data kept; a leave is      all / none           members or security
//	                          ended
//	block-apps / unblock-apps mobile, desktop, drive refused;      those / none         security
//	                          the browser works
//	set-password              the old one is dead; the new one     all                  security
//	                          stays until it is changed: see
//	                          request-password-change
//	request-password-change   must change at next login            none; after the      members or security
//	                                                               change all
//	change-login-id           once, and only an id that was        all                  security
//	                          generated
//	unlink                    that external login cannot log in    those that came      security
//	                                                               in by it
//	end-session               that one ends                        that one             security
//	wipe-app / reset-device   the host's device service is told    those on the device  security
//	delete / restore          no login / within 7 days as          all / none           members
//	                          before, suspended stays suspended
//	lock                      failed logins reach the limit        none                 -
//	unlock                    opens it; a super admin's opens by   none                 security
//	                          itself after 15 minutes
//	allow-clients             all others are refused               those others         services
//	give-role / take-role                                          all, where something critical, and
//	                                                               was taken            a super admin
//	begin-leave / end-leave   away, and may log in                 none                 members
//	edit-profile              name, mail, rank and so on           none                 members
//	create                    pending, under an id never used      none                 members
//	make-again                as new, under the id of one who was  all, of the old      members
//	                          deleted 7 days ago or longer         line
//	look                      see Overview                         none                 members, security or audit
//	list                      see List                             none                 basics
//	read-events               see Events                           none                 audit
//	read-blocked              see Blocked                          none                 security
//
//	change-password           its own; a request for it is met     all                  the member itself
//	link                      an external login that no other      none                 the member itself
//	                          member has
//	record-contacts           where codes go that verify it        none                 the member itself
//
//	adopt                     an account from elsewhere            none                 the host
//	purge                     7 days after a deletion only id      all                  the host
//	                          and version are left
//	draw-line                 after a backup was restored          all                  the host
//
// # Roles
//
//	permission   super-admin  deputy  it-admin  hr-admin
//	basics       yes          yes     yes       yes
//	members      yes          yes               yes
//	services     yes          yes     yes
//	security     yes          yes     yes
//	audit        yes          yes
//	help         yes          yes
//	developers   yes          yes
//	critical     yes
//
// Custom roles have permissions of the host's choice. An actor must be able to log in, and
// must hold every permission that the target holds. Nobody but a super admin acts on a
// super admin; roles are given by super admins only. A lock by failed logins does not keep
// an administrator from acting, as it ends no session: a stranger's guesses must throw out
// nobody.
//
// The last super admin who can log in cannot be suspended, deleted, demoted, nor have apps
// or clients closed. That holds for two acts at the same instant too: each is saved with
// the version of the tenant's [Roster], in its own write.
//
// # How sessions end
//
// Every act takes the next version of the account. One that ends all sessions, or those
// of some clients, cuts at it, so they are dead without anybody being told. What is
// narrower cannot be told by a cut: one session, those on a device, those by an external
// login. These acts too write their order with the account, and it is carried out at once
// or by Run, at least once.
//
// Ids are never used again: a deleted member leaves its id and its version behind. A
// member made again is on a new line, on which no session of the old one lives.
package directory

// Package member says what a login decision needs to know of a member, and nothing
// else of it.
//
// A host has a table of its users already. It fills a [Member] from it: whether the
// member may log in at all ([Status]), what the network rules do not bind (Super), which
// programs are closed to it (Blocked), and which of its sessions are ended (Version and
// Cuts). Names, mail addresses and passwords stay with the host. A host without such a
// table can use package member/directory.
//
// An act on a member is one write of one Member. What ends sessions takes the next
// version and cuts at its number in that same write, so that no session outlives the act
// and no login after it is lost; package session tells why that is enough.
package member

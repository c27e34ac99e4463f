package engine_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

// The columns of the table "Signing out on save": who is signed out, by name.
const (
	saveNobody        = ""
	saveEveryone      = "web desktop mobile drive pop3 imap smtp caldav api"
	saveAllButMobile  = "web desktop drive pop3 imap smtp caldav api"
	saveAllButTheFree = "web desktop drive pop3 imap smtp caldav"
)

func saveHas(clients string, c session.Client) bool {
	return slices.Contains(strings.Fields(clients), c.String())
}

// saveTable is the table of rules.md, and what it says below it. Sessions are logged in
// by "kim", an ordinary member, "boss", a super admin, and "lee", who is an exception.
var saveTable = []struct {
	why        string
	old, new   policy.Settings
	naver      string
	line       string
	kintone    string
	standard   string
	lee        bool // of lee alone
	overseas   bool // needs a profile that has blocking
	exceptions bool // needs a profile that has exceptions
}{
	{why: "all to designated", old: saveAll(), new: saveList("8.8.8.0/24"),
		naver: saveAllButMobile, line: saveAllButTheFree, kintone: saveNobody, standard: saveEveryone},
	{why: "an address is taken off", old: saveList("8.8.8.0/24", "1.1.1.1"), new: saveList("8.8.8.0/24"),
		naver: saveAllButTheFree, line: saveAllButTheFree, kintone: saveNobody, standard: saveEveryone},
	{why: "an entry is narrowed", old: saveList("8.8.8.0/24"), new: saveList("8.8.8.0/25"),
		naver: saveAllButTheFree, line: saveAllButTheFree, kintone: saveNobody, standard: saveEveryone},
	{why: "an end is moved into the past", old: saveList("8.8.8.0/24", "1.1.1.1"), new: saveUntil(saveList("8.8.8.0/24"), "1.1.1.1", saveEpoch.Add(-time.Hour)),
		naver: saveAllButTheFree, line: saveAllButTheFree, kintone: saveNobody, standard: saveEveryone},
	{why: "an end is moved to this instant", old: saveList("8.8.8.0/24", "1.1.1.1"), new: saveUntil(saveList("8.8.8.0/24"), "1.1.1.1", saveEpoch),
		naver: saveAllButTheFree, line: saveAllButTheFree, kintone: saveNobody, standard: saveEveryone},
	{why: "an end is put into the future", old: saveList("8.8.8.0/24", "1.1.1.1"), new: saveUntil(saveList("8.8.8.0/24"), "1.1.1.1", saveEpoch.Add(time.Hour))},
	{why: "what has ended is taken off", old: saveUntil(saveList("8.8.8.0/24"), "1.1.1.1", saveEpoch.Add(-time.Hour)), new: saveList("8.8.8.0/24")},
	{why: "an address is added", old: saveList("8.8.8.0/24"), new: saveList("8.8.8.0/24", "1.1.1.1")},
	{why: "two entries are written as one", old: saveList("8.8.8.0/25", "8.8.8.128/25"), new: saveList("8.8.8.0/24")},
	{why: "designated to all", old: saveList("8.8.8.0/24"), new: saveAll()},
	{why: "verify off the list, no more", old: saveOutside(saveList("8.8.8.0/24")), new: saveList("8.8.8.0/24")},
	{why: "a list that is not in force", old: saveList("8.8.8.0/24", "1.1.1.1"), new: saveKept(saveList("8.8.8.0/24"))},
	{why: "nothing", old: saveList("8.8.8.0/24"), new: saveList("8.8.8.0/24")},

	{why: "blocking comes into force", old: saveAll(), new: saveBlock(saveAll(), "KR"), overseas: true, naver: saveEveryone, standard: saveEveryone},
	{why: "an exempt country is taken off", old: saveBlock(saveAll(), "KR", "JP"), new: saveBlock(saveAll(), "KR"), overseas: true, naver: saveEveryone, standard: saveEveryone},
	{why: "designated to all, and blocking is on", old: saveBlock(saveList("8.8.8.0/24"), "KR"), new: saveBlock(saveAll(), "KR"), overseas: true, naver: saveEveryone, standard: saveEveryone},
	{why: "an exempt country is added", old: saveBlock(saveAll(), "KR"), new: saveBlock(saveAll(), "KR", "JP"), overseas: true},
	{why: "blocking goes", old: saveBlock(saveAll(), "KR"), new: saveAll(), overseas: true},
	{why: "blocking is switched on while designated", old: saveList("8.8.8.0/24"), new: saveBlock(saveList("8.8.8.0/24"), "KR"), overseas: true},
	{why: "both at once", old: saveAll(), new: saveBlock(saveList("8.8.8.0/24"), "KR"), overseas: true, naver: saveAllButMobile, standard: saveEveryone},

	{why: "an exception is taken away", old: saveExcept(saveList("8.8.8.0/24"), policy.Exception{Member: "lee"}), new: saveList("8.8.8.0/24"),
		exceptions: true, lee: true, naver: saveAllButTheFree, standard: saveEveryone},
	{why: "an exception is narrowed", old: saveExcept(saveList("8.8.8.0/24"), policy.Exception{Member: "lee"}), new: saveExcept(saveList("8.8.8.0/24"), policy.Exception{Member: "lee", Ranges: saveRanges("9.9.9.0/24")}),
		exceptions: true, lee: true, naver: saveAllButTheFree, standard: saveEveryone},
	{why: "an exception ends now", old: saveExcept(saveList("8.8.8.0/24"), policy.Exception{Member: "lee"}), new: saveExcept(saveList("8.8.8.0/24"), policy.Exception{Member: "lee", Until: saveEpoch}),
		exceptions: true, lee: true, naver: saveAllButTheFree, standard: saveEveryone},
	{why: "an exception will end", old: saveExcept(saveList("8.8.8.0/24"), policy.Exception{Member: "lee"}), new: saveExcept(saveList("8.8.8.0/24"), policy.Exception{Member: "lee", Until: saveEpoch.Add(time.Hour)}), exceptions: true},
	{why: "an exception is widened", old: saveExcept(saveList("8.8.8.0/24"), policy.Exception{Member: "lee", Ranges: saveRanges("9.9.9.0/24")}), new: saveExcept(saveList("8.8.8.0/24"), policy.Exception{Member: "lee"}), exceptions: true},
	{why: "an exception is taken away while all are allowed", old: saveKept(saveExcept(saveList("8.8.8.0/24"), policy.Exception{Member: "lee"})), new: saveKept(saveList("8.8.8.0/24")), exceptions: true},
	{why: "a list and an exception", old: saveExcept(saveList("8.8.8.0/24", "1.1.1.1"), policy.Exception{Member: "lee"}), new: saveList("8.8.8.0/24"),
		exceptions: true, naver: saveAllButTheFree, standard: saveEveryone},
}

var saveEpoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // when a bubble of synctest begins

func saveRanges(texts ...string) (ranges []ipset.Range) {
	for _, s := range texts {
		ranges = append(ranges, ipset.MustParseRange(s))
	}
	return ranges
}

func saveOutside(s policy.Settings) policy.Settings { s.Outside = policy.Verify; return s }

// saveKept keeps the list and takes it out of force.
func saveKept(s policy.Settings) policy.Settings { s.Access = policy.AllAddresses; return s }

// Real sessions of every client, through the doors of two machines: which of them live
// after a save is what the table says, at once here, and there as soon as it has seen it.
func TestGuarantee14SigningOutOnSave(t *testing.T) {
	for _, p := range []struct {
		profile *policy.Profile
		column  func(i int) string
	}{
		{policy.NaverWorks(), func(i int) string { return saveTable[i].naver }},
		{policy.LineWorks(), func(i int) string { return saveTable[i].line }},
		{policy.Kintone(), func(i int) string { return saveTable[i].kintone }},
		{policy.Standard(), func(i int) string { return saveTable[i].standard }},
	} {
		for i, row := range saveTable {
			if row.overseas && !p.profile.Overseas || row.exceptions && !p.profile.Exceptions {
				continue
			}
			t.Run(p.profile.Name+"/"+row.why, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newSaveWorld(t, p.profile, row.old)
					other := w.another(nil)
					var all []saveSession
					for _, id := range []member.ID{"kim", "boss", "lee"} {
						for c := range p.profile.Clients.All() {
							all = append(all, w.login(w.eng, id, c, saveOffice), w.login(other, id, c, saveOffice),
								saveSession{id, c, saveOffice, session.Stamp{Client: c}}) // from before stamps
						}
					}
					saved := w.save(row.new)
					orders := w.orders(session.SignOut)
					for _, e := range []struct {
						name  string
						wait  time.Duration
						check func(saveSession) bool
					}{
						{"here", 0, func(s saveSession) bool { return w.cut(w.eng, s) }},
						{"there", 90 * time.Second, func(s saveSession) bool { return w.cut(other, s) }},
					} {
						time.Sleep(e.wait)
						for _, s := range all {
							want := saveHas(p.column(i), s.client) && (!row.lee || s.member == "lee")
							if got := e.check(s); got != want {
								t.Errorf("%s: %v: ended %v, want %v: %v", e.name, s, got, want, w.check(w.eng, s))
							}
							if got := saveMeant(orders, s); got != want {
								t.Errorf("%v: ordered %v, want %v", s, got, want)
							}
							told := saved.Change.SignOut.Has(s.client) || slices.Contains(saved.Change.SignOutMembers, s.member) && p.profile.SignOut.Exception.Has(s.client)
							if told != want {
								t.Errorf("%v: told %v, want %v", s, told, want)
							}
						}
					}
					// 15: whoever logs in now lives, here and there, and no order means them.
					for c := range p.profile.Clients.All() {
						s := w.login(w.eng, "lee", c, saveOffice)
						if w.cut(w.eng, s) || w.cut(other, s) || saveMeant(orders, s) {
							t.Errorf("%v: new and ended", s)
						}
					}
				})
			})
		}
	}
}

// 16: the highest of all cuts counts.
func TestGuarantee16CutsOfAllAndOfOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lee := policy.Exception{Member: "lee"}
		w := newSaveWorld(t, policy.NaverWorks(), saveExcept(saveList("8.8.8.0/24"), lee))
		first := w.login(w.eng, "lee", session.Web, saveOffice)
		w.save(saveList("8.8.8.0/24")) // cuts lee
		second, kim := w.login(w.eng, "lee", session.Web, saveOffice), w.login(w.eng, "kim", session.Web, saveOffice)
		if !w.cut(w.eng, first) || w.cut(w.eng, second) || w.cut(w.eng, kim) {
			t.Error("after the cut of one")
		}
		w.save(saveExcept(saveList("8.8.8.0/25"), lee)) // cuts all
		if !w.cut(w.eng, second) || !w.cut(w.eng, kim) {
			t.Error("after the cut of all")
		}
		if r := w.record(); r.MemberCuts != nil {
			t.Errorf("a cut below that of all is kept: %v", r.MemberCuts)
		}
		third := w.login(w.eng, "lee", session.Web, saveOffice)
		w.save(saveList("8.8.8.0/25"))
		if !w.cut(w.eng, first) || !w.cut(w.eng, second) || !w.cut(w.eng, third) {
			t.Error("a session is alive again")
		}
	})
}

// Over a thousand members that were cut become one cut of all. Orders and what is told
// follow it.
func TestManyMemberCutsBecomeOne(t *testing.T) {
	for _, row := range []struct {
		before, now int // members cut by earlier saves, and by the last
		merged      bool
	}{{0, 1000, false}, {0, 1001, true}, {999, 1, false}, {1000, 1, true}, {600, 600, true}} {
		t.Run(fmt.Sprintf("%d and %d", row.before, row.now), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				all := saveList("8.8.8.0/24")
				for i := range row.before + row.now {
					all.Exceptions = append(all.Exceptions, policy.Exception{Member: member.ID(fmt.Sprintf("m%04d", i))})
				}
				w := newSaveWorld(t, policy.NaverWorks(), all)
				ids := []member.ID{"m0000", all.Exceptions[row.before].Member, all.Exceptions[len(all.Exceptions)-1].Member, "kim"}
				if row.before > 0 {
					left := all.Clone()
					left.Exceptions = left.Exceptions[row.before:]
					w.save(left)
				}
				saveSettle(w)
				var sessions []saveSession
				for _, id := range ids {
					for _, c := range []session.Client{session.Web, session.Mobile, session.IMAP} {
						sessions = append(sessions, w.login(w.eng, id, c, saveOffice))
					}
				}
				saved := w.save(saveList("8.8.8.0/24"))
				if n := len(w.record().MemberCuts); (n == 0) != row.merged || n > policy.MaxMemberCuts {
					t.Errorf("%d members are cut singly", n)
				}
				if got := saved.Change.SignOut; row.merged && got != w.profile.SignOut.Exception || !row.merged && got != 0 {
					t.Errorf("told that %v are signed out", got)
				}
				orders := w.orders(session.SignOut)
				if want := map[bool]int{false: row.now, true: 1}[row.merged]; len(orders) != want {
					t.Errorf("%d orders, want %d", len(orders), want)
				}
				for _, s := range sessions {
					taken := slices.ContainsFunc(all.Exceptions[row.before:], func(x policy.Exception) bool { return x.Member == s.member })
					want := s.client != session.Mobile && (taken || row.merged)
					if w.cut(w.eng, s) != want || saveMeant(orders, s) != want {
						t.Errorf("%v: %v, ordered %v; want ended %v", s, w.check(w.eng, s), saveMeant(orders, s), want)
					}
				}
				for _, id := range ids {
					if s := w.login(w.eng, id, session.Web, saveOffice); w.cut(w.eng, s) {
						t.Errorf("%v cannot log in again", s)
					}
				}
			})
		})
	}
}

// Where the profile has changed since, all are cut on whatever a single member was.
func TestManyMemberCutsOfAnotherProfile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := saveList("8.8.8.0/24")
		for i := range 1001 {
			all.Exceptions = append(all.Exceptions, policy.Exception{Member: member.ID(fmt.Sprintf("m%04d", i))})
		}
		w := newSaveWorld(t, policy.Standard(), all)
		kim := w.login(w.eng, "kim", session.Mobile, saveOffice)
		left := all.Clone()
		left.Exceptions = left.Exceptions[1000:]
		w.save(left) // on every client
		later := w.login(w.eng, "kim", session.Mobile, saveOffice)
		w.profile.SignOut.Exception = session.ClientsOf(session.Web)
		w.eng = w.another(nil)
		saveSettle(w)
		saved := w.save(saveList("8.8.8.0/24"))
		orders := w.orders(session.SignOut)
		for _, s := range []saveSession{kim, later} {
			if w.cut(w.eng, s) != saveMeant(orders, s) || w.cut(w.eng, s) != saved.Change.SignOut.Has(s.client) {
				t.Errorf("%v: %v, ordered %v, told %v", s, w.check(w.eng, s), saveMeant(orders, s), saved.Change.SignOut)
			}
		}
		if lines := saved.Change.Summary; !strings.HasPrefix(lines[len(lines)-1], "more than 1000 members are signed out singly") {
			t.Errorf("%q", lines)
		}
	})
}

// saveSettle does away with the orders that there are.
func saveSettle(w *saveWorld) {
	for _, o := range w.orders(session.SignOut) {
		if err := w.mem.Done(w.ctx, o.ID); err != nil {
			w.Fatal(err)
		}
	}
}

// An order names what it ends and no more, whatever was cut before.
func TestOrdersNameWhatTheSaveEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSaveWorld(t, policy.NaverWorks(), saveAll())
		w.save(saveList("8.8.8.0/24", "1.1.1.1"))
		w.save(saveExcept(saveList("8.8.8.0/24", "1.1.1.1"), policy.Exception{Member: "lee"}, policy.Exception{Member: "kim"}))
		w.save(saveExcept(saveList("8.8.8.0/24", "1.1.1.1"), policy.Exception{Member: "lee"}))
		saveSettle(w)
		w.save(saveList("8.8.8.0/24", "1.1.1.1"))
		orders := w.orders(session.SignOut)
		if len(orders) != 1 || orders[0].Member != "lee" || orders[0].Clients != w.profile.SignOut.Exception || orders[0].Policy != w.at() || orders[0].ID == "" {
			t.Errorf("%+v", orders)
		}
		saveSettle(w)
		w.save(saveList("8.8.8.0/24", "1.1.1.1", "1.0.0.1"))
		if orders := w.orders(session.SignOut); len(orders) != 0 {
			t.Errorf("a save that ends nothing orders %+v", orders)
		}
	})
}

// A session that a save ends says by which act.
func TestSignOutsSayTheirAct(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSaveWorld(t, policy.Standard(), saveAll())
		w.save(saveList("8.8.8.0/24"))
		if _, err := w.eng.NewLine(w.ctx, engine.Act{Tenant: saveTenant}); err != nil {
			t.Fatal(err)
		}
		var why []string
		for _, o := range w.orders(session.SignOut) {
			why = append(why, o.Reason())
		}
		if want := []string{"settings-saved", "new-line"}; !slices.Equal(why, want) {
			t.Errorf("sessions are ended for %q; want %q", why, want)
		}
	})
}

package engine_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

func TestGuarantee25OtherAdministrators(t *testing.T) {
	inside, outside, lost := guardPlace("kim", session.Web, saveOffice), guardPlace("lee", session.Web, saveHome), guardPlace("park", session.Mobile, saveLost)
	boss := guardPlace("boss", session.Web, saveLost)
	hour := saveEpoch.Add(time.Hour)
	for _, row := range []struct {
		why     string
		by      engine.Place
		others  []engine.Place
		new     policy.Settings
		refused string
		mend    string // the entry or the country
		bypass  string
	}{
		{"one of them can", engine.Place{}, []engine.Place{inside, outside}, saveList("8.8.8.0/24"), "", "", ""},
		{"none of them can", engine.Place{}, []engine.Place{outside, lost}, saveList("8.8.8.0/24"),
			`"lee" with web at 9.9.9.9: deny [address-not-designated]; "park" with mobile at 77.7.7.7: deny [address-not-designated]`, "9.9.9.9", ""},
		{"the acting one can", inside, []engine.Place{outside, lost}, saveList("8.8.8.0/24"), "", "", ""},
		{"the acting one cannot, others can", outside, []engine.Place{inside}, saveList("8.8.8.0/24"),
			`"lee" (acting) with web at 9.9.9.9: deny [address-not-designated]`, "9.9.9.9", ""},
		{"the acting one is not counted by where they were before", outside, []engine.Place{guardPlace("lee", session.Web, saveOffice)}, saveList("8.8.8.0/24"),
			`"lee" (acting) with web at 9.9.9.9: deny [address-not-designated]`, "9.9.9.9", ""},
		{"nor named by it", outside, []engine.Place{guardPlace("lee", session.Web, saveLost)}, saveList("8.8.8.0/24"),
			`"lee" (acting) with web at 9.9.9.9: deny [address-not-designated]`, "9.9.9.9", ""},
		{"only a bypass", engine.Place{}, []engine.Place{boss, outside}, saveList("8.8.8.0/24"), "", "", `"boss" with web at 77.7.7.7: allow [super-admin]`},
		{"none is named", engine.Place{}, nil, saveList("8.8.8.0/24"), "", "", ""},
		{"one who is not there", engine.Place{}, []engine.Place{guardPlace("nobody", session.Web, saveOffice), outside}, saveList("8.8.8.0/24"),
			`"lee" with web at 9.9.9.9: deny [address-not-designated]`, "9.9.9.9", ""},
		{"only until an end", engine.Place{}, []engine.Place{outside}, saveUntil(saveList("8.8.8.0/24"), "9.9.9.9", hour),
			`"lee" with web at 9.9.9.9, from 2000-01-01T01:00:00Z on: deny [address-not-designated]`, "9.9.9.9", ""},
		{"one until an end, then another", engine.Place{}, []engine.Place{outside, inside}, saveUntil(saveList("8.8.8.0/24"), "9.9.9.9", hour), "", "", ""},
		{"locked, which passes", engine.Place{}, []engine.Place{guardPlace("locked", session.Web, saveOffice)}, saveList("8.8.8.0/24"), "", "", ""},
		{"suspended", engine.Place{}, []engine.Place{guardPlace("suspended", session.Web, saveOffice)}, saveList("8.8.8.0/24"),
			`"suspended" with web at 8.8.8.8: deny [member-suspended]`, "", ""},
		{"one without an address, and one with", engine.Place{}, []engine.Place{{Member: "park", Client: session.Web}, outside}, saveList("8.8.8.0/24"),
			`"park" with web at no address: deny [no-client-address]; "lee" with web at 9.9.9.9: deny [address-not-designated]`, "9.9.9.9", ""},
		{"one in no country, and one in a country", engine.Place{}, []engine.Place{lost, outside}, saveBlock(saveAll(), "KR"),
			`"park" with mobile at 77.7.7.7: verify [overseas-login], and there is no contact to verify by; "lee" with web at 9.9.9.9: verify [overseas-login] US, and there is no contact to verify by`, "US", ""},
		{"must change the password", engine.Place{}, []engine.Place{guardPlace("dated", session.IMAP, saveOffice)}, saveList("8.8.8.0/24"), "", "", ""},
	} {
		t.Run(row.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newSaveWorld(t, policy.Standard(), saveAll())
				w.admins.places = row.others
				w.members.named["locked"] = member.Member{Tenant: saveTenant, ID: "locked", Status: member.Locked}
				w.members.named["suspended"] = member.Member{Tenant: saveTenant, ID: "suspended", Status: member.Suspended}
				w.members.named["dated"] = member.Member{Tenant: saveTenant, ID: "dated", Status: member.Active, MustChangePassword: true}
				a := w.act()
				a.By = row.by
				saved, err := w.eng.Save(w.ctx, engine.Save{Act: a, Settings: row.new})
				if row.refused == "" {
					if err != nil || guardTexts(saved.OnlyBypass) != row.bypass {
						t.Errorf("%v, only by a bypass %q; want %q", err, guardTexts(saved.OnlyBypass), row.bypass)
					}
					return
				}
				l := guardRefusal(t, err)
				mend := l.MendCountry.String()
				if !l.Mend.Range.IsZero() {
					mend += l.Mend.Range.String()
				}
				if guardTexts(l.Findings) != row.refused || mend != row.mend {
					t.Errorf("%s\nmended by %s; want\n%s\nand %s", guardTexts(l.Findings), mend, row.refused, row.mend)
				}
			})
		})
	}
}

// What mends a change is looked for at ten places, each of which costs as much as a save.
func TestGuardMendsByTenPlacesAtMost(t *testing.T) {
	for lost, mended := range map[int]bool{9: true, 10: false} {
		synctest.Test(t, func(t *testing.T) {
			w := newSaveWorld(t, policy.Standard(), saveAll())
			for i := range lost {
				w.admins.places = append(w.admins.places, engine.Place{Member: member.ID(fmt.Sprint("lost", i)), Client: session.Web})
			}
			w.admins.places = append(w.admins.places, guardPlace("lee", session.Web, saveHome))
			_, err := w.eng.Save(w.ctx, engine.Save{Act: w.act(), Settings: saveList("8.8.8.0/24")})
			if l := guardRefusal(t, err); l.Mend.Range.IsZero() == mended {
				t.Errorf("after %d places that mend nothing: mended by %v", lost, l.Mend)
			}
		})
	}
}

// Who is shut out by an act that is done all the same is told: to who acts, in the event, and
// before, where what mends the act does not help them.
func TestGuardTellsWhomElseItShutsOut(t *testing.T) {
	hour := saveEpoch.Add(time.Hour)
	kim, lee := guardPlace("kim", session.Web, saveOffice), guardPlace("lee", session.Web, saveHome)
	for _, row := range []struct {
		why    string
		by     engine.Place
		others []engine.Place
		old    policy.Settings
		new    policy.Settings
		still  string // whom the mend of a refusal does not help
		out    string // Saved.ShutOut, once mended
	}{
		{"another administrator", kim, []engine.Place{lee}, saveAll(), saveList("8.8.8.0/24"), "",
			`"lee" with web at 9.9.9.9: deny [address-not-designated]`},
		{"whom the mend does not help", kim, []engine.Place{lee}, saveAll(), saveList("7.7.7.0/24"),
			`"lee" with web at 9.9.9.9: deny [address-not-designated]`, `"lee" with web at 9.9.9.9: deny [address-not-designated]`},
		{"whom a country does not help", kim, []engine.Place{lee}, saveAll(), saveBlock(saveAll()),
			`"lee" with web at 9.9.9.9: verify [overseas-login] US, and there is no contact to verify by`,
			`"lee" with web at 9.9.9.9: verify [overseas-login] US, and there is no contact to verify by`},
		{"nobody acts", engine.Place{}, []engine.Place{kim, lee}, saveAll(), saveList("8.8.8.0/24"), "",
			`"lee" with web at 9.9.9.9: deny [address-not-designated]`},
		{"from an end on", kim, []engine.Place{lee}, saveAll(), saveUntil(saveList("8.8.8.0/24"), "9.9.9.9", hour), "",
			`"lee" with web at 9.9.9.9, from 2000-01-01T01:00:00Z on: deny [address-not-designated]`},
		{"who was out before", kim, []engine.Place{lee}, saveList("8.8.8.0/24", "1.1.1.1"), saveList("8.8.8.0/24"), "", ""},
		{"whose end was there before", kim, []engine.Place{lee}, saveUntil(saveList("8.8.8.0/24", "1.1.1.1"), "9.9.9.9", hour),
			saveUntil(saveList("8.8.8.0/24"), "9.9.9.9", hour), "", ""},
		{"who is suspended", kim, []engine.Place{guardPlace("suspended", session.Web, saveHome)}, saveAll(), saveList("8.8.8.0/24"), "", ""},
		{"who has a bypass", kim, []engine.Place{guardPlace("boss", session.Web, saveHome)}, saveAll(), saveList("8.8.8.0/24"), "", ""},
	} {
		t.Run(row.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newSaveWorld(t, policy.Standard(), row.old)
				w.admins.places = row.others
				w.members.named["suspended"] = member.Member{Tenant: saveTenant, ID: "suspended", Status: member.Suspended}
				a := w.act()
				a.By, a.ID = row.by, "save"
				saved, err := w.eng.Save(w.ctx, engine.Save{Act: a, Settings: row.new})
				if row.still != "" {
					l := guardRefusal(t, err)
					if said := fmt.Sprintf("%v, this shuts out\n\t%s", err, row.still); guardTexts(l.StillOut) != row.still || !strings.HasSuffix(err.Error(), said[strings.LastIndex(said, ", this shuts"):]) {
						t.Fatalf("%v\nand still out are\n%s\nwant\n%s", err, guardTexts(l.StillOut), row.still)
					}
					if l.Mend.Range.IsZero() {
						row.new.Overseas.Exempt = row.new.Overseas.Exempt.With(l.MendCountry)
					} else {
						row.new.Designated = append(row.new.Designated, l.Mend)
					}
					saved, err = w.eng.Save(w.ctx, engine.Save{Act: a, Settings: row.new})
				}
				if err != nil || guardTexts(saved.ShutOut) != row.out {
					t.Fatalf("%v, and shut out are\n%s\nwant\n%s", err, guardTexts(saved.ShutOut), row.out)
				}
				past, err := w.mem.History(w.ctx, saveTenant, session.Version{}, 1)
				if err != nil || len(past) != 1 || past[0].Event.ID != "save" {
					t.Fatalf("%v, %v", past, err)
				}
				if said := strings.Join(past[0].Event.Summary, "\n"); strings.Contains(said, "shuts out") != (row.out != "") || !strings.Contains(said, row.out) {
					t.Errorf("the event says\n%s\nwant\n%s", said, row.out)
				}
			})
		})
	}
}

// A force lets the acting administrator be shut out too, and says so.
func TestGuardTellsWhomAForceShutsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSaveWorld(t, guardBound(), saveAll())
		s := engine.Save{Act: saveBy(w.act(), "kim", saveHome), Settings: saveList("8.8.8.0/24")}
		for range 30 {
			w.admins.places = append(w.admins.places, guardPlace(member.ID(fmt.Sprint("other", len(w.admins.places))), session.Web, saveHome))
		}
		_, err := w.eng.Save(w.ctx, s)
		s.Force = guardRefusal(t, err).Force
		saved, err := w.eng.Save(w.ctx, s)
		if err != nil || len(saved.ShutOut) != 31 || !saved.ShutOut[0].Acting {
			t.Fatalf("%v, and shut out are %s", err, guardTexts(saved.ShutOut))
		}
		past, err := w.mem.History(w.ctx, saveTenant, session.Version{}, 1)
		if err != nil || len(past) != 1 || !strings.Contains(strings.Join(past[0].Event.Summary, "\n"), "\nshuts out 21 more\n") {
			t.Errorf("the event says %q, %v", past[0].Event.Summary, err)
		}
	})
}

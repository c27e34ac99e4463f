package engine_test

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

func guardPlace(id member.ID, c session.Client, addr netip.Addr) engine.Place {
	return engine.Place{Member: id, Client: c, Addr: addr}
}

// bound is a profile under which super admins and all clients are bound by the list.
func guardBound() *policy.Profile {
	p := policy.Standard()
	p.SuperAdminBypass = false
	return p
}

func guardRefusal(t *testing.T, err error) *engine.LockoutError {
	t.Helper()
	var l *engine.LockoutError
	if !errors.As(err, &l) {
		t.Fatalf("%v; want a refusal", err)
	}
	return l
}

func TestGuarantee25TheActingAdministrator(t *testing.T) {
	hour := saveEpoch.Add(time.Hour)
	home6 := netip.MustParseAddr("2001:4860::9")
	for _, row := range []struct {
		why     string
		profile *policy.Profile
		by      engine.Place
		old     policy.Settings
		new     policy.Settings
		refused string // how the findings read; "": saved
		mend    string // the entry that mends it; "": there is none
		country string // the country that does
		bypass  string // the places that only a bypass admits
	}{
		{why: "inside", profile: guardBound(), by: guardPlace("kim", session.Web, saveOffice), new: saveList("8.8.8.0/24")},
		{why: "outside", profile: guardBound(), by: guardPlace("kim", session.Web, saveHome), new: saveList("8.8.8.0/24"),
			refused: `"kim" (acting) with web at 9.9.9.9: deny [address-not-designated]`, mend: "9.9.9.9"},
		{why: "outside, by IPv6", profile: guardBound(), by: guardPlace("kim", session.Web, home6), new: saveList("8.8.8.0/24"),
			refused: `"kim" (acting) with web at 2001:4860::9: deny [address-not-designated]`, mend: "2001:4860::9"},
		{why: "outside, mapped", profile: guardBound(), by: guardPlace("kim", session.Web, netip.MustParseAddr("::ffff:9.9.9.9")), new: saveList("8.8.8.0/24"),
			refused: `"kim" (acting) with web at 9.9.9.9: deny [address-not-designated]`, mend: "9.9.9.9"},
		{why: "in by the client in use, and not by the web", profile: policy.NaverWorks(), by: guardPlace("kim", session.Mobile, saveHome), new: saveList("8.8.8.0/24"),
			refused: `"kim" (acting) with web at 9.9.9.9: deny [address-not-designated]`, mend: "9.9.9.9"},
		{why: "neither", profile: guardBound(), by: guardPlace("kim", session.Desktop, saveHome), new: saveList("8.8.8.0/24"),
			refused: `"kim" (acting) with desktop at 9.9.9.9: deny [address-not-designated]; "kim" (acting) with web at 9.9.9.9: deny [address-not-designated]`, mend: "9.9.9.9"},
		{why: "a super admin, by the bypass", profile: policy.Standard(), by: guardPlace("boss", session.Web, saveHome), new: saveList("8.8.8.0/24"),
			bypass: `"boss" (acting) with web at 9.9.9.9: allow [super-admin]`},
		{why: "an exception", profile: guardBound(), by: guardPlace("kim", session.Web, saveHome), new: saveExcept(saveList("8.8.8.0/24"), policy.Exception{Member: "kim"}),
			bypass: `"kim" (acting) with web at 9.9.9.9: allow [member-excepted]`},
		{why: "the exception ends", profile: guardBound(), by: guardPlace("kim", session.Web, saveHome), new: saveExcept(saveList("8.8.8.0/24"), policy.Exception{Member: "kim", Until: hour}),
			refused: `"kim" (acting) with web at 9.9.9.9, from 2000-01-01T01:00:00Z on: deny [address-not-designated]`, mend: "9.9.9.9"},
		{why: "the entry ends", profile: guardBound(), by: guardPlace("kim", session.Web, saveHome), new: saveUntil(saveList("8.8.8.0/24"), "9.9.9.0/24", hour),
			refused: `"kim" (acting) with web at 9.9.9.9, from 2000-01-01T01:00:00Z on: deny [address-not-designated]`, mend: "9.9.9.9"},
		{why: "the entry ends, and an exception is left", profile: guardBound(), by: guardPlace("kim", session.Web, saveHome),
			new:    saveExcept(saveUntil(saveList("8.8.8.0/24"), "9.9.9.0/24", hour), policy.Exception{Member: "kim"}),
			bypass: `"kim" (acting) with web at 9.9.9.9, from 2000-01-01T01:00:00Z on: allow [member-excepted]`},
		{why: "an address that the profile does not take", profile: guardBound(), by: guardPlace("kim", session.Web, netip.MustParseAddr("10.1.2.3")), new: saveList("8.8.8.0/24"),
			refused: `"kim" (acting) with web at 10.1.2.3: deny [address-not-designated]`},
		{why: "IPv6 where the profile takes none", profile: policy.Kintone(), by: guardPlace("kim", session.Web, home6), new: saveList("8.8.8.0/24"),
			refused: `"kim" (acting) with web at 2001:4860::9: deny [address-not-designated]`},
		{why: "no address", profile: guardBound(), by: engine.Place{Member: "kim", Client: session.Web}, new: saveList("8.8.8.0/24"),
			refused: `"kim" (acting) with web at no address: deny [no-client-address]`},
		{why: "no client", profile: guardBound(), by: engine.Place{Member: "kim", Addr: saveOffice}, new: saveList("8.8.8.0/24"),
			refused: `"kim" (acting) with unknown at 8.8.8.8: deny [unknown-client]`},
		{why: "verify, and no contact", profile: guardBound(), by: guardPlace("kim", session.Web, saveHome), new: saveBlock(saveAll(), "KR"),
			refused: `"kim" (acting) with web at 9.9.9.9: verify [overseas-login] US, and there is no contact to verify by`, country: "US"},
		{why: "verify, and a contact", profile: guardBound(), by: engine.Place{Member: "kim", Client: session.Web, Addr: saveHome, Contact: true}, new: saveBlock(saveAll(), "KR")},
		{why: "verify, no contact, and a country that nobody knows", profile: guardBound(), by: guardPlace("kim", session.Web, saveLost), new: saveBlock(saveAll(), "KR"),
			refused: `"kim" (acting) with web at 77.7.7.7: verify [overseas-login], and there is no contact to verify by`},
		{why: "a country does not make up for a client", profile: guardBound(), by: engine.Place{Member: "kim", Addr: saveHome}, new: saveBlock(saveAll(), "KR"),
			refused: `"kim" (acting) with unknown at 9.9.9.9: deny [unknown-client]; "kim" (acting) with web at 9.9.9.9: verify [overseas-login] US, and there is no contact to verify by`},
		{why: "verify off the list, and no contact", profile: guardBound(), by: guardPlace("kim", session.Web, saveHome), new: saveOutside(saveList("8.8.8.0/24")),
			refused: `"kim" (acting) with web at 9.9.9.9: verify [address-not-designated] US, and there is no contact to verify by`, mend: "9.9.9.9"},
		{why: "a widening, though they are out already", profile: guardBound(), by: guardPlace("kim", session.Web, saveLost), old: saveList("8.8.8.0/24"), new: saveList("8.8.8.0/24", "9.9.9.9")},
		{why: "an entry merged, though they are out already", profile: guardBound(), by: guardPlace("kim", session.Web, saveLost), old: saveList("8.8.8.0/25", "8.8.8.128/25"), new: saveList("8.8.8.0/24")},
		{why: "to all, though they are out already", profile: guardBound(), by: guardPlace("kim", session.Web, saveLost), old: saveList("8.8.8.0/24"), new: saveAll()},
		{why: "another narrowing, and they are out already", profile: guardBound(), by: guardPlace("kim", session.Web, saveHome), old: saveList("8.8.8.0/24", "1.1.1.1"), new: saveList("8.8.8.0/24"),
			refused: `"kim" (acting) with web at 9.9.9.9: deny [address-not-designated]`, mend: "9.9.9.9"},
		{why: "nobody acts", profile: guardBound(), new: saveList("8.8.8.0/24")},
	} {
		t.Run(row.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newSaveWorld(t, row.profile, row.old)
				a := w.act()
				a.By = row.by
				save := func(s policy.Settings) (engine.Saved, error) {
					return w.eng.Save(w.ctx, engine.Save{Act: a, Plan: w.plan, Settings: s})
				}
				saved, err := save(row.new)
				if row.refused == "" {
					if err != nil || guardTexts(saved.OnlyBypass) != row.bypass {
						t.Errorf("%v, only by a bypass %q; want %q", err, guardTexts(saved.OnlyBypass), row.bypass)
					}
					return
				}
				l := guardRefusal(t, err)
				if guardTexts(l.Findings) != row.refused || l.Tenant != saveTenant || l.Version != w.at() || l.Nothing || l.Return != nil {
					t.Errorf("%+v\n%s\nwant\n%s", l, guardTexts(l.Findings), row.refused)
				}
				if w.at().Number != 1 {
					t.Error("something was saved")
				}
				if l.Mend.Range.String() != row.mend && !(row.mend == "" && l.Mend.Range.IsZero()) || l.MendCountry.String() != row.country {
					t.Errorf("mended by %v and %q; want %q and %q", l.Mend, l.MendCountry, row.mend, row.country)
				}
				for _, say := range []string{row.refused[:5], row.mend, row.country, "nothing was saved", "Force"} {
					if !strings.Contains(err.Error(), say) {
						t.Errorf("%q does not say %q", err, say)
					}
				}
				// What mends it does.
				if row.mend != "" {
					s := row.new.Clone()
					s.Designated = append(s.Designated, l.Mend)
					if _, err := save(s); err != nil {
						t.Errorf("mended: %v", err)
					}
				} else if row.country != "" {
					s := row.new.Clone()
					s.Overseas.Exempt = s.Overseas.Exempt.With(l.MendCountry)
					if _, err := save(s); err != nil {
						t.Errorf("mended: %v", err)
					}
				}
				w.save(row.old)
				a.From = w.at()
				_, err = save(row.new)
				a.Force = guardRefusal(t, err).Force
				if _, err := save(row.new); err != nil {
					t.Errorf("forced: %v", err)
				}
			})
		})
	}
}

func guardTexts(findings []engine.Finding) string {
	var texts []string
	for _, f := range findings {
		texts = append(texts, f.String())
	}
	return strings.Join(texts, "; ")
}

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

// The acting administrator is in, whatever their record says; and no web is asked of one
// who may not use it.
func TestGuardBlamesOnlyTheChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSaveWorld(t, guardBound(), saveAll())
		w.members.named["kim"] = member.Member{Tenant: saveTenant, ID: "kim", Status: member.Locked, MustChangePassword: true,
			Blocked: session.ClientsOf(session.Web, session.Desktop)}
		a := w.act()
		a.By = guardPlace("kim", session.Desktop, saveOffice)
		if _, err := w.eng.Save(w.ctx, engine.Save{Act: a, Settings: saveList("8.8.8.0/24")}); err != nil {
			t.Error(err)
		}
		// What narrows nothing, there or back, is not asked about, though they are outside.
		a = w.act()
		a.By = guardPlace("kim", session.Desktop, saveHome)
		labelled := saveList("8.8.8.0/24")
		labelled.Designated[0].Label = "Head office"
		if _, err := w.eng.Save(w.ctx, engine.Save{Act: a, Settings: labelled, Provisional: time.Minute}); err != nil {
			t.Errorf("provisionally: %v", err)
		}
	})
}

// Addresses are designated and none is in force: refused on every profile, whoever saves.
func TestGuarantee25NothingInForce(t *testing.T) {
	hour := saveEpoch.Add(time.Hour)
	ended := saveUntil(saveUntil(saveList(), "8.8.8.8", saveEpoch), "8.8.8.9", saveEpoch.Add(-1))
	for _, p := range []*policy.Profile{policy.NaverWorks(), policy.LineWorks(), policy.Kintone(), policy.Standard()} {
		for _, row := range []struct {
			why      string
			settings policy.Settings
			from     time.Time
		}{
			{"none at all", saveList(), time.Time{}},
			{"ended", ended, time.Time{}},
			{"one that ends", saveUntil(saveList(), "9.9.9.9", hour), hour},
			{"two that end", saveUntil(saveUntil(saveList(), "9.9.9.9", hour), "9.9.9.8", hour.Add(-time.Minute)), hour},
		} {
			for _, by := range []engine.Place{{}, guardPlace("boss", session.Web, saveHome)} {
				t.Run(fmt.Sprintf("%s/%s/%s", p.Name, row.why, by.Member), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						w := newSaveWorld(t, p, saveAll())
						a := w.act()
						a.By = by
						_, err := w.eng.Save(w.ctx, engine.Save{Act: a, Plan: w.plan, Settings: row.settings})
						l := guardRefusal(t, err)
						if !l.Nothing || !l.NothingFrom.Equal(row.from) || !strings.Contains(err.Error(), "no designated address would be in force") {
							t.Errorf("%+v", l)
						}
						if !row.from.IsZero() && !strings.Contains(err.Error(), "in force from 2000-01-01T01:00:00Z on") {
							t.Errorf("%v", err)
						}
						if by.Member != "" {
							s := row.settings.Clone()
							s.Designated = append(s.Designated, l.Mend)
							if _, err := w.eng.Save(w.ctx, engine.Save{Act: a, Plan: w.plan, Settings: s}); err != nil {
								t.Errorf("mended by %v: %v", l.Mend, err)
							}
							return
						}
						a.Force = l.Force
						if _, err := w.eng.Save(w.ctx, engine.Save{Act: a, Plan: w.plan, Settings: row.settings}); err != nil {
							t.Errorf("forced: %v", err)
						}
					})
				})
			}
		}
	}
}

// What an older release has stored without a range lets nobody in, so a plan that puts only
// that in force shuts out everybody.
func TestGuarantee25NothingInForceOfWhatWasStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSaveWorld(t, policy.NaverWorks(), saveAll())
		if _, err := w.eng.PlanChanged(w.ctx, engine.Act{Tenant: saveTenant}, "free"); err != nil {
			t.Fatal(err)
		}
		r := w.record()
		old := r.Version
		r.Version.Number++
		r.Settings, r.Save = policy.Settings{Access: policy.DesignatedAddresses, Designated: []policy.Entry{{Label: "lost"}}}, "stored"
		if _, err := w.mem.Save(w.ctx, old, r, session.Event{ID: "stored", Tenant: saveTenant}, nil); err != nil {
			t.Fatal(err)
		}
		_, err := w.eng.PlanChanged(w.ctx, engine.Act{Tenant: saveTenant}, "standard")
		if l := guardRefusal(t, err); !l.Nothing || w.at() != r.Version {
			t.Errorf("%+v", l)
		}
	})
}

// The entry that is proposed is taken by the profile, with all the others.
func TestGuardProposesWhatCanBeSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := policy.Kintone()
		p.MaxEntries = 2
		w := newSaveWorld(t, p, saveAll())
		a := saveBy(w.act(), "kim", saveHome)
		_, err := w.eng.Save(w.ctx, engine.Save{Act: a, Settings: saveList("8.8.8.0/24", "1.1.1.1")})
		if l := guardRefusal(t, err); !l.Mend.Range.IsZero() || !strings.Contains(err.Error(), "designate addresses that administrators come from") {
			t.Errorf("a third entry is proposed where two are taken: %v", err)
		}
		_, err = w.eng.Save(w.ctx, engine.Save{Act: a, Settings: saveList("8.8.8.0/24")})
		if l := guardRefusal(t, err); l.Mend.Range.IsZero() {
			t.Errorf("%v", err)
		}
	})
}

// A force opens the refusal that it came with, and no other.
func TestGuarantee25Force(t *testing.T) {
	settings := saveList("8.8.8.0/24")
	by := guardPlace("kim", session.Web, saveHome)
	for _, row := range []struct {
		why   string
		opens bool
		alter func(w *saveWorld, s *engine.Save)
	}{
		{"the same", true, func(*saveWorld, *engine.Save) {}},
		{"some time later", true, func(*saveWorld, *engine.Save) { time.Sleep(time.Hour) }},
		{"on another machine", true, func(w *saveWorld, _ *engine.Save) { w.eng = w.another(nil) }},
		{"another version", false, func(w *saveWorld, s *engine.Save) { w.save(saveAll()); s.From = w.at() }},
		{"other settings", false, func(_ *saveWorld, s *engine.Save) { s.Settings = saveList("8.8.8.0/25") }},
		{"other settings, in a note", false, func(_ *saveWorld, s *engine.Save) { s.Settings.Designated[0].Label = "x" }},
		{"another place", false, func(_ *saveWorld, s *engine.Save) { s.By.Addr = saveLost }},
		{"another client", false, func(_ *saveWorld, s *engine.Save) { s.By.Client = session.Desktop }},
		{"another administrator", false, func(_ *saveWorld, s *engine.Save) { s.By.Member = "lee" }},
		{"others join in", false, func(w *saveWorld, _ *engine.Save) {
			w.admins.places = []engine.Place{guardPlace("lee", session.Web, saveLost)}
		}},
		{"others who can come in", true, func(w *saveWorld, _ *engine.Save) {
			w.admins.places = []engine.Place{guardPlace("lee", session.Web, saveOffice)}
		}},
		{"nothing in force joins in", false, func(_ *saveWorld, s *engine.Save) { s.Settings.Designated[0].Until = saveEpoch }},
		{"a return that shuts out joins in", false, func(w *saveWorld, s *engine.Save) { s.Provisional = time.Minute }},
		{"another tenant", false, func(w *saveWorld, s *engine.Save) {
			if _, err := w.eng.Enroll(w.ctx, engine.Enrollment{Tenant: "other", Settings: guardOther}); err != nil {
				w.Fatal(err)
			}
			r, _ := w.mem.Load(w.ctx, "other")
			s.Tenant, s.From = "other", r.Version
		}},
	} {
		t.Run(row.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newSaveWorld(t, guardBound(), guardOther)
				s := engine.Save{Act: w.act(), Settings: settings.Clone()}
				s.By = by
				_, err := w.eng.Save(w.ctx, s)
				s.Force = guardRefusal(t, err).Force
				row.alter(w, &s)
				if _, err = w.eng.Save(w.ctx, s); (err == nil) != row.opens {
					t.Errorf("%v", err)
				}
			})
		})
	}
}

// guardOther lets in from the branch, so that going back to it shuts out who is at home.
var guardOther = saveList("8.8.4.0/24")

// Whatever can narrow is guarded.
func TestGuarantee25Everywhere(t *testing.T) {
	narrow := saveList("8.8.8.0/24")
	for _, row := range []struct {
		why string
		act func(w *saveWorld, a engine.Act) error
		old policy.Settings
	}{
		{"save", func(w *saveWorld, a engine.Act) error {
			_, err := w.eng.Save(w.ctx, engine.Save{Act: a, Plan: w.plan, Settings: narrow})
			return err
		}, saveAll()},
		{"provisional save", func(w *saveWorld, a engine.Act) error {
			_, err := w.eng.Save(w.ctx, engine.Save{Act: a, Plan: w.plan, Settings: narrow, Provisional: time.Minute})
			return err
		}, saveAll()},
		{"the return of a provisional save", func(w *saveWorld, a engine.Act) error {
			_, err := w.eng.Save(w.ctx, engine.Save{Act: a, Plan: w.plan, Settings: saveAll(), Provisional: time.Minute})
			return err
		}, narrow},
		{"restore", func(w *saveWorld, a engine.Act) error {
			_, err := w.eng.Restore(w.ctx, a, w.plan, session.Version{Line: a.From.Line, Number: 1})
			return err
		}, narrow},
		{"promote", func(w *saveWorld, a engine.Act) error {
			n, saved, err := w.eng.Try(w.ctx, engine.Act{Tenant: a.Tenant, From: a.From}, w.plan, narrow)
			if err != nil {
				return err
			}
			a.From = saved.Version
			_, err = w.eng.Promote(w.ctx, a, w.plan, n)
			return err
		}, saveAll()},
		{"another plan", func(w *saveWorld, a engine.Act) error {
			_, err := w.eng.PlanChanged(w.ctx, a, "lite")
			return err
		}, narrow},
		{"another profile", func(w *saveWorld, a engine.Act) error {
			was := policy.NaverWorks()
			was.ListExempt |= session.ClientsOf(session.Web)
			_, err := w.eng.ProfileChanged(w.ctx, a, was)
			return err
		}, narrow},
		{"enrolment", func(w *saveWorld, a engine.Act) error {
			_, err := w.eng.Enroll(w.ctx, engine.Enrollment{Tenant: "other", Plan: w.plan, Settings: narrow, By: a.By, Force: a.Force})
			return err
		}, saveAll()},
	} {
		t.Run(row.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newSaveWorld(t, policy.NaverWorks(), row.old)
				switch row.why {
				case "restore":
					w.save(saveAll())
				case "another plan":
					if _, err := w.eng.PlanChanged(w.ctx, engine.Act{Tenant: saveTenant}, "free"); err != nil {
						t.Fatal(err)
					}
				}
				before := w.record()
				a := saveBy(w.act(), "kim", saveHome)
				l := guardRefusal(t, row.act(w, a))
				said := l.Findings
				if l.Return != nil {
					said = l.Return.Findings
				}
				if guardTexts(said) != `"kim" (acting) with web at 9.9.9.9: deny [address-not-designated]` {
					t.Errorf("%v", l)
				}
				if r := w.record(); !r.Settings.Equal(before.Settings) || r.Plan != before.Plan {
					t.Errorf("it was done: %+v", r)
				}
				a.From, a.Force = w.at(), l.Force
				if row.why == "promote" {
					_, err := w.eng.Promote(w.ctx, a, w.plan, 1)
					if err != nil {
						t.Errorf("forced: %v", err)
					}
					return
				}
				time.Sleep(time.Minute) // to read what it says
				if err := row.act(w, a); err != nil {
					t.Errorf("forced: %v", err)
				}
			})
		})
	}
}

// A refusal for now and one for what it goes back to are one, and one force opens it.
func TestGuardRefusesBothWaysAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSaveWorld(t, guardBound(), guardOther)
		s := engine.Save{Act: saveBy(w.act(), "kim", saveHome), Settings: saveList("8.8.8.0/24"), Provisional: time.Hour}
		_, err := w.eng.Save(w.ctx, s)
		l := guardRefusal(t, err)
		if len(l.Findings) != 1 || l.Return == nil || len(l.Return.Findings) != 1 || l.Mend.Range.String() != "9.9.9.9" {
			t.Errorf("%+v", l)
		}
		want := `engine: nothing was saved, because this change would shut administrators out
	"kim" (acting) with web at 9.9.9.9: deny [address-not-designated]
and if it were taken back, that would
	"kim" (acting) with web at 9.9.9.9: deny [address-not-designated]
add 9.9.9.9 to the designated addresses, and save it for good and not provisionally; or, if it is meant so, repeat it with this error's Force`
		if err.Error() != want {
			t.Errorf("%v", err)
		}
		time.Sleep(time.Minute)
		s.Force = l.Force
		if saved, err := w.eng.Save(w.ctx, s); err != nil || !saved.Until.Equal(time.Now().Add(time.Hour)) {
			t.Errorf("forced: %+v, %v", saved, err)
		}
	})
}

// What does not answer is not taken for an answer.
func TestGuarantee25FailsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSaveWorld(t, policy.Standard(), saveList("8.8.8.0/24", "9.9.9.9"))
		narrow, wide := saveList("8.8.8.0/24"), saveList("8.8.8.0/24", "9.9.9.9", "1.1.1.1")
		save := func(a engine.Act, s policy.Settings) error {
			_, err := w.eng.Save(w.ctx, engine.Save{Act: a, Settings: s})
			return err
		}
		kim := func() engine.Act { return saveBy(w.act(), "kim", saveOffice) }
		if d, _ := w.tryLogin(w.eng, "kim", session.Web, saveOffice); !d.Allowed() { // so that there is a copy
			t.Fatal(d)
		}
		w.members.err = errSave
		if err := save(kim(), narrow); !errors.Is(err, errSave) {
			t.Errorf("without Members: %v", err)
		}
		w.members.err = nil
		w.admins.err = errSave
		if err := save(kim(), narrow); !errors.Is(err, errSave) {
			t.Errorf("without Administrators: %v", err)
		}
		if err := save(w.act(), narrow); !errors.Is(err, errSave) {
			t.Errorf("without Administrators, of the system: %v", err)
		}
		if err := save(kim(), wide); err != nil {
			t.Errorf("what widens asks nobody: %v", err)
		}
		w.admins.err = nil
		w.admins.places, w.members.fails = []engine.Place{guardPlace("lee", session.Web, saveHome)}, "lee"
		if err := save(kim(), narrow); !errors.Is(err, errSave) {
			t.Errorf("without an answer about another administrator: %v", err)
		}
		w.admins.places = nil
		if err := save(saveBy(w.act(), "nobody", saveOffice), narrow); err == nil {
			t.Error("saved by somebody who is not there")
		}
		w.members.named["kim"] = member.Member{Tenant: "other", ID: "kim", Status: member.Active}
		if err := save(kim(), narrow); err == nil {
			t.Error("saved by a member of another tenant")
		}
		w.members.named["kim"] = member.Member{Tenant: saveTenant, ID: "lee", Status: member.Active}
		if err := save(kim(), narrow); err == nil {
			t.Error("saved by another member")
		}
	})
}

// 28: what came from outside is quoted and cut.
func TestGuarantee28LockoutErrorIsSafe(t *testing.T) {
	hostile := "x\n\x1b[31m\u202e%d%s" + strings.Repeat("A", 4000)
	zone := netip.MustParseAddr("fe80::1%a\nb" + hostile)
	e := &engine.LockoutError{Tenant: session.TenantID(hostile), Findings: make([]engine.Finding, 1000)}
	for i := range e.Findings {
		e.Findings[i] = engine.Finding{Member: member.ID(hostile), Client: 77, Addr: zone}
	}
	e.Return = &engine.LockoutError{Findings: e.Findings}
	n := &engine.NotAdmittedError{Finding: e.Findings[0]}
	for _, err := range []error{e, n} {
		text := err.Error()
		if strings.ContainsAny(text, "\x1b\u202e") || strings.Contains(text, "MISSING") || len(text) > 10000 || strings.Count(text, "\n") > 30 {
			t.Errorf("%d bytes: %.500q", len(text), text)
		}
	}
	if text := (&engine.LockoutError{}).Error(); text == "" {
		t.Error("the zero error says nothing")
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

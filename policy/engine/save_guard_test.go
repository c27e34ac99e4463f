package engine_test

import (
	"errors"
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

func guardTexts(findings []engine.Finding) string {
	var texts []string
	for _, f := range findings {
		texts = append(texts, f.String())
	}
	return strings.Join(texts, "; ")
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

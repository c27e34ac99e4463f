package engine_test

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

// linkProfile has links, and exceptions and blocking to be kept.
func linkProfile() *policy.Profile {
	p := policy.Standard()
	p.ResetLink = time.Hour
	return p
}

// linkWorld has saved a list and mailed the link.
func linkWorld(t *testing.T, s policy.Settings) (*saveWorld, engine.Letter) {
	t.Helper()
	w := newSaveWorld(t, linkProfile(), saveAll())
	if _, err := w.eng.Save(w.ctx, engine.Save{Act: saveBy(w.act(), "kim", saveOffice), Settings: s}); err != nil {
		t.Fatal(err)
	}
	return w, linkMailed(t, w)
}

// linkMailed has what waits mailed and returns the last letter.
func linkMailed(t *testing.T, w *saveWorld) engine.Letter {
	t.Helper()
	stop := w.run(w.eng)
	synctest.Wait()
	stop()
	w.mailer.mu.Lock()
	defer w.mailer.mu.Unlock()
	if len(w.mailer.letters) == 0 {
		t.Fatal("nothing was mailed")
	}
	return w.mailer.letters[len(w.mailer.letters)-1]
}

func TestGuarantee26Link(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		was := saveBlock(saveExcept(saveList("8.8.8.0/24"), policy.Exception{Member: "lee", Note: "on the road"}), "KR")
		w, l := linkWorld(t, was)
		v := w.at()
		if l.Kind != session.ResetLink || l.Tenant != saveTenant || l.By != "kim" || !l.At.Equal(saveEpoch) || !l.Expires.Equal(saveEpoch.Add(time.Hour)) || l.Token == "" {
			t.Fatalf("%v, %v, %v", l, l.At, l.Expires)
		}
		kim := w.login(w.eng, "kim", session.Web, saveOffice)
		// Looking shows and does nothing, on any machine, as often as it is done.
		for range 3 {
			for _, e := range []*engine.Engine{w.eng, w.another(nil)} {
				o, err := e.Offered(w.ctx, saveTenant, l.Token)
				if err != nil || o.Version != v || !o.Expires.Equal(l.Expires) || o.Tenant != saveTenant || len(o.Change.Summary) != 2 || !strings.Contains(strings.Join(o.Change.Summary, "\n"), "all addresses") || o.Change.SignOut != 0 {
					t.Fatalf("%+v, %v", o, err)
				}
			}
		}
		if w.at() != v {
			t.Fatal("looking has saved")
		}
		saved, err := w.another(nil).Redeem(w.ctx, saveTenant, l.Token)
		if err != nil {
			t.Fatal(err)
		}
		r := w.record()
		want := was.Clone()
		want.Access = policy.AllAddresses
		want.Overseas.Block = false // kept, it would come into force
		if r.Version != saved.Version || r.Version.Number != v.Number+1 || !r.Settings.Equal(want) || r.By != "" {
			t.Errorf("%+v", r)
		}
		if saved.Change.SignOut != 0 || len(saved.Change.SignOutMembers) != 0 {
			t.Errorf("%+v", saved.Change)
		}
		time.Sleep(2 * time.Minute)
		if d := w.check(w.eng, kim); !d.Allowed() {
			t.Errorf("a session of before: %v", d)
		}
		if n := len(w.orders(session.ResetLink)); n != 0 {
			t.Errorf("%d new links", n)
		}
		if o := w.orders(session.Notice); len(o) != 1 || o[0].Policy != saved.Version {
			t.Errorf("%+v", o)
		}
		if l := linkMailed(t, w); l.Kind != session.Notice || l.Token != "" {
			t.Errorf("%v", l)
		}
		if got := w.mailer.kinds(); !slices.Equal(got, []session.OrderKind{session.ResetLink, session.Notice}) {
			t.Errorf("%v", got)
		}
		events := w.events("link-redeemed")
		if len(events) != 1 {
			t.Errorf("%+v", events)
		}
		linkDead(t, w, w.eng, l.Token)
	})
}

// A link lets in whoever the settings shut out, wherever they are and whatever was kept.
func TestGuarantee26LinkLetsIn(t *testing.T) {
	for _, bypass := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			p := linkProfile()
			p.SuperAdminBypass = bypass
			p.Exceptions = bypass
			w := newSaveWorld(t, p, saveAll())
			w.save(saveBlock(saveUntil(saveList("8.8.8.0/24"), "9.9.9.0/24", time.Now().Add(time.Minute)), "KR"))
			l := linkMailed(t, w)
			if d, _ := w.tryLogin(w.eng, "kim", session.Web, saveLost); d.Effect != policy.Deny {
				t.Fatalf("before: %v", d)
			}
			if _, err := w.eng.Redeem(w.ctx, saveTenant, l.Token); err != nil {
				t.Fatal(err)
			}
			for _, e := range []*engine.Engine{w.eng, w.another(nil)} {
				for _, id := range []member.ID{"boss", "kim"} {
					for _, client := range []session.Client{session.Web, session.Desktop, session.IMAP, session.API} {
						for _, addr := range []netip.Addr{saveOffice, saveHome, saveLost} {
							w.login(e, id, client, addr)
						}
					}
				}
			}
		})
	}
}

// linkDead sees that a token does nothing and shows nothing.
func linkDead(t *testing.T, w *saveWorld, e *engine.Engine, token string) {
	t.Helper()
	before, _ := w.mem.Version(w.ctx, saveTenant)
	if o, err := e.Offered(w.ctx, saveTenant, token); !errors.Is(err, engine.ErrLink) || o.Change.Summary != nil {
		t.Errorf("offered: %+v, %v", o, err)
	}
	if _, err := e.Redeem(w.ctx, saveTenant, token); !errors.Is(err, engine.ErrLink) {
		t.Errorf("redeemed: %v", err)
	} else if strings.Contains(err.Error(), token) && token != "" {
		t.Errorf("the error has the token: %v", err)
	}
	if after, _ := w.mem.Version(w.ctx, saveTenant); after != before {
		t.Errorf("it was done: %v after %v", after, before)
	}
}

func TestGuarantee26AnHourAndNoLonger(t *testing.T) {
	for _, row := range []struct {
		after time.Duration
		works bool
	}{{time.Hour - 1, true}, {time.Hour, false}, {time.Hour + 1, false}, {24 * time.Hour, false}} {
		synctest.Test(t, func(t *testing.T) {
			w, l := linkWorld(t, saveList("8.8.8.0/24"))
			time.Sleep(row.after)
			if !row.works {
				linkDead(t, w, w.eng, l.Token)
			} else if _, err := w.eng.Redeem(w.ctx, saveTenant, l.Token); err != nil {
				t.Errorf("after %v: %v", row.after, err)
			}
		})
	}
	// The hour is of the save and not of the letter, which may come late or not at all.
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(300 * time.Millisecond) // not on a full second
		w := newSaveWorld(t, linkProfile(), saveAll())
		began := time.Now()
		w.save(saveList("8.8.8.0/24"))
		time.Sleep(50 * time.Minute)
		l := linkMailed(t, w)
		if l.Expires.After(began.Add(time.Hour)) || l.Expires.Before(began.Add(time.Hour-time.Second)) {
			t.Errorf("saved %v, expires %v", began, l.Expires)
		}
		time.Sleep(time.Until(l.Expires) - 1)
		if _, err := w.eng.Offered(w.ctx, saveTenant, l.Token); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Nanosecond)
		linkDead(t, w, w.eng, l.Token)
	})
	synctest.Test(t, func(t *testing.T) {
		w := newSaveWorld(t, linkProfile(), saveAll())
		w.save(saveList("8.8.8.0/24"))
		time.Sleep(time.Hour)
		stop := w.run(w.eng)
		synctest.Wait()
		stop()
		if len(w.mailer.kinds()) != 0 || len(w.orders(session.ResetLink)) != 0 {
			t.Errorf("a link that is dead is mailed: %v", w.mailer.letters)
		}
	})
}

func TestGuarantee26Once(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, l := linkWorld(t, saveList("8.8.8.0/24"))
		engines := []*engine.Engine{w.eng, w.another(nil)}
		w.store.set(func(call string, _ int, after bool) error {
			if call == "save" && !after { // until all have read the same
				time.Sleep(time.Millisecond)
			}
			return nil
		})
		var done atomic.Int32
		var wait sync.WaitGroup
		for i := range 1000 {
			wait.Go(func() {
				switch _, err := engines[i%2].Redeem(w.ctx, saveTenant, l.Token); {
				case err == nil:
					done.Add(1)
				case !errors.Is(err, engine.ErrLink):
					t.Error(err)
				}
			})
		}
		wait.Wait()
		if done.Load() != 1 || w.at().Number != 3 || len(w.orders(session.Notice)) != 1 {
			t.Errorf("%d times, number %d", done.Load(), w.at().Number)
		}
	})
}

// A link that is redeemed while the save is provisional drops the return.
func TestRedeemWhileProvisional(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSaveWorld(t, linkProfile(), confirmOld)
		other, store := confirmAhead(w, 10*time.Second)
		saved := w.provisional(confirmNew, time.Minute)
		l := linkMailed(t, w)
		w.login(other, "kim", session.Web, saveOffice) // which has a copy then
		store.set(func(string, int, bool) error { return errSave })
		time.Sleep(50 * time.Second)
		lee := w.login(other, "lee", session.Web, saveHome) // cut off, and its clock ahead: by the return
		if _, err := w.eng.Redeem(w.ctx, saveTenant, l.Token); err != nil {
			t.Fatal(err)
		}
		r := w.record()
		if r.Return != nil || r.Version.Number != saved.Version.Number+2 || r.Settings.Access != policy.AllAddresses || len(r.Settings.Designated) != 2 {
			t.Errorf("%+v", r)
		}
		store.set(nil)
		time.Sleep(time.Hour)
		for _, e := range []*engine.Engine{w.eng, other, w.another(nil)} {
			if d, _ := w.tryLogin(e, "kim", session.Web, saveLost); !d.Allowed() {
				t.Errorf("taken back, though lifted: %v", d)
			}
			if d := w.check(e, lee); !d.Allowed() {
				t.Errorf("who came in by the return, which nothing narrows since: %v", d)
			}
		}
	})
	// Past the instant the link is not that of the settings in force any more.
	synctest.Test(t, func(t *testing.T) {
		w := newSaveWorld(t, linkProfile(), confirmOld)
		w.provisional(confirmNew, time.Minute)
		l := linkMailed(t, w)
		time.Sleep(time.Minute)
		if _, err := w.eng.Redeem(w.ctx, saveTenant, l.Token); !errors.Is(err, engine.ErrLink) {
			t.Errorf("%v", err)
		}
	})
}

package engine_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
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
		events, _ := w.mem.Events(w.ctx, saveTenant, session.EventQuery{Kind: "link-redeemed"})
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

func TestGuarantee26NothingElseOpens(t *testing.T) {
	for _, row := range []struct {
		why   string
		alter func(w *saveWorld, l *engine.Letter) *engine.Engine
	}{
		{"somebody has saved", func(w *saveWorld, _ *engine.Letter) *engine.Engine {
			w.save(saveList("8.8.8.0/24", "1.1.1.1"))
			return nil
		}},
		{"somebody has saved the same", func(w *saveWorld, _ *engine.Letter) *engine.Engine { w.save(saveList("8.8.8.0/24")); return nil }},
		{"a new line", func(w *saveWorld, _ *engine.Letter) *engine.Engine {
			if _, err := w.eng.NewLine(w.ctx, w.act()); err != nil {
				w.Fatal(err)
			}
			return nil
		}},
		{"removed", func(w *saveWorld, _ *engine.Letter) *engine.Engine {
			if _, err := w.eng.Remove(w.ctx, w.act()); err != nil {
				w.Fatal(err)
			}
			return nil
		}},
		{"removed and made again", func(w *saveWorld, _ *engine.Letter) *engine.Engine {
			if _, err := w.eng.Remove(w.ctx, w.act()); err != nil {
				w.Fatal(err)
			}
			if _, err := w.eng.Enroll(w.ctx, engine.Enrollment{Tenant: saveTenant, Settings: saveList("8.8.8.0/24")}); err != nil {
				w.Fatal(err)
			}
			return nil
		}},
		{"of another tenant", func(w *saveWorld, l *engine.Letter) *engine.Engine {
			l.Token = engine.LinkToken(saveKey, "other", w.at(), l.Expires)
			return nil
		}},
		{"of another version", func(w *saveWorld, l *engine.Letter) *engine.Engine {
			v := w.at()
			v.Number--
			l.Token = engine.LinkToken(saveKey, saveTenant, v, l.Expires)
			return nil
		}},
		{"signed with another key", func(w *saveWorld, l *engine.Letter) *engine.Engine {
			l.Token = engine.LinkToken(bytes.Repeat([]byte{7}, 32), saveTenant, w.at(), l.Expires)
			return nil
		}},
		{"the key was taken away", func(w *saveWorld, _ *engine.Letter) *engine.Engine {
			return w.another(func(o *engine.Options) { o.ResetKeys = [][]byte{bytes.Repeat([]byte{7}, 32)} })
		}},
		{"the profile has no links any more", func(w *saveWorld, _ *engine.Letter) *engine.Engine {
			w.profile = policy.Standard()
			return w.another(nil)
		}},
		{"no token", func(_ *saveWorld, l *engine.Letter) *engine.Engine { l.Token = ""; return nil }},
		{"cut off", func(_ *saveWorld, l *engine.Letter) *engine.Engine { l.Token = l.Token[:len(l.Token)-1]; return nil }},
		{"something follows", func(_ *saveWorld, l *engine.Letter) *engine.Engine { l.Token += "A"; return nil }},
		{"spelled otherwise", func(_ *saveWorld, l *engine.Letter) *engine.Engine { // in bits that say nothing
			const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
			last := len(l.Token) - 1
			l.Token = l.Token[:last] + digits[strings.IndexByte(digits, l.Token[last])^1:][:1]
			return nil
		}},
		{"padded", func(_ *saveWorld, l *engine.Letter) *engine.Engine { l.Token += "=="; return nil }},
		{"lines broken", func(_ *saveWorld, l *engine.Letter) *engine.Engine {
			l.Token = l.Token[:9] + "\n" + l.Token[9:]
			return nil
		}},
	} {
		t.Run(row.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, l := linkWorld(t, saveList("8.8.8.0/24"))
				e := row.alter(w, &l)
				if e == nil {
					e = w.eng
				}
				linkDead(t, w, e, l.Token)
			})
		})
	}
	// Every bit of a token counts.
	synctest.Test(t, func(t *testing.T) {
		w, l := linkWorld(t, saveList("8.8.8.0/24"))
		raw, err := base64.RawURLEncoding.DecodeString(l.Token)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 8 * len(raw) {
			raw[i/8] ^= 1 << (i % 8)
			if _, err := w.eng.Offered(w.ctx, saveTenant, base64.RawURLEncoding.EncodeToString(raw)); !errors.Is(err, engine.ErrLink) {
				t.Errorf("bit %d: %v", i, err)
			}
			raw[i/8] ^= 1 << (i % 8)
		}
		if _, err := w.eng.Offered(w.ctx, saveTenant, l.Token); err != nil {
			t.Error(err)
		}
	})
}

// Keys are rotated one machine after the other: each takes what the others sign.
func TestGuarantee26RotatedKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, l := linkWorld(t, saveList("8.8.8.0/24"))
		next := bytes.Repeat([]byte{9}, 40)
		given := [][]byte{bytes.Clone(next), bytes.Clone(saveKey)}
		rotated := w.another(func(o *engine.Options) { o.ResetKeys = given })
		clear(given[1]) // the host wipes its own
		given[0] = nil
		if _, err := rotated.Offered(w.ctx, saveTenant, l.Token); err != nil {
			t.Error(err)
		}
		w.save(saveList("8.8.8.0/24"))
		w.eng = rotated
		l = linkMailed(t, w)
		if _, err := rotated.Offered(w.ctx, saveTenant, l.Token); err != nil {
			t.Error(err)
		}
		old := w.another(func(o *engine.Options) { o.ResetKeys = [][]byte{saveKey, next} })
		if _, err := old.Redeem(w.ctx, saveTenant, l.Token); err != nil {
			t.Error(err)
		}
	})
}

func TestLinkNeedsMailerAndKeys(t *testing.T) {
	for why, o := range map[string]*engine.Options{
		"no options":  nil,
		"no mailer":   {ResetKeys: [][]byte{saveKey}},
		"no keys":     {Mailer: &saveMailer{}},
		"a short key": {Mailer: &saveMailer{}, ResetKeys: [][]byte{saveKey, saveKey[:31]}},
	} {
		if _, err := engine.New(linkProfile(), policy.NewMemStore(), &saveMembers{}, o); err == nil {
			t.Errorf("%s: made", why)
		}
	}
	for _, life := range []time.Duration{time.Second, time.Hour + 1, -time.Hour} {
		p := linkProfile()
		p.ResetLink = life
		if _, err := engine.New(p, policy.NewMemStore(), &saveMembers{}, &engine.Options{Mailer: &saveMailer{}, ResetKeys: [][]byte{saveKey}}); err == nil {
			t.Errorf("a life of %v: made", life)
		}
	}
}

// Which acts mail a link: those after which the list is in force, by the settings of then.
func TestLinkIsOrderedInTheSameWrite(t *testing.T) {
	for _, row := range []struct {
		why   string
		start policy.Settings
		act   func(w *saveWorld) error
		want  bool
	}{
		{"a list", saveAll(), func(w *saveWorld) error { w.save(saveList("8.8.8.0/24")); return nil }, true},
		{"a list that is widened", saveList("8.8.8.0/24"), func(w *saveWorld) error { w.save(saveList("8.8.0.0/16")); return nil }, true},
		{"to all", saveList("8.8.8.0/24"), func(w *saveWorld) error { w.save(saveAll()); return nil }, false},
		{"blocking", saveAll(), func(w *saveWorld) error { w.save(saveBlock(saveAll(), "KR")); return nil }, false},
		{"a provisional list", saveAll(), func(w *saveWorld) error { w.provisional(saveList("8.8.8.0/24"), time.Minute); return nil }, true},
		{"confirmed", saveAll(), func(w *saveWorld) error {
			w.provisional(saveList("8.8.8.0/24"), time.Minute)
			_, err := w.eng.Confirm(w.ctx, confirmBy(w))
			return err
		}, true},
		{"taken back to a list", saveList("8.8.8.0/24"), func(w *saveWorld) error {
			w.provisional(saveAll(), time.Minute)
			time.Sleep(time.Minute)
			w.login(w.eng, "kim", session.Web, saveOffice)
			return nil
		}, true},
		{"restored", saveList("8.8.8.0/24"), func(w *saveWorld) error {
			w.save(saveAll())
			_, err := w.eng.Restore(w.ctx, w.act(), w.plan, session.Version{Line: w.at().Line, Number: 1})
			return err
		}, true},
		{"made again with a list", saveAll(), func(w *saveWorld) error {
			if _, err := w.eng.Remove(w.ctx, w.act()); err != nil {
				return err
			}
			_, err := w.eng.Enroll(w.ctx, engine.Enrollment{Tenant: saveTenant, Settings: saveList("8.8.8.0/24")})
			return err
		}, true},
		{"taken back to a list at once", saveList("8.8.8.0/24"), func(w *saveWorld) error {
			_, err := w.eng.TakeBack(w.ctx, takeBackBy(w.provisional(saveAll(), time.Minute).Version))
			return err
		}, true},
		{"a trial beside a list", saveList("8.8.8.0/24"), func(w *saveWorld) error {
			_, _, err := w.eng.Try(w.ctx, w.act(), w.plan, saveAll())
			return err
		}, true},
		{"a trial beside a list, dropped", saveList("8.8.8.0/24"), func(w *saveWorld) error {
			n, _, err := w.eng.Try(w.ctx, w.act(), w.plan, saveAll())
			if err == nil {
				_, err = w.eng.Drop(w.ctx, w.act(), n)
			}
			return err
		}, true},
		{"a new line beside a list", saveList("8.8.8.0/24"), func(w *saveWorld) error {
			_, err := w.eng.NewLine(w.ctx, w.act())
			return err
		}, true},
		{"a trial", saveAll(), func(w *saveWorld) error {
			_, _, err := w.eng.Try(w.ctx, w.act(), w.plan, saveList("8.8.8.0/24"))
			return err
		}, false},
	} {
		t.Run(row.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newSaveWorld(t, linkProfile(), row.start)
				if err := row.act(w); err != nil {
					t.Fatal(err)
				}
				now := slices.ContainsFunc(w.orders(session.ResetLink), func(o session.Order) bool { return o.Policy == w.at() })
				if now != row.want {
					t.Errorf("ordered: %v", w.orders(session.ResetLink))
				}
				if !row.want {
					return
				}
				if _, err := w.eng.Redeem(w.ctx, saveTenant, linkMailed(t, w).Token); err != nil {
					t.Error(err)
				}
				if w.record().Settings.Access != policy.AllAddresses {
					t.Error("not lifted")
				}
			})
		})
	}
}

// Only what would work is mailed, and nothing where the plan has no list.
func TestLinkIsMailedWhileItWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSaveWorld(t, linkProfile(), saveAll())
		w.save(saveList("8.8.8.0/24"))
		w.save(saveList("8.8.8.0/24", "1.1.1.1"))
		l := linkMailed(t, w)
		if n := len(w.mailer.kinds()); n != 1 || len(w.orders(session.ResetLink)) != 0 {
			t.Errorf("%d letters", n)
		}
		if _, err := w.eng.Offered(w.ctx, saveTenant, l.Token); err != nil {
			t.Error(err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		p := policy.NaverWorks()
		p.ResetLink = time.Hour
		w := newSaveWorld(t, p, saveAll())
		for _, row := range []struct {
			plan policy.Plan
			want int
		}{{"standard", 1}, {"free", 1}, {"lite", 2}} {
			if row.plan == "standard" {
				w.save(saveList("8.8.8.0/24"))
			} else if _, err := w.eng.PlanChanged(w.ctx, engine.Act{Tenant: saveTenant}, row.plan); err != nil {
				t.Fatal(err)
			}
			if n := len(w.orders(session.ResetLink)); n != row.want {
				t.Errorf("%s: %d links", row.plan, n)
			}
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

// 28: the token is in the letter and nowhere else.
func TestGuarantee28TokenIsNotPrinted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, l := linkWorld(t, saveList("8.8.8.0/24"))
		var b strings.Builder
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X", "%T"} {
			fmt.Fprintf(&b, verb+"\n", l)
			fmt.Fprintf(&b, verb+"\n", &l)
			fmt.Fprintf(&b, verb+"\n", []engine.Letter{l})
		}
		slog.New(slog.NewTextHandler(&b, nil)).Info("mailed", "letter", l)
		slog.New(slog.NewJSONHandler(&b, nil)).Info("mailed", "letter", l)
		past, _ := w.mem.History(w.ctx, saveTenant, session.Version{}, 100)
		events, _ := w.mem.Events(w.ctx, saveTenant, session.EventQuery{})
		stored, err := json.Marshal([]any{past, events, w.orders(session.ResetLink), w.orders(session.Notice)})
		if err != nil {
			t.Fatal(err)
		}
		b.Write(stored)
		for _, form := range []string{l.Token, fmt.Sprintf("%x", l.Token), fmt.Sprintf("%X", l.Token)} {
			if strings.Contains(b.String(), form) {
				t.Errorf("the token is printed:\n%s", b.String())
			}
		}
		if !strings.Contains(b.String(), `reset-link for tenant "acme"`) {
			t.Error("nothing is printed")
		}
	})
	// What the Mailer says is kept beside the order, and logged.
	synctest.Test(t, func(t *testing.T) {
		w := newSaveWorld(t, linkProfile(), saveAll())
		var token string
		w.mailer.fail = func(l engine.Letter) error {
			token = l.Token
			return fmt.Errorf("554 refused: https://example.com/reset?t=%s", l.Token)
		}
		w.save(saveList("8.8.8.0/24"))
		stop := w.run(w.eng)
		synctest.Wait()
		stop()
		orders := w.orders(session.ResetLink)
		if len(orders) != 1 || orders[0].Tries != 1 || token == "" || strings.Contains(orders[0].Err, token) || !strings.Contains(orders[0].Err, "554 refused") {
			t.Errorf("%+v", orders)
		}
	})
}

func FuzzLinkToken(f *testing.F) {
	v := session.Version{Line: 7, Number: 3}
	f.Add("acme", engine.LinkToken(saveKey, "acme", v, saveEpoch))
	f.Add("", engine.LinkToken(saveKey, "", session.Version{}, time.Time{}))
	f.Add("other", engine.LinkToken(saveKey, "acme", v, saveEpoch))
	f.Add("acme", strings.Repeat("A", 70))
	f.Add("acme", "")
	f.Fuzz(func(t *testing.T, tenant, token string) {
		v, ends, ok := engine.ReadToken([][]byte{saveKey}, session.TenantID(tenant), token)
		if ok && engine.LinkToken(saveKey, session.TenantID(tenant), v, ends) != token {
			t.Errorf("%q is taken for %v until %v of %q", token, v, ends, tenant)
		}
		if _, _, ok := engine.ReadToken(nil, session.TenantID(tenant), token); ok {
			t.Error("taken with no key")
		}
		if _, _, ok := engine.ReadToken([][]byte{saveKey}, session.TenantID(tenant+"x"), token); ok {
			t.Error("taken for another tenant")
		}
	})
}

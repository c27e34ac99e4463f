package engine_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

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

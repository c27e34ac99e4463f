package scshost_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/alexedwards/scs/v2"

	"github.com/sallyport-go/sallyport/examples/hosts/internal/world"
	"github.com/sallyport-go/sallyport/examples/hosts/scshost"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/session"
)

func TestHost(t *testing.T) {
	w := world.New(t)
	host := &scshost.Host{Tenant: world.Tenant, Engine: w.Engine, Sessions: scs.New(), Password: w.Password}
	h := host.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	ask := func(method, path, addr, form, cookie string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, path, strings.NewReader(form))
		r.RemoteAddr = addr + ":443"
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Cookie", cookie)
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		return rec
	}
	login := func(addr, password, planted string) (int, string) {
		rec := ask("POST", "/login", addr, "member=kim&password="+password, planted)
		cookie, _, _ := strings.Cut(rec.Header().Get("Set-Cookie"), ";")
		return rec.Code, cookie
	}
	if code, _ := login(world.Office, "wrong", ""); code != 401 {
		t.Errorf("a wrong password: %d", code)
	}
	if code, _ := login(world.Street, "right", ""); code != 403 {
		t.Errorf("from the street: %d", code)
	}
	if n := w.Wrong("kim"); n != 1 {
		t.Errorf("%d wrong passwords were counted", n)
	}
	code, cookie := login(world.Office, "right", "")
	if code != 200 || cookie == "" {
		t.Fatalf("from the office: %d %q", code, cookie)
	}
	if _, renewed := login(world.Office, "right", cookie); renewed == cookie || ask("GET", "/", world.Office, "", cookie).Code != 401 {
		t.Error("a login keeps the token of before")
	}
	_, cookie = login(world.Office, "right", "")
	planted := httptest.NewRequest("POST", "/login", strings.NewReader("member=kim&password=right"))
	planted.RemoteAddr = world.Office + ":443"
	planted.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	planted.Header.Set("Sec-Fetch-Site", "cross-site")
	rec := httptest.NewRecorder()
	if h.ServeHTTP(rec, planted); rec.Code != 403 || rec.Header().Get("Set-Cookie") != "" {
		t.Errorf("a login from another site: %d", rec.Code)
	}
	if code, _ := login(world.Office, "right"+strings.Repeat("&x=y", 2000), ""); code != 401 {
		t.Errorf("a form without end: %d", code)
	}
	_, out := login(world.Office, "right", "")
	if ask("POST", "/logout", world.Office, "", out); ask("GET", "/", world.Office, "", out).Code != 401 {
		t.Error("a session goes on after logging out")
	}
	for _, tt := range []struct {
		addr, cookie string
		want         int
	}{{world.Office, cookie, 200}, {world.Street, cookie, 403}, {world.Office, "", 401}, {world.Office, "session=forged", 401}} {
		if got := ask("GET", "/", tt.addr, "", tt.cookie).Code; got != tt.want {
			t.Errorf("%+v: %d", tt, got)
		}
	}
	during := *host
	during.Password = func(ctx context.Context, id member.ID, password string) (session.Version, bool) {
		since, ok := w.Password(ctx, id, password)
		w.SignOut(t, id, false) // somebody sets another one
		return since, ok
	}
	h = during.Handler(http.NotFoundHandler())
	if code, _ := login(world.Office, "right", ""); code != 401 {
		t.Errorf("a password that is changed while it is checked: %d", code)
	}
	h = host.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	_, cookie = login(world.Office, "right", "")
	w.SignOut(t, "kim", false)
	if got := ask("GET", "/", world.Office, "", cookie).Code; got != 401 {
		t.Errorf("after a cut: %d", got)
	}
	if code, _ := login(world.Office, "right", ""); code != 200 {
		t.Errorf("a login after a cut: %d", code)
	}
	w.SignOut(t, "kim", true)
	if code, _ := login(world.Office, "right", ""); code != 403 {
		t.Errorf("a login when suspended: %d", code)
	}
}

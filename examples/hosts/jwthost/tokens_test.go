package jwthost_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/examples/hosts/internal/world"
	"github.com/sallyport-go/sallyport/examples/hosts/jwthost"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/policy/httpgate"
	"github.com/sallyport-go/sallyport/session"
)

func TestTokens(t *testing.T) {
	w := world.New(t)
	tokens := jwthost.Tokens{Key: bytes.Repeat([]byte("k"), 32), Issuer: "https://acme.example", Life: time.Minute, Session: time.Hour}
	d, stamp, err := w.Engine.Admit(context.Background(), engine.Login{Tenant: world.Tenant, Member: "kim", Client: session.API, Addr: netip.MustParseAddr(world.Office), Authenticated: true})
	if err != nil || !d.Allowed() {
		t.Fatal(d, err)
	}
	request := engine.Request{Tenant: world.Tenant, Member: "kim", Stamp: stamp}
	sign := func(k jwthost.Tokens, r engine.Request) string {
		token, err := k.Sign(r, "s1")
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	token := sign(tokens, request)
	renewed, err := tokens.Renew(token, world.Tenant)
	if err != nil {
		t.Fatal(err)
	}
	otherKey, otherIssuer, gone := tokens, tokens, tokens
	otherKey.Key = bytes.Repeat([]byte("x"), 32)
	otherIssuer.Issuer = "https://other.example"
	gone.Life = time.Nanosecond
	foreign, nobody := request, request
	foreign.Tenant, nobody.Member = "other", ""
	parts := strings.Split(token, ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + parts[1] + "."
	guard := &httpgate.Guard{Engine: w.Engine, Session: tokens.SessionOf(world.Tenant)}
	ask := func(addr, token string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = addr + ":443"
		r.Header.Set("Authorization", "Bearer "+token)
		rec := httptest.NewRecorder()
		guard.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(rec, r)
		return rec
	}
	for _, tt := range []struct {
		addr, token string
		want        int
		why         string
	}{
		{world.Office, token, 200, "let in"},
		{world.Office, renewed, 200, "renewed"},
		{world.Street, token, 403, "at another address"},
		{world.Office, "", 401, "no token"},
		{world.Office, none, 401, "unsigned"},
		{world.Office, sign(otherKey, request), 401, "signed by somebody else"},
		{world.Office, sign(otherIssuer, request), 401, "for something else"},
		{world.Office, sign(tokens, foreign), 401, "of another tenant"},
		{world.Office, sign(tokens, nobody), 401, "of nobody"},
		{world.Office, sign(gone, request), 401, "expired"},
	} {
		if rec := ask(tt.addr, tt.token); rec.Code != tt.want {
			t.Errorf("%s: %d %s", tt.why, rec.Code, rec.Body)
		}
	}
	w.SignOut(t, "kim", false)
	afterwards, err := tokens.Renew(token, world.Tenant) // by a host that forgets the Guard
	if err != nil {
		t.Fatal(err)
	}
	for _, dead := range []string{token, renewed, afterwards} {
		if rec := ask(world.Office, dead); rec.Code != 401 || !strings.Contains(rec.Body.String(), "session-cut") {
			t.Errorf("after a cut: %d %s", rec.Code, rec.Body)
		}
	}
}

// A session is not renewed for ever, however often it is.
func TestRenewalEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tokens := jwthost.Tokens{Key: bytes.Repeat([]byte("k"), 32), Issuer: "https://acme.example", Life: time.Minute, Session: time.Hour}
		began := time.Now()
		token, err := tokens.Sign(engine.Request{Tenant: world.Tenant, Member: "kim", Stamp: session.Stamp{Client: session.API}}, "s1")
		for err == nil && time.Since(began) < 2*time.Hour {
			time.Sleep(50 * time.Second)
			token, err = tokens.Renew(token, world.Tenant)
		}
		if after := time.Since(began); !errors.Is(err, session.ErrEnded) || after < time.Hour || after > time.Hour+time.Minute {
			t.Errorf("after %v: %v", after, err)
		}
	})
}

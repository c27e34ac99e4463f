package routers_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/sallyport-go/sallyport/examples/hosts/internal/world"
	"github.com/sallyport-go/sallyport/examples/hosts/routers"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/policy/httpgate"
	"github.com/sallyport-go/sallyport/session"
)

func TestRouters(t *testing.T) {
	gin.SetMode(gin.ReleaseMode)
	for name, mount := range map[string]func(*httpgate.Guard) http.Handler{"chi": routers.Chi, "echo": routers.Echo, "gin": routers.Gin} {
		t.Run(name, func(t *testing.T) {
			w := world.New(t)
			d, stamp, err := w.Engine.Admit(context.Background(), engine.Login{Tenant: world.Tenant, Member: "kim", Client: session.Web, Addr: netip.MustParseAddr(world.Office), Authenticated: true})
			if err != nil || !d.Allowed() {
				t.Fatal(d, err)
			}
			h := mount(&httpgate.Guard{Engine: w.Engine, Resolver: world.Proxy(t, "10.0.0.1"), Session: func(*http.Request) (engine.Request, error) {
				return engine.Request{Tenant: world.Tenant, Member: "kim", Stamp: stamp}, nil
			}})
			ask := func(peer, forwarded string) (int, string) {
				r := httptest.NewRequest("GET", "/who", nil)
				r.RemoteAddr = peer + ":443"
				r.Header.Set("X-Forwarded-For", forwarded)
				r.Header.Set("X-Real-IP", world.Office) // what a client says of itself
				r.Header.Set("True-Client-IP", world.Office)
				rec := httptest.NewRecorder()
				h.ServeHTTP(rec, r)
				return rec.Code, rec.Body.String()
			}
			for _, tt := range []struct {
				peer, forwarded string
				want            int
				why             string
			}{
				{"10.0.0.1", world.Office, 200, "the proxy says so"},
				{"10.0.0.1", world.Office + ", " + world.Street, 403, "the client wrote the first hop"},
				{world.Street, world.Office, 403, "the peer is no proxy"},
				{"10.0.0.1", "garbage", 403, "a hop that cannot be read"},
			} {
				code, body := ask(tt.peer, tt.forwarded)
				if strings.Contains(body, "nobody") {
					t.Errorf("%s: the handler ran: %s", tt.why, body)
				}
				if code != tt.want || code == 200 && body != "kim at "+world.Office {
					t.Errorf("%s: %d %s", tt.why, code, body)
				}
			}
			w.SignOut(t, "kim", true)
			if code, body := ask("10.0.0.1", world.Office); code != 401 {
				t.Errorf("after a suspension: %d %s", code, body)
			}
		})
	}
}

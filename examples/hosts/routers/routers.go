// Package routers mounts a Guard in chi, echo and gin. Copy the function of yours. Each takes
// the address from the Guard and never from the router's own RealIP or ClientIP, which trust
// other headers and peers than you have declared; no middleware before the Guard may write
// to Request.RemoteAddr.
package routers

import (
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
	"github.com/labstack/echo/v5"

	"github.com/sallyport-go/sallyport/policy/httpgate"
)

// Who tells a handler of any of them which member comes from where.
func Who(r *http.Request) string {
	a, ok := httpgate.FromContext(r.Context())
	if !ok {
		return "nobody" // the Guard is not before this handler
	}
	return string(a.Request.Member) + " at " + a.Request.Addr.String()
}

// Chi takes the Guard as it is.
func Chi(guard *httpgate.Guard) http.Handler {
	r := chi.NewRouter()
	r.Use(guard.Handler) // and no middleware.RealIP
	r.Get("/who", func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(Who(r))) })
	return r
}

// Echo wraps it, and tells its own loggers the address that the Guard resolves.
func Echo(guard *httpgate.Guard) http.Handler {
	e := echo.New()
	e.IPExtractor = func(r *http.Request) string { return guard.Resolver.ClientAddr(r).String() }
	e.Use(echo.WrapMiddleware(guard.Handler))
	e.GET("/who", func(c *echo.Context) error { return c.String(http.StatusOK, Who(c.Request())) })
	return e
}

// Gin believes headers of every peer unless it is told not to, and needs to be stopped where
// the Guard has refused.
func Gin(guard *httpgate.Guard) http.Handler {
	e := gin.New()
	e.ForwardedByClientIP = false // ClientIP is the peer then; use Who
	e.Use(func(c *gin.Context) {
		through := false
		guard.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			through = true
			c.Request = r
			c.Next()
		})).ServeHTTP(c.Writer, c.Request)
		if !through {
			c.Abort()
		}
	})
	e.GET("/who", func(c *gin.Context) { c.String(http.StatusOK, Who(c.Request)) })
	return e
}

// Package front is what the JSON interface and the pages have in common of HTTP: where a
// request comes from and which session it shows, the guard of administrators' requests, the
// headers of every answer, and what is refused before any of them is asked.
package front

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/examples/loginserver/site"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/policy/httpgate"
	"github.com/sallyport-go/sallyport/session"
)

// Front answers requests by the handlers of two rooms. Make one with New and do not alter it
// while it is used.
type Front struct {
	Site     *site.Site
	Resolver *httpgate.Resolver // nil: the other end of the connection is the client
	Names    []string           // of this server, in lower case, as people type them
	Log      *slog.Logger       // nil: nothing is logged

	unnamed, unseen seldom
}

// Tenant returns the tenant that the path of a request names as {tenant}, or nil.
func (f *Front) Tenant(r *http.Request) *site.Tenant {
	return f.Site.Tenant(session.TenantID(r.PathValue("tenant")))
}

// Seen returns where a request comes from. Where nobody vouches for an address it is zero,
// which every policy refuses.
func (f *Front) Seen(r *http.Request) httpgate.Seen {
	seen, err := f.Resolver.Resolve(r)
	if err != nil && f.Log != nil {
		if n, ok := f.unseen.due(time.Now()); ok {
			f.Log.Warn("no client address", "requests", n, "seen", seen, "error", err)
		}
	}
	return seen
}

// Visit decides a request of a tenant by the session that it shows, for handlers that answer
// in every case. Administrators' requests go through Admin.
func (f *Front) Visit(r *http.Request, t *site.Tenant) site.Visit {
	return t.Visit(r.Context(), f.Seen(r), Token(r))
}

// Admin guards a handler of administrators' requests, of a path with {tenant}: what the
// engine refuses is answered by respond, or by httpgate.Respond if that is nil; a tenant
// that there is not by missing. What the actor may do is for the actor's methods to say.
func (f *Front) Admin(respond func(http.ResponseWriter, *http.Request, httpgate.Refusal), missing http.HandlerFunc, h func(http.ResponseWriter, *http.Request, *site.Actor)) http.Handler {
	if respond == nil {
		respond = func(w http.ResponseWriter, r *http.Request, f httpgate.Refusal) {
			w.Header().Del("Vary") // of headers, which Respond says again
			httpgate.Respond(w, r, f)
		}
	}
	guard := &httpgate.Guard{
		Engine: f.Site, Resolver: f.Resolver, Respond: respond, Log: f.Log,
		Session: func(r *http.Request) (engine.Request, error) {
			t := f.Tenant(r)
			s, err := t.Session(r.Context(), Token(r))
			*r.Context().Value(sessionKey{}).(*session.Session) = s
			return t.Request(s, netip.Addr{}), err
		},
		Help: func(r *http.Request, t session.TenantID, d policy.Decision) httpgate.Help {
			return httpgate.Help{Contact: f.Tenant(r).Contact, Next: "/t/" + r.PathValue("tenant") + "/login"}
		},
	}
	let := guard.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, _ := httpgate.FromContext(r.Context())
		t := f.Site.Tenant(a.Request.Tenant)
		if err := t.Used(r.Context(), *r.Context().Value(sessionKey{}).(*session.Session), a.Seen.Addr); err != nil {
			guard.Refuse(w, r, t.ID, policy.Decision{Reason: policy.ReasonSessionEnded}, a.Seen)
			return
		}
		h(w, r, t.Actor(a.Request.Member, a.Request.Stamp.Client, a.Seen))
	}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f.Tenant(r) == nil {
			missing(w, r)
			return
		}
		let.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), sessionKey{}, new(session.Session))))
	})
}

// sessionKey is of the session that Guard.Session has found.
type sessionKey struct{}

// RetryAfter tells a client when to ask again: in a second, if that is past.
func RetryAfter(w http.ResponseWriter, at time.Time) {
	seconds := max(1, int(math.Ceil(time.Until(at).Seconds())))
	w.Header().Set("Retry-After", strconv.Itoa(seconds))
}

// Room is the pages or the interface for programs.
type Room struct {
	*http.ServeMux

	// Refuse answers in the room's own words what no handler gets: 404; 405, with the methods
	// that there are in the header Allow; 403, a change that another site asks for; 421, a
	// request for another name.
	Refuse func(w http.ResponseWriter, r *http.Request, status int)
}

// Handler answers what a browser asks for by the pages and everything else by the interface
// for programs; what one of them does not have, by the other. What neither has is refused in
// the words of the one that was asked.
func (f *Front) Handler(pages, api Room) http.Handler {
	asked := func(r *http.Request) (first, second Room) {
		if WantsPage(r) {
			return pages, api
		}
		return api, pages
	}
	rooms := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		first, second := asked(r)
		for _, room := range []Room{first, second} {
			if _, pattern := room.Handler(r); pattern != "" {
				room.ServeHTTP(w, r)
				return
			}
		}
		status := http.StatusNotFound
		if allowed := slices.Concat(first.allowed(r), second.allowed(r)); len(allowed) > 0 {
			slices.Sort(allowed)
			w.Header().Set("Allow", strings.Join(slices.Compact(allowed), ", "))
			status = http.StatusMethodNotAllowed
		}
		first.Refuse(w, r, status)
	})
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		first, _ := asked(r)
		first.Refuse(w, r, http.StatusForbidden)
	}))
	return f.headers(f.named(protection.Handler(bounded(rooms)), func(w http.ResponseWriter, r *http.Request) {
		first, _ := asked(r)
		first.Refuse(w, r, http.StatusMisdirectedRequest)
	}))
}

// allowed returns the methods by which a room has the path of a request.
func (m Room) allowed(r *http.Request) (methods []string) {
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut} {
		other := *r
		other.Method = method
		if _, pattern := m.Handler(&other); pattern != "" {
			methods = append(methods, method)
		}
	}
	return methods
}

// WantsPage reports whether a browser asks, rather than a program. A program may send a form
// as well, and gets JSON back.
func WantsPage(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}

// named refuses requests for another name. A page of any site can have its own name resolve
// to this machine (DNS rebinding); to the browser of somebody who is inside, this server then
// is that site, and its answers are for that page to read. An address resolves to nothing
// else.
func (f *Front) named(h http.Handler, refuse http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := (&url.URL{Host: r.Host}).Hostname()
		if _, err := netip.ParseAddr(name); err != nil && !slices.Contains(f.Names, strings.ToLower(name)) {
			if f.Log != nil {
				if n, ok := f.unnamed.due(time.Now()); ok {
					f.Log.Warn("a request for another name; -url tells this server its own", "requests", n, "host", fmt.Sprintf("%.100q", r.Host))
				}
			}
			refuse(w, r)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// bounded keeps bodies within the largest that any handler reads; most take far less.
func bounded(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 2*policy.MaxDocument)
		h.ServeHTTP(w, r)
	})
}

// headers sets what every answer has, refusals of the wrapped handlers too. Referrers stay
// within the site, because without any a browser would send the Origin "null" with the forms.
func (f *Front) headers(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("X-Request-Id", rand.Text())
		header.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "+
			"form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "same-origin")
		header.Set("Cross-Origin-Opener-Policy", "same-origin")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		header.Set("Cache-Control", "no-store")
		header.Set("Vary", "Accept, Accept-Language")
		if f.Secure(r) {
			header.Set("Strict-Transport-Security", "max-age=31536000")
		}
		h.ServeHTTP(w, r)
	})
}

// Secure reports whether the client came by TLS: to this server, or to a declared proxy that
// says so.
func (f *Front) Secure(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	if r.Header.Get("X-Forwarded-Proto") != "https" {
		return false
	}
	seen, _ := f.Resolver.Resolve(r)
	return len(seen.Via) > 0
}

package front

import (
	"net/http"
	"strings"

	"github.com/sallyport-go/sallyport/examples/loginserver/site"
)

// CookieName is of the cookie with the session of a browser.
const CookieName = "session"

// SetCookie gives a browser its session. The cookie is sent to this tenant's pages only,
// never to scripts, and not with what other sites post.
func (f *Front) SetCookie(w http.ResponseWriter, r *http.Request, t *site.Tenant, token string) {
	f.cookie(w, r, t, token, int(site.SessionLife.Seconds()))
}

// DropCookie takes the session of a browser away.
func (f *Front) DropCookie(w http.ResponseWriter, r *http.Request, t *site.Tenant) {
	f.cookie(w, r, t, "", -1)
}

func (f *Front) cookie(w http.ResponseWriter, r *http.Request, t *site.Tenant, token string, maxAge int) {
	http.SetCookie(w, &http.Cookie{
		Name: CookieName, Value: token, Path: "/t/" + string(t.ID) + "/", MaxAge: maxAge,
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: f.Secure(r),
	})
}

// Token returns the session that a request shows, in the header of a program or in the cookie
// of a browser, or "".
func Token(r *http.Request) string {
	if h := r.Header.Get("Authorization"); h != "" {
		kind, token, _ := strings.Cut(h, " ")
		if strings.EqualFold(kind, "Bearer") {
			return token
		}
		return ""
	}
	c, err := r.Cookie(CookieName)
	if err != nil {
		return ""
	}
	return c.Value
}

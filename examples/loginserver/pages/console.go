package pages

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// menu are the pages of the console with the permissions of which one opens them.
var menu = []struct {
	path, key string
	need      directory.Permissions
}{
	{"network", "network.title", directory.Security},
	{"whatif", "whatif.title", directory.Security},
	{"members", "members.title", directory.Basics},
	{"accesses", "accesses.title", directory.Members | directory.Security | directory.Audit},
	{"devices", "devices.title", directory.Members | directory.Security | directory.Audit},
	{"audit", "audit.title", directory.Audit},
	{"history", "edit.history", directory.Security | directory.Audit},
}

// links are the pages that the visitor may open. Each page asks for itself whether it may be.
func (v *visitor) links(current string) []link {
	var all []link
	base := "/t/" + string(v.tenant.ID) + "/"
	for _, m := range menu {
		if v.may(m.need) {
			all = append(all, link{base + "admin/" + m.path, v.l.say(m.key), m.path == current})
		}
	}
	if len(all) > 0 {
		all = append(all, link{base + "me", v.l.say("console.you"), false})
	}
	return all
}

// may reports whether the visitor has one of the permissions, for what is shown.
func (v *visitor) may(oneOf directory.Permissions) bool { return v.rights&oneOf != 0 }

// page is one of the console.
func (v *visitor) page(current, title string, data any) page {
	return page{Title: title, Tenant: v.tenant.ID, Me: v.ID, Admin: true, Links: v.links(current), Data: data}
}

// getConsole goes to the first page that the visitor may open.
func (p *Pages) getConsole(w http.ResponseWriter, r *http.Request, v *visitor) {
	if all := v.links(""); len(all) > 0 {
		redirect(w, r, all[0].Href)
		return
	}
	p.fail(w, r, v, http.StatusForbidden, "error.forbidden")
}

// download writes CSV that opens in a spreadsheet. It is written whole or not at all.
func (p *Pages) download(w http.ResponseWriter, r *http.Request, v *visitor, name string, write func(io.Writer) error) {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		p.failed(w, r, v, err)
		return
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	w.Write(b.Bytes())
}

// clients names clients, or of nearly all those that are left out. The host's own have no name
// here.
func (l lang) clients(c session.Clients) string {
	var names, left []string
	for x := range session.AllClients.All() {
		key := "client." + x.String()
		switch {
		case !has(key):
		case c.Has(x):
			names = append(names, l.say(key))
		default:
			left = append(left, l.say(key))
		}
	}
	switch {
	case len(left) == 0:
		return l.say("client.every")
	case len(left) <= 2:
		return l.say("client.all-but", strings.Join(left, ", "))
	}
	return strings.Join(names, ", ")
}

func (l lang) status(s member.Status) string {
	if key := "status." + s.String(); has(key) {
		return l.say(key)
	}
	return l.say("site.unknown")
}

// role returns the name of a role; a custom one is named by whoever made it.
func (l lang) role(name string) string {
	if key := "role." + name; has(key) {
		return l.say(key)
	}
	return name
}

func (l lang) kind(kind string) string {
	if key := "kind." + kind; has(key) {
		return l.say(key)
	}
	return kind
}

func (l lang) step(s policy.Step) string {
	key := "step." + s.Line + map[bool]string{true: ".yes", false: ".no"}[s.Answered]
	if !has(key) {
		return s.Because
	}
	return l.say(key)
}

// ended says when and why a session ended, as far as it is known.
func (l lang) ended(a session.Access) string {
	var parts []string
	if !a.Ended.IsZero() {
		parts = append(parts, when(a.Ended))
	}
	if why := l.why(a); why != "" {
		parts = append(parts, why)
	}
	return strings.Join(parts, ", ")
}

// why says why a session ended: what ended it, or what an administrator wrote.
func (l lang) why(a session.Access) string {
	if a.Why == "" && !a.Ended.IsZero() {
		return l.say("ended.by-itself")
	}
	for _, prefix := range []string{"ended.", "kind.", "act."} {
		if key := prefix + strings.ReplaceAll(a.Why, " ", "-"); has(key) {
			return l.say(key)
		}
	}
	return a.Why
}

// memberIDs are the ids to choose from, the first page of them.
func (v *visitor) memberIDs(r *http.Request) []member.ID {
	ids, err := v.MemberIDs(r.Context())
	if err != nil {
		return nil // a choice less: what is typed is checked
	}
	slices.Sort(ids)
	return ids
}

package api

import (
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"time"

	"github.com/sallyport-go/sallyport/examples/loginserver/front"
	"github.com/sallyport-go/sallyport/examples/loginserver/site"
	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/session"
)

// entry is a member in a list.
type entry struct {
	ID     member.ID     `json:"id"`
	Status member.Status `json:"status"`
	Name   string        `json:"name,omitempty"`
	Mail   string        `json:"mail,omitempty"`
	Roles  []string      `json:"roles"`
}

func (a *API) getMembers(w http.ResponseWriter, r *http.Request, who *site.Actor) {
	q := r.URL.Query()
	n, err := number(r, "max", 100, 200)
	query := directory.Query{Text: q.Get("text"), Role: q.Get("role"), After: member.ID(q.Get("after")), Max: n}
	if text := q.Get("status"); err == nil && text != "" {
		if query.Status, err = member.ParseStatus(text); err != nil {
			err = errInput("status: " + err.Error())
		}
	}
	if err != nil {
		a.writeProblem(w, r, err)
		return
	}
	if wantsCSV(r) {
		a.writeFile(w, r, "members.csv", func(b io.Writer) error { return who.MembersCSV(r.Context(), b, query) })
		return
	}
	list, err := who.Members(r.Context(), query)
	if err != nil {
		a.writeProblem(w, r, err)
		return
	}
	found := []entry{}
	for _, e := range list {
		found = append(found, entry{e.ID, e.Status, e.Profile.Name, e.Profile.Mail, names(e.Roles)})
	}
	writeJSON(w, http.StatusOK, found)
}

func names(roles []directory.Role) []string {
	list := []string{}
	for _, r := range roles {
		list = append(list, r.Name)
	}
	return list
}

// access is a login that was let in, and what has become of its session.
type access struct {
	At       time.Time      `json:"at"`
	Member   member.ID      `json:"member"`
	Client   session.Client `json:"client"`
	Address  netip.Addr     `json:"address"`
	Country  geo.Country    `json:"country,omitzero"`
	System   string         `json:"system,omitempty"`
	Device   string         `json:"device,omitempty"`
	Verified bool           `json:"verified,omitempty"`
	Session  session.ID     `json:"session,omitzero"` // to end it by; it opens nothing
	Live     bool           `json:"live"`
	Ended    time.Time      `json:"ended,omitzero"`
	Why      string         `json:"why,omitempty"`
}

func accessOf(x session.Access) access {
	ended := x.Ended
	if !ended.IsZero() {
		ended = ended.UTC()
	}
	return access{x.At.UTC(), x.Member, x.Client, x.Addr, x.Country, x.System, x.Device, x.Verified, x.Session, x.Live, ended, x.Why}
}

// device is a device from which a member has logged in.
type device struct {
	ID      string          `json:"id"`
	Member  member.ID       `json:"member"`
	System  string          `json:"system,omitempty"`
	Clients session.Clients `json:"clients"`
	First   time.Time       `json:"first"`
	Last    time.Time       `json:"last"`
	Live    bool            `json:"live"`
}

func devicesOf(list []session.Device) []device {
	found := []device{}
	for _, d := range list {
		found = append(found, device{d.ID, d.Member, d.System, d.Clients, d.First.UTC(), d.Last.UTC(), d.Live})
	}
	return found
}

// getMember shows what an administrator sees of a member.
func (a *API) getMember(w http.ResponseWriter, r *http.Request, who *site.Actor) {
	clients, err := clientsOf(r)
	if err != nil {
		a.writeProblem(w, r, err)
		return
	}
	o, err := who.Member(r.Context(), member.ID(r.PathValue("id")), clients)
	if err != nil {
		a.writeProblem(w, r, err)
		return
	}
	visits := []access{}
	for _, v := range o.Visits {
		visits = append(visits, accessOf(v))
	}
	var last *access
	if !o.Last.At.IsZero() {
		x := accessOf(o.Last)
		last = &x
	}
	writeJSON(w, http.StatusOK, struct {
		entry
		LoginID         string               `json:"login_id,omitempty"`
		Last            *access              `json:"last,omitempty"`
		Contacts        []directory.Contact  `json:"contacts,omitempty"`
		External        []directory.External `json:"external,omitempty"`
		AppsBlocked     bool                 `json:"apps_blocked"`
		Blocked         session.Clients      `json:"blocked,omitempty"`
		Locked          time.Time            `json:"locked,omitzero"`
		PasswordChanged time.Time            `json:"password_changed,omitzero"`
		ChangeRequested time.Time            `json:"change_requested,omitzero"`
		Deleted         time.Time            `json:"deleted,omitzero"`
		RestoreUntil    time.Time            `json:"restore_until,omitzero"`
		Visits          []access             `json:"visits"`
		Devices         []device             `json:"devices"`
	}{entry{o.ID, o.Status, o.Profile.Name, o.Profile.Mail, names(o.Roles)}, o.LoginID, last, o.Contacts, o.External, o.AppsBlocked, o.Blocked, o.Locked, o.PasswordChanged,
		o.ChangeRequested, o.DeletedAt, o.RestoreUntil, visits, devicesOf(o.Devices)})
}

func clientsOf(r *http.Request) (c session.Clients, err error) {
	if text := r.URL.Query().Get("client"); text != "" {
		if err := c.UnmarshalText([]byte(text)); err != nil {
			return 0, errInput(fmt.Sprintf("client: %v", err))
		}
	}
	return c, nil
}

// acts are the actions of the path that package directory does. signout and set-password are
// beside them.
var acts = map[string]directory.Act{
	"suspend":          directory.Suspend,
	"lift":             directory.Lift,
	"block":            directory.BlockApps,
	"unblock":          directory.UnblockApps,
	"request-password": directory.RequestPasswordChange,
	"delete":           directory.Delete,
	"restore":          directory.Restore,
	"unlock":           directory.Unlock,
	"give-role":        directory.GiveRole,
	"take-role":        directory.TakeRole,
}

// postAction does something to a member. Every action takes a reason; signout takes the
// session to end, or ends all; set-password takes the password, or draws one and tells it,
// and whether the member must change it; the acts on roles take the role.
func (a *API) postAction(w http.ResponseWriter, r *http.Request, who *site.Actor) {
	f := map[string]string{}
	var err error
	if r.ContentLength != 0 {
		f, err = front.Fields(w, r, "reason", "session", "password", "change", "role")
	}
	if err != nil {
		a.writeProblem(w, r, err)
		return
	}
	id, action := member.ID(r.PathValue("id")), r.PathValue("action")
	done := struct {
		Member   member.ID `json:"member"`
		Action   string    `json:"action"`
		Ended    *int      `json:"ended,omitempty"`    // sessions, by signout
		Password string    `json:"password,omitempty"` // that was drawn, told once
	}{Member: id, Action: action}
	act, known := acts[action]
	switch {
	case known:
		err = who.Do(r.Context(), act, id, directory.Facts{Why: f["reason"], Role: directory.Role{Name: f["role"]}})
	case action == "signout":
		var n int
		if f["session"] == "" {
			n, err = who.SignOutAll(r.Context(), id, f["reason"])
		} else {
			var s session.ID
			if s.UnmarshalText([]byte(f["session"])) != nil {
				err = errInput("session: this names none; take the one that accesses tell")
			} else if err = who.SignOut(r.Context(), id, s, f["reason"]); err == nil {
				n = 1
			}
		}
		done.Ended = &n
	case action == "set-password":
		password, change := f["password"], f["change"]
		if change != "" && change != "yes" {
			err = errInput(`change: write yes, or leave it out`)
			break
		}
		if password == "" {
			password = rand.Text()
			done.Password = password
		}
		err = who.SetPassword(r.Context(), id, password, f["reason"], change == "yes")
	default:
		err = &directory.RefusedError{Act: directory.Act(action), Member: id, Reason: directory.UnknownAct}
	}
	if err != nil {
		a.writeProblem(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, done)
}

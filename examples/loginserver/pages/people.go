package pages

import (
	"errors"
	"io"
	"iter"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"

	"github.com/sallyport-go/sallyport/examples/loginserver/site"
)

// getWhatIf tells how a login from an address would be decided. It names entries and
// members, and so is for administrators.
func (p *Pages) getWhatIf(w http.ResponseWriter, r *http.Request, v *visitor) {
	q := r.URL.Query()
	d := struct {
		Addr    string
		Client  session.Client
		Clients session.Clients
		Member  member.ID
		Members []member.ID
		Answer  *policy.Explanation
	}{Addr: strings.TrimSpace(q.Get("addr")), Client: session.Web, Clients: v.tenant.Profile.Clients, Member: member.ID(q.Get("member")), Members: v.memberIDs(r)}
	if name := q.Get("client"); name != "" {
		d.Client, _ = session.ParseClient(name) // one without a name is unknown, and refused
	}
	addr, err := netip.ParseAddr(d.Addr)
	status, wrong := http.StatusOK, ""
	switch {
	case !q.Has("addr"):
		d.Addr = v.Seen.Addr.String()
		addr = v.Seen.Addr
	case err != nil:
		status, wrong = http.StatusUnprocessableEntity, v.l.say("whatif.address-wrong")
	}
	x, err := v.WhatIf(r.Context(), addr, d.Client, d.Member, nil)
	if err != nil {
		p.failed(w, r, v, err)
		return
	}
	if wrong == "" && q.Has("addr") {
		d.Answer = &x
	}
	out := v.page("whatif", v.l.say("whatif.title"), d)
	out.Wrong = wrong
	p.show(w, r, status, "whatif", out)
}

func (p *Pages) getMembers(w http.ResponseWriter, r *http.Request, v *visitor) {
	query := membersOf(r)
	list, err := v.Members(r.Context(), query)
	if err != nil {
		p.failed(w, r, v, err)
		return
	}
	d := struct {
		Text     string
		Status   member.Status
		Statuses []member.Status
		Members  []directory.Entry
		Chosen   string // the query that chooses them
		Next     string
	}{query.Text, query.Status, statuses, list, "", ""}
	chosen := url.Values{"text": {query.Text}, "status": {r.URL.Query().Get("status")}}
	d.Chosen = "?" + chosen.Encode()
	if len(list) == query.Max {
		chosen.Set("after", string(list[len(list)-1].ID))
		d.Next = "?" + chosen.Encode()
	}
	p.show(w, r, http.StatusOK, "members", v.page("members", v.l.say("members.title"), d))
}

var statuses = []member.Status{member.Pending, member.Active, member.OnLeave, member.Suspended, member.Locked, member.Deleted}

func (p *Pages) getMembersCSV(w http.ResponseWriter, r *http.Request, v *visitor) {
	p.download(w, r, v, "members.csv", func(b io.Writer) error { return v.MembersCSV(r.Context(), b, membersOf(r)) })
}

// membersOf reads which members are chosen.
func membersOf(r *http.Request) directory.Query {
	q := r.URL.Query()
	chosen := directory.Query{Text: q.Get("text"), After: member.ID(q.Get("after")), Max: 50}
	chosen.Status, _ = member.ParseStatus(q.Get("status")) // what is none chooses all
	return chosen
}

// act is one thing that can be done to a member now.
type act struct {
	Act       string
	Name, Why string
	Danger    bool
	Password  bool
	MinLength int
	Roles     []string
	Wrong     string
}

// signOut is the act that ends every session. It is this server's own.
const signOut directory.Act = "signout"

// acts are those that a member's state leaves room for and that the visitor's permissions
// allow; whether each is done is decided when it is.
func (v *visitor) acts(o directory.Overview) []act {
	var all []act
	add := func(a directory.Act, danger bool) *act {
		need := a.Need()
		if a == signOut {
			need = directory.EndSession.Need()
		}
		if !v.may(need) {
			return new(act)
		}
		all = append(all, act{Act: string(a), Name: v.l.say("act." + string(a)), Why: v.l.say("act." + string(a) + ".why"), Danger: danger})
		return &all[len(all)-1]
	}
	if o.Status == member.Deleted {
		add(directory.Restore, false)
		return all
	}
	if o.Status == member.Suspended {
		add(directory.Lift, false)
	} else {
		add(directory.Suspend, true)
	}
	if o.Status == member.Locked {
		add(directory.Unlock, false)
	}
	if o.AppsBlocked {
		add(directory.UnblockApps, false)
	} else {
		add(directory.BlockApps, true)
	}
	add(signOut, true)
	add(directory.RequestPasswordChange, false)
	a := add(directory.SetPassword, true)
	a.Password, a.MinLength = true, site.MinPassword
	var held, free []string
	for _, r := range o.Roles {
		held = append(held, r.Name)
	}
	for _, name := range []string{directory.SuperAdmin, directory.Deputy, directory.ITAdmin, directory.HRAdmin} {
		if !strings.Contains(","+strings.Join(held, ",")+",", ","+name+",") {
			free = append(free, name)
		}
	}
	if len(free) > 0 {
		add(directory.GiveRole, false).Roles = free
	}
	if len(held) > 0 {
		add(directory.TakeRole, true).Roles = held
	}
	add(directory.Delete, true)
	return all
}

// visits is a table of accesses.
type visits struct {
	Tenant session.TenantID
	Visits []session.Access
	Own    session.ID // the session that looks
	Whose  bool       // of more than one member
	To     string     // where to go on after a sign-out
}

type devices struct {
	Tenant  session.TenantID
	Devices []session.Device
	Whose   bool
}

// filter chooses accesses: by the program, and those of many members by these and by a day.
type filter struct {
	Action  string
	Client  session.Client
	Clients session.Clients

	Whose  bool // of more than one member
	Member member.ID
	Since  string // the first day
	Wrong  string // with it
}

// Query is that of the page, for the download.
func (f filter) Query() string {
	q := url.Values{}
	for key, value := range map[string]string{"member": string(f.Member), "since": f.Since} {
		if value != "" {
			q.Set(key, value)
		}
	}
	if f.Client != session.UnknownClient {
		q.Set("client", f.Client.String())
	}
	if len(q) == 0 {
		return ""
	}
	return "?" + q.Encode()
}

func (v *visitor) filter(r *http.Request) (filter, session.Clients) {
	f := filter{Action: r.URL.Path, Clients: v.tenant.Profile.Clients}
	c, err := session.ParseClient(r.URL.Query().Get("client"))
	if err != nil {
		return f, 0
	}
	f.Client = c
	return f, session.ClientsOf(c)
}

// accesses is a filter of the accesses of all members, and what it chooses.
func (v *visitor) accesses(r *http.Request) (filter, session.VisitQuery) {
	f, clients := v.filter(r)
	values := r.URL.Query()
	f.Whose, f.Member, f.Since = true, member.ID(strings.TrimSpace(values.Get("member"))), values.Get("since")
	q := session.VisitQuery{Member: f.Member, Clients: clients}
	if f.Since != "" {
		var err error
		if q.Since, err = time.Parse(time.DateOnly, f.Since); err != nil {
			f.Wrong = v.l.say("problem.bad-time")
		}
	}
	return f, q
}

func (p *Pages) getMember(w http.ResponseWriter, r *http.Request, v *visitor) {
	notice := ""
	if done := r.URL.Query().Get("done"); has("act." + done) {
		notice = v.l.say("member.done", v.l.say("act."+done))
	}
	p.showMember(w, r, v, http.StatusOK, notice, "", "")
}

func (p *Pages) showMember(w http.ResponseWriter, r *http.Request, v *visitor, status int, notice, wrong, at string) {
	id := member.ID(r.PathValue("member"))
	f, clients := v.filter(r)
	base := "/t/" + string(v.tenant.ID) + "/admin/members/" + url.PathEscape(string(id))
	f.Action = base
	o, err := v.Member(r.Context(), id, clients)
	if err != nil {
		p.failed(w, r, v, err)
		return
	}
	d := struct {
		Overview directory.Overview
		Blocked  string
		Acts     []act
		Filter   filter
		Visits   visits
		Devices  devices
	}{o, v.l.clients(o.Blocked), v.acts(o), f, visits{v.tenant.ID, o.Visits, v.session.ID, false, base}, devices{v.tenant.ID, o.Devices, false}}
	for i := range d.Acts {
		if d.Acts[i].Act == at {
			d.Acts[i].Wrong, wrong = wrong, ""
		}
	}
	out := v.page("members", v.l.say("member.title", string(id)), d)
	out.Notice, out.Wrong = notice, wrong
	p.show(w, r, status, "member", out)
}

func (p *Pages) getVisits(w http.ResponseWriter, r *http.Request, v *visitor) {
	p.download(w, r, v, "accesses.csv", func(b io.Writer) error {
		return v.MemberVisitsCSV(r.Context(), b, member.ID(r.PathValue("member")), 0)
	})
}

// postAct does an act to a member and goes back to the page.
func (p *Pages) postAct(w http.ResponseWriter, r *http.Request, v *visitor) {
	if err := form(w, r, maxForm); err != nil {
		p.failed(w, r, v, err)
		return
	}
	f, ctx := r.PostForm, r.Context()
	id, do, why := member.ID(r.PathValue("member")), directory.Act(r.PathValue("act")), f.Get("reason")
	to := "/t/" + string(v.tenant.ID) + "/admin/members/" + url.PathEscape(string(id)) + "?done=" + url.QueryEscape(string(do))
	var err error
	switch do {
	case signOut:
		_, err = v.SignOutAll(ctx, id, why)
	case directory.SetPassword:
		err = v.SetPassword(ctx, id, f.Get("password"), why, f.Get("change") != "")
	case directory.EndSession:
		facts := directory.Facts{Why: why}
		if err = facts.Session.UnmarshalText([]byte(f.Get("session"))); err != nil {
			p.failed(w, r, v, errForm)
			return
		}
		err = v.Do(ctx, do, id, facts)
		if f.Get("to") == "/t/"+string(v.tenant.ID)+"/admin/accesses" {
			to = f.Get("to") + "?done=1"
		}
	default:
		if !has("act." + string(do)) {
			p.fail(w, r, v, http.StatusNotFound, "error.not-found")
			return
		}
		err = v.Do(ctx, do, id, directory.Facts{Why: why, Role: directory.Role{Name: f.Get("role")}})
	}
	var refused *directory.RefusedError
	var password *site.PasswordError
	switch {
	case err == nil:
		redirect(w, r, to)
	case errors.As(err, &password):
		p.showMember(w, r, v, http.StatusUnprocessableEntity, "", v.l.flaws(password), string(do))
	case errors.As(err, &refused) && refused.Reason != directory.UnknownMember:
		p.showMember(w, r, v, http.StatusForbidden, "", v.l.say("refusal."+string(refused.Reason)), string(do))
	default:
		p.failed(w, r, v, err)
	}
}

const maxShown = 200

// first takes the first of a sequence, up to a number.
func first[T any](all iter.Seq2[T, error]) (list []T, err error) {
	for x, err := range all {
		if err != nil || len(list) == maxShown {
			return list, err
		}
		list = append(list, x)
	}
	return list, nil
}

func (p *Pages) getAccesses(w http.ResponseWriter, r *http.Request, v *visitor) {
	f, q := v.accesses(r)
	status := http.StatusOK
	var list []session.Access
	if f.Wrong != "" {
		status = http.StatusUnprocessableEntity
	} else {
		var err error
		if list, err = first(v.Accesses(r.Context(), q)); err != nil {
			p.failed(w, r, v, err)
			return
		}
	}
	out := v.page("accesses", v.l.say("accesses.title"), struct {
		Filter filter
		Visits visits
	}{f, visits{v.tenant.ID, list, v.session.ID, true, r.URL.Path}})
	if r.URL.Query().Has("done") {
		out.Notice = v.l.say("accesses.done")
	}
	p.show(w, r, status, "accesses", out)
}

func (p *Pages) getAccessesCSV(w http.ResponseWriter, r *http.Request, v *visitor) {
	f, q := v.accesses(r)
	if f.Wrong != "" {
		p.failed(w, r, v, errForm)
		return
	}
	p.download(w, r, v, "accesses.csv", func(b io.Writer) error {
		return v.AccessesCSV(r.Context(), b, q)
	})
}

func (p *Pages) getDevices(w http.ResponseWriter, r *http.Request, v *visitor) {
	list, err := v.Devices(r.Context(), "")
	if err != nil {
		p.failed(w, r, v, err)
		return
	}
	p.show(w, r, http.StatusOK, "devices", v.page("devices", v.l.say("devices.title"), devices{v.tenant.ID, list, true}))
}

func (p *Pages) getAudit(w http.ResponseWriter, r *http.Request, v *visitor) {
	list, err := first(v.Audit(r.Context(), session.EventQuery{}))
	if err != nil {
		p.failed(w, r, v, err)
		return
	}
	type event struct {
		session.Event
		What string
	}
	var events []event
	for _, e := range list {
		if key := "refusal." + e.Refused; has(key) {
			e.Refused = v.l.say(key)
		}
		events = append(events, event{e, v.l.kind(e.Kind)})
	}
	p.show(w, r, http.StatusOK, "audit", v.page("audit", v.l.say("audit.title"), events))
}

func (p *Pages) getAuditCSV(w http.ResponseWriter, r *http.Request, v *visitor) {
	p.download(w, r, v, "audit.csv", func(b io.Writer) error {
		return v.AuditCSV(r.Context(), b, session.EventQuery{})
	})
}

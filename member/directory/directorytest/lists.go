package directorytest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/session"
)

func listClauses() []clause[directory.Store] {
	return []clause[directory.Store]{
		saying("list", "List returns the accounts of a tenant that q chooses, in the order of the bytes of their ids. What is purged is not listed.", lists),
		saying("pages", "List returns … at most q.Max … After: only ids above it.", pages),
	}
}

// people makes members who differ, and returns them.
func people(w *acting) ([]directory.Account, error) {
	facts := func(login, name, mail string) directory.Facts {
		return directory.Facts{LoginID: login, Profile: directory.Profile{Name: name, Mail: mail}}
	}
	type person struct {
		id    member.ID
		steps []step
	}
	hr := directory.Facts{Role: directory.Role{Name: directory.HRAdmin}}
	for _, p := range []person{
		{"zoe", []step{{directory.Create, facts("zoe1", "Zoe 100%_", "Zoe@Example.com")}, {directory.SetPassword, directory.Facts{}}}},
		{"Kim", []step{{directory.Create, facts("k", "김서연", "kim@example.com")}, {directory.GiveRole, hr}}},
		{"kim", []step{{directory.Create, facts("K", "Kim", "")}, {directory.BlockApps, directory.Facts{}}, {directory.Delete, directory.Facts{}}}},
		{"é", []step{{directory.Create, facts("", "", "")}, {directory.SetPassword, directory.Facts{}}, {directory.Suspend, directory.Facts{}}}},
		{"a", []step{{directory.Create, facts("", "", "")}, {directory.SetPassword, directory.Facts{}}, {directory.BlockApps, directory.Facts{}}, {directory.BeginLeave, directory.Facts{}}, {directory.GiveRole, hr}}},
		{"gone", []step{{directory.Create, facts("", "Kim", "")}, {directory.Delete, directory.Facts{}}}},
	} {
		if _, err := w.all("acme", p.id, p.steps...); err != nil {
			return nil, err
		}
	}
	w.n += 8 * 24 * 60
	if _, err := w.do(directory.Purge, "acme", "gone", directory.Facts{}); err != nil {
		return nil, err
	}
	if _, err := w.do(directory.Create, "globex", "kim", facts("k", "Kim", "")); err != nil {
		return nil, err
	}
	var all []directory.Account
	for _, id := range []member.ID{"Kim", "a", "kim", "zoe", "é"} {
		a, err := w.Load(w.ctx, "acme", id)
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	return all, nil
}

func lists(w *acting) error {
	all, err := people(w)
	if err != nil {
		return err
	}
	later := began.Add(365 * 24 * time.Hour)
	for _, q := range []directory.Query{
		{}, {Text: "kim"}, {Text: "KIM"}, {Text: "example"}, {Text: "김"}, {Text: "%"}, {Text: "_"}, {Text: "zoe1"}, {Text: "none such"}, {Text: "É"},
		{Status: member.Pending}, {Status: member.Active}, {Status: member.OnLeave}, {Status: member.Suspended}, {Status: member.Deleted},
		{Role: directory.HRAdmin}, {Role: "hr"}, {LoginID: "k"}, {LoginID: "K"}, {LoginID: "zoe"}, {LoginID: "zoe1", After: "zoe"}, {AppsBlocked: true}, {AppsBlocked: true, Status: member.OnLeave, Role: directory.HRAdmin},
		{DeletedBefore: later}, {DeletedBefore: began}, {After: "a"}, {After: "zzz"}, {Text: "kim", After: "a"},
	} {
		var want []directory.Account
		for _, a := range all {
			if q.Chooses(a) {
				want = append(want, a)
			}
		}
		got, err := w.List(w.ctx, "acme", q)
		if err != nil {
			return err
		}
		if !slices.EqualFunc(got, want, func(a, b directory.Account) bool { return text(a) == text(b) && a.Status == b.Status }) {
			return fmt.Errorf("List(%+v) = %v; want %v", q, ids(got), ids(want))
		}
	}
	return nil
}

func ids(accounts []directory.Account) []member.ID {
	var s []member.ID
	for _, a := range accounts {
		s = append(s, a.ID)
	}
	return s
}

func pages(w *acting) error {
	var want []member.ID
	for i := range 25 {
		id := member.ID(fmt.Sprintf("m%02d", (i*7)%25))
		if _, err := w.do(directory.Create, "acme", id, directory.Facts{}); err != nil {
			return err
		}
		want = append(want, id)
	}
	slices.Sort(want)
	for _, most := range []int{1, 4, 25, 26, 0, -1, session.MaxPage + 1} {
		var got []member.ID
		q := directory.Query{Max: most}
		for {
			page, err := w.List(w.ctx, "acme", q)
			if err != nil {
				return err
			}
			if len(page) > q.Limit() {
				return fmt.Errorf("a page of at most %d has %d", q.Limit(), len(page))
			}
			got = append(got, ids(page)...)
			if len(page) < q.Limit() || len(got) > len(want) {
				break
			}
			q.After = page[len(page)-1].ID
		}
		if !slices.Equal(got, want) {
			return fmt.Errorf("pages of %d list %v; want %v", most, got, want)
		}
	}
	if page, err := w.List(w.ctx, "acme", directory.Query{Max: 3}); err != nil || len(page) != 3 {
		return errors.Join(fmt.Errorf("a page of 3 has %d", len(page)), err)
	}
	return nil
}

func loginIDs(w *acting) error {
	a, err := w.do(directory.Create, "acme", "kim", rich)
	if err != nil {
		return err
	}
	if _, err := w.do(directory.Create, "acme", "lee", rich); !errors.Is(err, session.ErrExists) {
		return fmt.Errorf("a second member with the login id: %v", err)
	}
	for _, id := range []member.ID{"lee", "park"} {
		if _, err := w.do(directory.Create, "acme", id, directory.Facts{}); err != nil {
			return fmt.Errorf("members without a login id: %w", err)
		}
	}
	if _, err := w.do(directory.ChangeLoginID, "acme", "kim", directory.Facts{LoginID: "kim"}); err != nil {
		return err
	}
	if _, err := w.do(directory.Create, "acme", "choi", rich); err != nil {
		return fmt.Errorf("a login id that nobody has any more: %w", err)
	}
	taken := rich
	taken.LoginID = "kim"
	if _, err := w.do(directory.Create, "acme", "jung", taken); !errors.Is(err, session.ErrExists) {
		return fmt.Errorf("a second member with the login id that was changed to: %v", err)
	}
	_ = a
	return nil
}

// link links an external login to a member who is there.
func (w *acting) link(t session.TenantID, id member.ID, external string) error {
	_, err := w.do(directory.Link, t, id, directory.Facts{External: external})
	return err
}

func externalLogins(w *acting) error {
	for _, id := range []member.ID{"kim", "lee", "gone"} {
		if _, err := w.do(directory.Create, "acme", id, directory.Facts{}); err != nil {
			return err
		}
	}
	if _, err := w.do(directory.Create, "globex", "kim", directory.Facts{}); err != nil {
		return err
	}
	if err := errors.Join(w.link("acme", "kim", "google:1"), w.link("acme", "kim", "apple:2"), w.link("acme", "lee", "Google:1"),
		w.link("globex", "kim", "google:1"), w.link("acme", "gone", "apple:3")); err != nil {
		return err
	}
	if err := w.link("acme", "lee", "apple:2"); !errors.Is(err, session.ErrExists) {
		return fmt.Errorf("an external login is linked to two members: %v", err)
	}
	if lee, err := w.Load(w.ctx, "acme", "lee"); err != nil || len(lee.External) != 1 {
		return fmt.Errorf("after a refusal: %+v, %v", lee.External, err)
	}
	found := func(external string, want ...member.ID) error {
		list, err := w.List(w.ctx, "acme", directory.Query{External: external})
		if err != nil || !slices.Equal(ids(list), want) {
			return fmt.Errorf("%s finds %v, %w; want %v", external, ids(list), err, want)
		}
		return nil
	}
	if err := errors.Join(found("google:1", "kim"), found("Google:1", "lee"), found("google:"), found("google:1\napple:2")); err != nil {
		return err
	}
	if _, err := w.do(directory.Unlink, "acme", "kim", directory.Facts{External: "apple:2"}); err != nil {
		return err
	}
	if err := errors.Join(found("apple:2"), w.link("acme", "lee", "apple:2"), found("apple:2", "lee"), found("google:1", "kim")); err != nil {
		return fmt.Errorf("an external login that was unlinked: %w", err)
	}
	if _, err := w.do(directory.Delete, "acme", "gone", directory.Facts{}); err != nil {
		return err
	}
	if err := w.link("acme", "lee", "apple:3"); !errors.Is(err, session.ErrExists) {
		return fmt.Errorf("the external login of a member who can be restored: %v", err)
	}
	w.n += 8 * 24 * 60
	if _, err := w.do(directory.Purge, "acme", "gone", directory.Facts{}); err != nil {
		return err
	}
	return errors.Join(found("apple:3"), w.link("acme", "lee", "apple:3"), found("apple:3", "lee"))
}

// externalAtOnce links one external login to many members at the same time.
func externalAtOnce(w *acting) error {
	changes := make([]directory.Change, 8)
	for i := range changes {
		a, err := w.do(directory.Create, "acme", member.ID(fmt.Sprintf("m%d", i)), directory.Facts{})
		if err != nil {
			return err
		}
		if changes[i], err = w.change(directory.Link, a, directory.Facts{External: "google:1"}); err != nil {
			return err
		}
	}
	errs := make([]error, len(changes))
	var all sync.WaitGroup
	for i, c := range changes {
		all.Go(func() { errs[i] = w.Save(w.ctx, c) })
	}
	all.Wait()
	linked := 0
	for _, err := range errs {
		switch {
		case err == nil:
			linked++
		case !errors.Is(err, session.ErrExists):
			return err
		}
	}
	list, err := w.List(w.ctx, "acme", directory.Query{External: "google:1"})
	if linked != 1 || len(list) != 1 || err != nil {
		return fmt.Errorf("linked by %d of %d members at once, and %v are found, %w; want one", linked, len(changes), ids(list), err)
	}
	return nil
}

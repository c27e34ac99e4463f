package directorytest

import (
	"errors"
	"fmt"
	"slices"
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

package directory

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/session"
)

// may returns nil if an actor has a permission that x needs, for what is not about one
// member. A refusal is recorded.
func (d *Directory) may(ctx context.Context, x Act, actor member.ID, t session.TenantID) error {
	a, err := d.actor(ctx, t, actor)
	if err == nil {
		if why := x.permit(a, Account{Member: member.Member{Tenant: t}}); why != nil {
			err = why
		}
	}
	if err == nil {
		return nil
	}
	return d.refuse(ctx, x, t, "", Facts{Actor: actor, At: now()}, err)
}

// Events returns a page of the events of a tenant that q chooses, newest first, refused
// acts too, for an administrator with the permission audit. Those from before the terms
// keep them are not shown.
func (d *Directory) Events(ctx context.Context, actor member.ID, t session.TenantID, q session.EventQuery) (page []session.Event, err error) {
	defer recovered(&err)
	if err := d.may(ctx, ReadEvents, actor, t); err != nil {
		return nil, err
	}
	terms, err := d.terms(ctx, t)
	if err != nil {
		return nil, err
	}
	return d.events(ctx, t, q, now().Add(-terms.Keep))
}

func (d *Directory) events(ctx context.Context, t session.TenantID, q session.EventQuery, since time.Time) ([]session.Event, error) {
	if q.From.Before(since) {
		q.From = since
	}
	page, err := d.store.Events(ctx, t, q)
	for _, e := range page {
		if e.Tenant != t {
			return nil, errors.New("directory: the store returned events of another tenant")
		}
	}
	return page, err
}

// download returns how a list is written, or a refusal, which is recorded, if the plan of
// the tenant has no downloads.
func (d *Directory) download(ctx context.Context, x Act, actor member.ID, t session.TenantID, id member.ID, bom bool) (session.CSVOptions, error) {
	terms, err := d.terms(ctx, t)
	if err == nil && !terms.Download {
		err = d.refuse(ctx, x, t, id, Facts{Actor: actor, At: now()}, refused(PlanWithoutDownloads))
	}
	return session.CSVOptions{Download: terms.Download, BOM: bom}, err
}

// EventsCSV writes all events that q chooses as CSV that is safe in spreadsheets, to whom
// Events shows them, with a byte order mark if bom is set. If the plan has no downloads it
// is refused.
func (d *Directory) EventsCSV(ctx context.Context, w io.Writer, actor member.ID, t session.TenantID, q session.EventQuery, bom bool) (err error) {
	defer recovered(&err)
	if err := d.may(ctx, ReadEvents, actor, t); err != nil {
		return err
	}
	csv, err := d.download(ctx, ReadEvents, actor, t, "", bom)
	if err != nil {
		return err
	}
	terms, err := d.terms(ctx, t)
	if err != nil {
		return err
	}
	at := now()
	if q.To.IsZero() {
		q.To = at.Add(time.Microsecond) // what comes in meanwhile does not move the pages
	}
	q.Max = session.MaxPage
	return session.WriteEvents(w, session.Events(ctx, keptEvents{d, at.Add(-terms.Keep)}, t, q), csv)
}

// keptEvents is the log of a directory since an instant.
type keptEvents struct {
	d     *Directory
	since time.Time
}

func (k keptEvents) Events(ctx context.Context, t session.TenantID, q session.EventQuery) ([]session.Event, error) {
	return k.d.events(ctx, t, q, k.since)
}

// BlockedCSV writes what Blocked returns as CSV that is safe in spreadsheets, with a byte
// order mark if bom is set. If the plan has no downloads it is refused.
func (d *Directory) BlockedCSV(ctx context.Context, w io.Writer, actor member.ID, t session.TenantID, bom bool) (err error) {
	defer recovered(&err)
	list, err := d.Blocked(ctx, actor, t)
	if err != nil {
		return err
	}
	o, err := d.download(ctx, ReadBlocked, actor, t, "", bom)
	if err != nil {
		return err
	}
	csv := session.NewCSV(w, o)
	if err := csv.Write("name", "mail", "rank", "phones", "workplace", "organisation", "title"); err != nil {
		return err
	}
	for _, e := range list {
		p := e.Profile
		if err := csv.Write(p.Name, p.Mail, p.Rank, strings.Join(p.Phones, ", "), p.Workplace, p.Organisation, p.Title); err != nil {
			return err
		}
	}
	return csv.Flush()
}

// Tidy purges the members of a tenant who were deleted more than 7 days ago, and forgets
// events that the terms do not keep. Call it once a day for each tenant. It asks no
// permission. What it could not do it does the next time.
func (d *Directory) Tidy(ctx context.Context, t session.TenantID) (err error) {
	defer recovered(&err)
	terms, err := d.terms(ctx, t)
	if err != nil {
		return err
	}
	at := now()
	q := Query{Status: member.Deleted, DeletedBefore: at.Add(-RestoreWithin), Max: session.MaxPage}
	var problems []error
	for {
		page, err := d.page(ctx, t, q)
		if err != nil {
			return err
		}
		for _, a := range page {
			orders, err := d.change(ctx, Purge, t, a.ID, Facts{Why: "deleted 7 days ago"}, nil)
			if err != nil && !errors.Is(err, ErrRefused) { // somebody made the member again meanwhile
				problems = append(problems, err)
			}
			d.promptly(ctx, orders)
		}
		if len(page) < q.Max {
			break
		}
		q.After = page[len(page)-1].ID
	}
	for {
		n, err := d.store.Forget(ctx, t, at.Add(-terms.Keep), session.MaxPage)
		if err != nil || n == 0 {
			return errors.Join(append(problems, err)...)
		}
	}
}

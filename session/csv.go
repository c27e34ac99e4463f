package session

import (
	"bufio"
	"context"
	"errors"
	"io"
	"iter"
	"net/netip"
	"strings"
	"time"
)

// ErrNoDownload is what a report returns that the tenant's plan does not let be downloaded.
var ErrNoDownload = errors.New("the plan has no download")

// CSVOptions says how reports are written. The zero CSVOptions writes none.
type CSVOptions struct {
	// Download says that the tenant's plan has the download of reports. False: nothing is
	// written, and the error is ErrNoDownload.
	Download bool

	// BOM begins with a byte order mark, by which Excel knows that the text is UTF-8.
	BOM bool
}

// CSV writes rows of a report as RFC 4180 has it: CRLF ends a row, and every cell is in
// quotes. No cell is a formula to a spreadsheet, wherever its text came from:
//
//   - Where a cell starts with "=", "+", "-" or "@", or with a form of these that a
//     spreadsheet may take for them, after spaces or quotes too, it gets an apostrophe in
//     front, as OWASP advises. So does one that starts with an apostrophe: whoever reads
//     the file takes one away and has the text. The same is done behind each ",", ";" and
//     "|" within a cell, where a program starts another cell that separates by these.
//   - Control characters, line ends and what turns the direction of text are made visible,
//     as ␊ or <U+202E>; what is not UTF-8 becomes �.
//   - Text that is longer than a cell of a spreadsheet can be is cut, with "…" at its end.
//     The rest would start a cell of its own.
//
// Use NewCSV; the zero CSV refuses with ErrNoDownload. A CSV is for one goroutine.
type CSV struct {
	w   *bufio.Writer
	bom bool
	err error // from then on
}

// NewCSV returns a CSV that writes to w, which stays the caller's.
func NewCSV(w io.Writer, o CSVOptions) *CSV {
	if !o.Download {
		return new(CSV)
	}
	return &CSV{w: bufio.NewWriter(w), bom: o.BOM}
}

// Write writes a row. After an error, every further call returns that.
func (c *CSV) Write(cells ...string) error {
	if c.w == nil {
		return ErrNoDownload
	}
	if c.err != nil {
		return c.err
	}
	if c.bom {
		c.w.WriteString("\ufeff")
		c.bom = false
	}
	for i, s := range cells {
		if i > 0 {
			c.w.WriteByte(',')
		}
		c.w.WriteByte('"')
		c.w.WriteString(strings.ReplaceAll(cell(s), `"`, `""`))
		c.w.WriteByte('"')
	}
	_, c.err = c.w.WriteString("\r\n")
	return c.err
}

// Flush writes what is not yet written. Call it at the end and look at its error.
func (c *CSV) Flush() error {
	if c.w == nil {
		return ErrNoDownload
	}
	if c.err == nil {
		c.err = c.w.Flush()
	}
	return c.err
}

// WriteVisits writes visits as CSV, a row for each below one of titles. Times are in UTC.
// At the first error of visits it stops and returns that; what was written is then not
// the whole.
func WriteVisits(w io.Writer, visits iter.Seq2[Access, error], o CSVOptions) error {
	c := NewCSV(w, o)
	if err := c.Write("time", "member", "client", "system", "device", "address", "country", "verified", "state", "ended", "why"); err != nil {
		return err
	}
	for a, err := range visits {
		if err != nil {
			return errors.Join(err, c.Flush())
		}
		state, verified := "ended", "no"
		if a.Live {
			state = "live"
		}
		if a.Verified {
			verified = "yes"
		}
		if err := c.Write(timeCell(a.At), string(a.Member), a.Client.String(), a.System, a.Device, addrCell(a.Addr), a.Country.String(),
			verified, state, timeCell(a.Ended), a.Why); err != nil {
			return err
		}
	}
	return c.Flush()
}

// WriteEvents writes events as CSV, in the way of WriteVisits.
func WriteEvents(w io.Writer, events iter.Seq2[Event, error], o CSVOptions) error {
	c := NewCSV(w, o)
	if err := c.Write("time", "id", "actor", "kind", "member", "why", "refused", "summary", "before", "after", "settings version", "member version"); err != nil {
		return err
	}
	for e, err := range events {
		if err != nil {
			return errors.Join(err, c.Flush())
		}
		if err := c.Write(timeCell(e.At), e.ID, string(e.Actor), e.Kind, string(e.Member), e.Why, e.Refused,
			strings.Join(e.Summary, "; "), e.Before, e.After, versionCell(e.Policy), versionCell(e.Membership)); err != nil {
			return err
		}
	}
	return c.Flush()
}

// Events yields all events of a tenant that q names, newest first, page by page, for
// WriteEvents. It stops at the first error, which it yields last. If q.To is zero and
// events come in meanwhile, they may be left out.
func Events(ctx context.Context, l Log, t TenantID, q EventQuery) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		if l == nil {
			yield(Event{}, errors.New("session: there is no log"))
			return
		}
		full := q.Max
		if full <= 0 || full > MaxPage {
			full = MaxPage
		}
		known := make(map[string]bool) // of the last page: what comes in moves it on
		for {
			page, err := l.Events(ctx, t, q)
			if err != nil {
				yield(Event{}, err)
				return
			}
			last, fresh := known, false
			known = make(map[string]bool, len(page))
			for _, e := range page {
				known[e.ID] = true
				if last[e.ID] {
					continue
				}
				if fresh = true; !yield(e, nil) {
					return
				}
			}
			if !fresh && len(page) < full {
				return // there were no more
			}
			if !fresh {
				yield(Event{}, errors.New("session: the log returns the same page twice; set To, so that what comes in does not move the pages"))
				return
			}
			q.Skip += len(page)
		}
	}
}

func timeCell(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func addrCell(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

func versionCell(v Version) string {
	if v == (Version{}) {
		return ""
	}
	return v.String()
}

package sqlstore

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// maxName is the most bytes of a name or an id. With two of them a row of an index fits
// the page of any database.
const maxName = 1000

// named returns why a name or an id cannot be stored, or nil. What cannot be stored is
// never there: who looks for it is told so, and the database is not asked.
func named(names ...string) error {
	for _, s := range names {
		switch {
		case len(s) > maxName:
			return answer(fmt.Errorf("sqlstore: name %s of %d bytes is too long; at most %d", quote(s), len(s), maxName))
		case !utf8.ValidString(s):
			return answer(fmt.Errorf("sqlstore: name %s is not UTF-8", quote(s)))
		case strings.IndexByte(s, 0) >= 0:
			return answer(fmt.Errorf("sqlstore: name %s has a zero byte, which no text of PostgreSQL can hold", quote(s)))
		}
	}
	return nil
}

// plain returns text for people so that any database takes it.
func plain(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// cut returns at most n bytes of what plain returns.
func cut(s string, n int) string {
	s = plain(s[:min(len(s), n+utf8.UTFMax)])
	for len(s) > n {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return s
}

// whole returns why a document of JSON cannot be stored as it is, or nil: a zero byte in
// its text is nothing that PostgreSQL takes.
func whole(doc []byte) error {
	for i := 0; i+1 < len(doc); i++ {
		if doc[i] != '\\' {
			continue
		}
		i++
		if strings.HasPrefix(string(doc[i:min(i+5, len(doc))]), "u0000") {
			return answer(fmt.Errorf("sqlstore: text near %s has a zero byte, which no text of PostgreSQL can hold", quote(string(doc[max(0, i-40):i+5]))))
		}
	}
	return nil
}

// quote makes text from outside safe to print: quoted, and cut to 64 bytes.
func quote(s string) string {
	if len(s) > 64 {
		return strconv.Quote(s[:64]) + "…"
	}
	return strconv.Quote(s)
}

// lower changes ASCII letters alone, as searches do.
func lower(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// at returns an instant as the database keeps it: to the microsecond, rounded down.
func (d *DB) at(t time.Time) any {
	if d != nil && d.dialect == SQLite {
		return t.UnixMicro()
	}
	return t.UTC().Truncate(time.Microsecond)
}

// orNull is at, with NULL for the zero Time.
func (d *DB) orNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return d.at(t)
}

// instant reads what at has written; NULL is the zero Time.
type instant struct{ time.Time }

// Scan reads a column.
func (i *instant) Scan(column any) error {
	switch v := column.(type) {
	case nil:
		i.Time = time.Time{}
	case int64:
		i.Time = time.UnixMicro(v).UTC()
	case time.Time:
		i.Time = v.UTC()
	default:
		return fmt.Errorf("an instant is kept as %T", column)
	}
	return nil
}

// micros returns a span as the database counts it; a negative one is none.
func micros(d time.Duration) int64 { return max(d, 0).Microseconds() }

package pages

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/collate"
	"golang.org/x/text/language"

	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// badLine is a line that could not be taken, beside the reason.
type badLine struct {
	Number       int
	Input, Wrong string
}

func sortNames(l lang, names []choice) {
	tag := languages[l]
	if tag == language.Japanese {
		tag = language.Und // the tables of package collate put some names in カ before ア
	}
	c := collate.New(tag)
	slices.SortStableFunc(names, func(a, b choice) int { return c.CompareString(a.Name, b.Name) })
}

// sentinels are what can be wrong with the text of a range, by the key of its words.
var sentinels = []struct {
	err error
	key string
}{
	{ipset.ErrEmpty, "empty"}, {ipset.ErrTooLong, "too-long"}, {ipset.ErrZone, "zone"},
	{ipset.ErrPrefixLength, "prefix-length"}, {ipset.ErrMask, "mask"}, {ipset.ErrHostBits, "host-bits"}, {ipset.ErrReversed, "reversed"},
	{ipset.ErrFamilies, "families"}, {ipset.ErrAddress, "address"}, {ipset.ErrLabel, "label"}, {ipset.ErrLineTooLong, "line-long"},
	{ipset.ErrListTooLong, "list-long"}, {ipset.ErrNoList, "no-list"},
}

// wrong says what is wrong with the text of a range or of a line.
func (l lang) wrong(err error) string {
	for _, s := range sentinels {
		if errors.Is(err, s.err) {
			text := l.say("problem." + s.key)
			var bad *ipset.ParseError
			if errors.As(err, &bad) {
				if hint := l.hint(bad.Hint); hint != "" {
					text = l.sentences(text, hint)
				}
			}
			return text
		}
	}
	return l.say("problem.bad-range")
}

// problem says what is wrong with settings.
func (l lang) problem(p policy.Problem) string {
	text := l.say("problem.other")
	if key := "problem." + p.Code; has(key) {
		text = l.say(key)
	}
	if p.Code == "bad-range" {
		text = l.wrong(p.Err)
	}
	if p.Input != "" {
		text = fmt.Sprintf("%s – %s", p.Input, text)
	}
	return text
}

// until reads the last day on which something is in force: it ends when that day does.
func until(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.DateOnly, text)
	return t.AddDate(0, 0, 1), err
}

// judge tells what is wrong with one entry by itself, by the field it is in.
func judge(v *visitor, d policy.Entry) map[string]string {
	alone := policy.Settings{Access: policy.DesignatedAddresses, Designated: []policy.Entry{d}}
	return judged(v, alone, "designated[0].")
}

func judged(v *visitor, s policy.Settings, prefix string) map[string]string {
	_, err := policy.Compile(s, v.tenant.Profile, nil)
	var invalid *policy.InvalidError
	wrong := make(map[string]string)
	if errors.As(err, &invalid) {
		for _, p := range invalid.Problems {
			field, _ := strings.CutPrefix(p.Path, prefix)
			field, _, _ = strings.Cut(field, "[")
			p.Input = ""
			wrong[field] = v.l.problem(p)
		}
	}
	return wrong
}

// add takes the fields of one entry into the list, or says what is wrong beside them.
func (e *editor) add(v *visitor) bool {
	a := &e.Add
	var d policy.Entry
	var err error
	if d.Range, err = ipset.ParseRange(a.Range); err != nil {
		a.RangeWrong = v.l.wrong(err)
	}
	if d.Until, err = until(a.Until); err != nil {
		a.UntilWrong = v.l.say("problem.bad-time")
	}
	d.Label = a.Label
	list := e.settings.Designated
	i, edited := -1, false
	if n, err := strconv.Atoi(a.Index); err == nil && n >= 0 && n < len(list) {
		i, edited = n, true
	}
	if a.RangeWrong == "" && a.UntilWrong == "" {
		wrong := judge(v, d)
		a.RangeWrong, a.LabelWrong, a.UntilWrong = wrong["range"], wrong["label"], wrong["until"]
		if a.RangeWrong == "" {
			a.RangeWrong = wrong["designated"]
		}
	}
	for j, other := range list {
		if a.RangeWrong == "" && other.Range == d.Range && j != i {
			a.RangeWrong = v.l.say("list.twice")
		}
	}
	if a.RangeWrong+a.LabelWrong+a.UntilWrong != "" {
		return false
	}
	if edited {
		list[i] = d
	} else {
		e.settings.Designated = append(list, d)
	}
	e.Add = addForm{Focus: true}
	return true
}

// addMine designates the address that the visitor comes from, unless it may be a proxy's.
func (e *editor) addMine(v *visitor, forced bool) {
	if v.Seen.Ignored != "" && !forced {
		e.Here.Wrong = v.l.say("proxy.title")
		return
	}
	r, err := ipset.RangeFrom(v.Seen.Addr, v.Seen.Addr)
	if err != nil {
		e.Here.Wrong = v.l.say("reason.no-client-address")
		return
	}
	d := policy.Entry{Range: r, Label: v.l.say("here.label", v.ID)}
	if wrong := judge(v, d); len(wrong) > 0 {
		for _, text := range wrong {
			e.Here.Wrong = text
		}
		return
	}
	if !slices.ContainsFunc(e.settings.Designated, func(o policy.Entry) bool { return o.Range == r }) {
		e.settings.Designated = append(e.settings.Designated, d)
	}
}

// paste takes the good lines into the list and leaves the bad ones in the box, each beside
// its reason. It returns how many it took.
func (e *editor) paste(v *visitor, ok bool) (int, bool) {
	text := strings.Split(strings.ReplaceAll(e.Paste.Text, "\r\n", "\n"), "\n")
	lines, err := ipset.ReadLines(strings.NewReader(strings.Join(text, "\n")))
	bad := lineErrors(v.l, err, text)
	n := 0
	for _, line := range lines {
		d := policy.Entry{Range: line.Range, Label: line.Label}
		wrong := judge(v, d)
		switch {
		case len(wrong) > 0:
			for _, why := range wrong {
				bad = append(bad, badLine{line.Number, text[line.Number-1], why})
				break
			}
		case !slices.ContainsFunc(e.settings.Designated, func(o policy.Entry) bool { return o.Range == d.Range }):
			e.settings.Designated = append(e.settings.Designated, d)
			n++
		}
	}
	slices.SortFunc(bad, func(a, b badLine) int { return a.Number - b.Number })
	e.Paste.Bad, e.Paste.Open, e.Paste.Text = bad, len(bad) > 0, ""
	for i, b := range bad { // what is left in the box is counted anew
		e.Paste.Text += b.Input + "\n"
		bad[i].Number, bad[i].Input = i+1, cut(b.Input, 80)
	}
	return n, ok && len(bad) == 0
}

// lineErrors are the lines that ReadLines did not take.
func lineErrors(l lang, err error, text []string) []badLine {
	var all []error
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		all = joined.Unwrap()
	} else if err != nil {
		all = []error{err}
	}
	var bad []badLine
	for _, err := range all {
		var line *ipset.LineError
		if !errors.As(err, &line) || line.Line < 1 || line.Line > len(text) {
			bad = append(bad, badLine{1, text[0], l.wrong(err)})
			continue
		}
		bad = append(bad, badLine{line.Line, text[line.Line-1], l.wrong(line.Err)})
	}
	return bad
}

// except takes the fields of an exception, or says what is wrong beside them.
func (e *editor) except(v *visitor) bool {
	f := &e.Except
	f.Open = true
	x := policy.Exception{Member: f.Member, Note: f.Note}
	if f.Member == "" {
		f.MemberWrong = v.l.say("problem.bad-member")
	}
	for _, o := range e.settings.Exceptions {
		if o.Member == f.Member {
			f.MemberWrong = v.l.say("problem.repeated-member")
		}
	}
	for text := range strings.FieldsFuncSeq(f.Ranges, func(r rune) bool { return r == ' ' || r == ',' || r == ';' }) {
		r, err := ipset.ParseRange(text)
		if err != nil {
			f.RangesWrong = cut(text, 50) + " – " + v.l.wrong(err)
		}
		x.Ranges = append(x.Ranges, r)
	}
	var err error
	if x.Until, err = until(f.Until); err != nil {
		f.UntilWrong = v.l.say("problem.bad-time")
	}
	if f.MemberWrong+f.RangesWrong+f.UntilWrong == "" {
		wrong := judged(v, policy.Settings{Exceptions: []policy.Exception{x}}, "exceptions[0].")
		f.MemberWrong, f.RangesWrong, f.UntilWrong = wrong["member"]+wrong["note"]+wrong["exceptions"], wrong["ranges"], wrong["until"]
	}
	if f.MemberWrong+f.RangesWrong+f.UntilWrong != "" {
		return false
	}
	e.settings.Exceptions = append(e.settings.Exceptions, x)
	e.Except = exceptForm{}
	return true
}

// columns of the file that lists are exported to and imported from.
var columns = []string{"range", "label", "until"}

// getList exports the list that is saved.
func (p *Pages) getList(w http.ResponseWriter, r *http.Request, v *visitor) {
	now, err := v.Network(r.Context())
	if err != nil {
		p.failed(w, r, v, err)
		return
	}
	p.download(w, r, v, "designated.csv", func(w io.Writer) error {
		c := session.NewCSV(w, session.CSVOptions{Download: true, BOM: true})
		_ = c.Write(columns...) // Flush tells
		for _, d := range now.Settings.Designated {
			_ = c.Write(d.Range.String(), d.Label, lastDay(d.Until))
		}
		return c.Flush()
	})
}

// importFile puts the list of a file in the place of the one that is edited, all of it or
// nothing.
func (e *editor) importFile(v *visitor, r *http.Request) (notice string) {
	e.Paste.Open = true
	f, _, err := r.FormFile("file")
	if err != nil {
		e.Paste.FileWrong = v.l.say("paste.no-file")
		return ""
	}
	defer f.Close()
	list, bad := readCSV(v, f)
	if len(bad) > 0 {
		e.Paste.FileWrong, e.Paste.FileBad = v.l.say("paste.bad-file"), bad[:min(len(bad), 100)]
		return ""
	}
	e.settings.Designated, e.Paste.Open = list, false
	return v.l.say("paste.imported", len(list))
}

func readCSV(v *visitor, f io.Reader) (list []policy.Entry, bad []badLine) {
	in := csv.NewReader(io.LimitReader(f, ipset.MaxListBytes))
	in.FieldsPerRecord = -1
	seen := make(map[ipset.Range]bool)
	for first := true; ; first = false {
		record, err := in.Read()
		if err == io.EOF {
			return list, bad
		}
		number, _ := in.FieldPos(0)
		if err != nil {
			return nil, append(bad, badLine{number, "", v.l.say("problem.no-list")})
		}
		for i, cell := range record { // as they were exported: see session.CSV
			record[i] = strings.TrimPrefix(strings.TrimPrefix(cell, "\ufeff"), "'")
		}
		record = append(record, "", "")
		if first && strings.EqualFold(strings.TrimSpace(record[0]), columns[0]) {
			continue
		}
		d := policy.Entry{Label: strings.TrimSpace(record[1])}
		why := ""
		if d.Range, err = ipset.ParseRange(strings.TrimSpace(record[0])); err != nil {
			why = v.l.wrong(err)
		} else if d.Until, err = until(strings.TrimSpace(record[2])); err != nil {
			why = v.l.say("problem.bad-time")
		} else {
			for _, text := range judge(v, d) {
				why = text
			}
		}
		switch {
		case why != "":
			bad = append(bad, badLine{number, cut(record[0], 80), why})
		case !seen[d.Range]:
			seen[d.Range] = true
			list = append(list, d)
		}
	}
}

package policy_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/policy"
)

// docFields are all places of a document: a document with a hole at the place,
// the kind that belongs there, and what is wrong with the value of docKinds of
// that kind, as "path code".
var docFields = []struct {
	path, doc, kind string
	want            []string
	why             string
}{
	{"document", `%s`, "an object", []string{"access missing"}, "an object without access"},
	{"format", `{"access": "all", "format": %s}`, "a number", nil, "1 is a format"},
	{"access", `{"access": %s}`, "a string", []string{"access unknown-access"}, "x is no access"},
	{"outside", `{"access": "all", "outside": %s}`, "a string", []string{"outside unknown-outside"}, "x is no effect"},
	{"designated", `{"access": "all", "designated": %s}`, "a list", nil, "an empty list is as good as none"},
	{"designated[1]", `{"access": "all", "designated": [{"range": "8.8.8.8"}, %s]}`, "an object", []string{"designated[1].range missing"}, "an entry without range"},
	{"designated[0].range", `{"access": "all", "designated": [{"range": %s}]}`, "a string", []string{"designated[0].range bad-range"}, "x is no range"},
	{"designated[0].label", `{"access": "all", "designated": [{"range": "8.8.8.8", "label": %s}]}`, "a string", nil, "any text"},
	{"designated[0].until", `{"access": "all", "designated": [{"range": "8.8.8.8", "until": %s}]}`, "a string", []string{"designated[0].until bad-time"}, "x is no time"},
	{"exceptions", `{"access": "all", "exceptions": %s}`, "a list", nil, "an empty list is as good as none"},
	{"exceptions[0]", `{"access": "all", "exceptions": [%s]}`, "an object", []string{"exceptions[0].member missing"}, "nobody's exception"},
	{"exceptions[0].member", `{"access": "all", "exceptions": [{"member": %s}]}`, "a string", nil, "any text"},
	{"exceptions[0].ranges", `{"access": "all", "exceptions": [{"member": "kim", "ranges": %s}]}`, "a list", []string{"exceptions[0].ranges empty-ranges"}, "an empty list must not mean anywhere"},
	{"exceptions[0].ranges[0]", `{"access": "all", "exceptions": [{"member": "kim", "ranges": [%s]}]}`, "a string", []string{"exceptions[0].ranges[0] bad-range"}, "x is no range"},
	{"exceptions[0].until", `{"access": "all", "exceptions": [{"member": "kim", "until": %s}]}`, "a string", []string{"exceptions[0].until bad-time"}, "x is no time"},
	{"exceptions[0].note", `{"access": "all", "exceptions": [{"member": "kim", "note": %s}]}`, "a string", nil, "any text"},
	{"overseas", `{"access": "all", "overseas": %s}`, "an object", nil, "an empty object is as good as none"},
	{"overseas.block", `{"access": "all", "overseas": {"block": %s}}`, "true or false", nil, "true"},
	{"overseas.exempt", `{"access": "all", "overseas": {"exempt": %s}}`, "a list", nil, "an empty list is as good as none"},
	{"overseas.exempt[0]", `{"access": "all", "overseas": {"exempt": [%s]}}`, "a string", []string{"overseas.exempt[0] unknown-country"}, "x is no country"},
}

// docKinds are values of all kinds that JSON has, some of them with much in
// them that must be passed over, and what Input says of them.
var docKinds = []struct{ value, kind, input string }{
	{"null", "null", "null"},
	{"true", "true or false", "true"},
	{"1", "a number", "1"},
	{`"x"`, "a string", "x"},
	{"[]", "a list", ""},
	{"{}", "an object", ""},
	{`["\ud83d\udd11", [[]], {"access": []}, "]"]`, "a list", ""},
	{`{"access": {"a": [1, "}"]}, "range": null}`, "an object", ""},
}

func TestDecodeWrongTypes(t *testing.T) {
	for _, field := range docFields {
		for _, kind := range docKinds {
			doc := fmt.Sprintf(field.doc, kind.value)
			s, p, err := policy.Decode([]byte(doc), policy.Standard(), docLocator{})
			switch {
			case kind.kind == field.kind && len(kind.value) > 3:
				continue // not an empty one: other tests have those
			case kind.kind == field.kind && field.want == nil:
				if err != nil || p == nil {
					t.Errorf("%s: %s: %v", doc, field.why, err)
				}
			case kind.kind == field.kind:
				docRefused(t, doc+": "+field.why, s, p, err, field.want...)
			case kind.kind == "null":
				docRefused(t, doc, s, p, err, field.path+" null")
			default:
				docRefused(t, doc, s, p, err, field.path+" wrong-type")
				if problem := docProblems(t, err)[0]; problem.Input != kind.input || problem.Err.Error() != kind.kind+" where "+field.kind+" belongs" {
					t.Errorf("%s: %v, input %q", doc, problem, problem.Input)
				}
			}
		}
	}
	// All at once, and each is told.
	doc := `{"format": [], "access": 1, "designated": {}, "outside": false, "exceptions": "x", "overseas": null}`
	s, p, err := policy.Decode([]byte(doc), policy.Standard(), nil)
	docRefused(t, "all fields of a wrong type", s, p, err, "format wrong-type", "access wrong-type", "designated wrong-type", "outside wrong-type", "exceptions wrong-type", "overseas null")
}

// docTimes are texts of ends, and the instant in UTC or the code of the
// problem in brackets.
var docTimes = []struct{ text, want, why string }{
	{"2027-01-31T15:00:00Z", "2027-01-31T15:00:00Z", "as we write it"},
	{"2027-02-01T00:00:00+09:00", "2027-01-31T15:00:00Z", "an offset is the same instant"},
	{"2027-01-31T09:30:00-05:30", "2027-01-31T15:00:00Z", "west of Greenwich, by half an hour"},
	{"2027-01-31T15:00:00-00:00", "2027-01-31T15:00:00Z", "an unknown offset is zero"},
	{"2027-01-31T15:00:00.5Z", "2027-01-31T15:00:00.5Z", "half a second"},
	{"2027-01-31T15:00:00.000000001Z", "2027-01-31T15:00:00.000000001Z", "a nanosecond"},
	{"2028-02-29T00:00:00Z", "2028-02-29T00:00:00Z", "a leap day"},
	{"9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59.999999999Z", "the last instant that can be written"},
	{"0001-01-01T00:00:00.000000001Z", "0001-01-01T00:00:00.000000001Z", "the first that is not the zero Time"},
	{"2000-01-01T00:00:00Z", "2000-01-01T00:00:00Z", "past: kept, and not in force"},
	{"0001-01-01T00:00:00Z", "[bad-time]", "the zero Time would mean: no end"},
	{"0001-01-01T09:00:00+09:00", "[bad-time]", "the zero Time elsewhere"},
	{"", "[bad-time]", "empty must not mean: no end"},
	{"never", "[bad-time]", "words"},
	{"2027-01-31", "[bad-time]", "a date: whose day?"},
	{"2027-01-31T15:00Z", "[bad-time]", "without seconds"},
	{"2027-01-31T15:00:00", "[bad-time]", "without a zone"},
	{"2027-01-31 15:00:00Z", "[bad-time]", "a blank for the T"},
	{"2027-01-31t15:00:00z", "[bad-time]", "lower case, which not all readers take"},
	{"2027-01-31T15:00:00,5Z", "[bad-time]", "a comma"},
	{"2027-01-31T15:00:00.Z", "[bad-time]", "a point with nothing behind it"},
	{" 2027-01-31T15:00:00Z", "[bad-time]", "a blank before it"},
	{"2027-01-31T15:00:00Z\n", "[bad-time]", "a line end behind it"},
	{"2027-02-29T00:00:00Z", "[bad-time]", "no leap year"},
	{"2027-13-01T00:00:00Z", "[bad-time]", "month 13"},
	{"2027-01-00T00:00:00Z", "[bad-time]", "day 0"},
	{"2027-01-31T24:00:00Z", "[bad-time]", "hour 24"},
	{"2016-12-31T23:59:60Z", "[bad-time]", "a leap second, which Go does not have"},
	{"2027-01-31T5:00:00Z", "[bad-time]", "an hour of one digit"},
	{"2027-01-31T5:00:00.12Z", "[bad-time]", "an hour of one digit, made up for by a fraction"},
	{"2027-01-31T15:00:00+24:00", "[bad-time]", "an offset of a day"},
	{"2027-01-31T15:00:00+09:60", "[bad-time]", "an offset of sixty minutes"},
	{"2027-01-31T15:00:00-23:59", "2027-02-01T14:59:00Z", "the widest offset"},
	{"2027-01-31T15:00:00+9:00", "[bad-time]", "an offset with one digit"},
	{"2027-01-31T15:00:00+0900", "[bad-time]", "an offset without colon"},
	{"2027-01-31T15:00:00 KST", "[bad-time]", "a zone by name"},
	{"+2027-01-31T15:00:00Z", "[bad-time]", "a sign"},
	{"10000-01-01T00:00:00Z", "[bad-time]", "five digits of year"},
	{"-0001-01-01T00:00:00Z", "[bad-time]", "before the year 0"},
	{"1801407600", "[bad-time]", "seconds since 1970"},
	{"２０２７-01-31T15:00:00Z", "[bad-time]", "full-width digits"},
	{"0000-06-01T00:00:00Z", "[bad-end]", "the year 0"},
	{"9999-12-31T23:59:59-01:00", "[bad-end]", "in the year 10000, which could be read but not written"},
	{"0000-01-01T00:00:00+01:00", "[bad-end]", "in the year -1"},
}

func TestDecodeTimes(t *testing.T) {
	for _, tt := range docTimes {
		for path, doc := range map[string]string{
			"designated[0].until": `{"access": "designated", "designated": [{"range": "8.8.8.8", "until": %q}]}`,
			"exceptions[0].until": `{"access": "designated", "exceptions": [{"member": "kim", "until": %q}]}`,
		} {
			s, p, err := policy.Decode(fmt.Appendf(nil, doc, tt.text), policy.Standard(), nil)
			if code, refuse := strings.CutPrefix(tt.want, "["); refuse {
				docRefused(t, tt.text+": "+tt.why, s, p, err, path+" "+strings.TrimSuffix(code, "]"))
				continue
			}
			if err != nil {
				t.Errorf("%s: %s: %v", tt.text, tt.why, err)
				continue
			}
			ends := docEnds(s)
			if got := ends[0].Format(time.RFC3339Nano); got != tt.want || ends[0].Location() != time.UTC {
				t.Errorf("%s is %s, want %s: %s", tt.text, got, tt.want, tt.why)
			}
		}
	}
}

// docEnds returns all ends in settings.
func docEnds(s policy.Settings) (ends []time.Time) {
	for _, e := range s.Designated {
		ends = append(ends, e.Until)
	}
	for _, x := range s.Exceptions {
		ends = append(ends, x.Until)
	}
	return ends
}

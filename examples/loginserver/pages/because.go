package pages

import (
	"regexp"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/policy"
)

// becauses are what package policy says of a line of its specification, each as the format
// that it is written by, and the key of its words; "": the step's own text says it already.
var becauses = []struct{ line, format, key string }{
	{"0", "there are no settings", "because.no-settings"},
	{"0", "the attempt has no member", "because.no-member"},
	{"0", "there are settings and a member", ""},
	{"1", "the attempt has no usable address", "because.no-address"},
	{"1", "%v is no client of %s", "because.no-client"},
	{"1", "%v can be judged, and %v is a client of %s", "because.judged"},
	{"2", "the member is locked, which does not count for a session", "because.locked"},
	{"2", "the member's status is %v", "because.status"},
	{"2", "the member is %v", "because.status"},
	{"3", "%v is blocked for the member", "because.client"},
	{"3", "%v is not blocked for the member", "because.client"},
	{"4", "the member is no super admin", "because.no-super"},
	{"4", "%s lets no super admin pass", "because.no-bypass"},
	{"4", "the member is a super admin", ""},
	{"5", "%s is not sold by plan", "because.no-plans"},
	{"5", "%s has no plan %s", "because.plan-unknown"},
	{"5", "the plan %s has no network security", "because.plan-without"},
	{"5", "the plan %s has network security or overseas blocking", "because.plan-with"},
	{"6", "all addresses are allowed", "because.all"},
	{"6", "the plan has no designated addresses", "because.plan-no-list"},
	{"6a", "%v is free of the list", "because.client"},
	{"6a", "%v is not free of the list", "because.client"},
	{"6b", "%v is designated", "because.address"},
	{"6b", "%v is in no designated entry in force", "because.address"},
	{"6c", "%s is an exception here", "because.member"},
	{"6c", "%s was an exception until %s", "because.excepted-until"},
	{"6c", "%s is an exception, but not at %v", "because.excepted-elsewhere"},
	{"6c", "%s is no exception", "because.member"},
	{"6d", "addresses off the list are refused", "because.outside-refused"},
	{"6d", "addresses off the list are verified, but %v cannot ask", "because.outside-cannot"},
	{"6d", "addresses off the list are verified, and the identity is", "because.outside-verified"},
	{"6d", "addresses off the list are verified, and the identity is not yet", "because.outside-unverified"},
	{"7a", "the list is not in force for this plan, and overseas blocking is not while addresses are designated", "because.overseas-beside"},
	{"7a", "overseas blocking is off", "because.overseas-off"},
	{"7a", "the plan has no overseas blocking", "because.plan-no-overseas"},
	{"7a", "overseas blocking is on", ""},
	{"7b", "%v is free of the overseas check", "because.client"},
	{"7b", "%v is not free of the overseas check", "because.client"},
	{"7c", "%v is not public, and so has no country", "because.not-public"},
	{"7c", "the country of %v is not known", "because.no-country"},
	{"7c", "%v is exempt", "because.country"},
	{"7c", "%v is not exempt", "because.country"},
	{"7d", "the identity is verified", ""},
	{"7d", "the identity is not verified", ""},
	{"7e", "an overseas login needs identity verification", ""},
	{"8", "the member must change the password, which %v cannot ask for", "because.cannot-change"},
	{"8", "the member must change the password", ""},
}

// becauseTexts are what these texts look like, made once.
var becauseTexts = func() (texts []*regexp.Regexp) {
	for _, b := range becauses {
		text := strings.NewReplacer("%v", "(.+)", "%s", "(.+)").Replace(regexp.QuoteMeta(b.format))
		texts = append(texts, regexp.MustCompile("^"+text+"$"))
	}
	return texts
}()

// because says in l what a step has to say beyond its own text; "" where that says it all. What
// has no words here is said as package policy says it.
func (l lang) because(s policy.Step) string {
	for i, b := range becauses {
		if b.line != s.Line {
			continue
		}
		found := becauseTexts[i].FindStringSubmatch(s.Because)
		switch {
		case found == nil:
			continue
		case b.key == "":
			return ""
		}
		var args []any
		for _, part := range found[1:] {
			args = append(args, l.named(part))
		}
		return l.say(b.key, args...)
	}
	return s.Because
}

// named returns the name of a client, a status or a country that stands in a text by its code,
// an instant as pages write it, and anything else as it is.
func (l lang) named(code string) string {
	for _, prefix := range []string{"client.", "status."} {
		if has(prefix + code) {
			return l.say(prefix + code)
		}
	}
	if c, err := geo.ParseCountry(code); err == nil && c.String() == code {
		return l.country(c)
	}
	if at, err := time.Parse(time.RFC3339Nano, code); err == nil {
		return when(at)
	}
	return code
}

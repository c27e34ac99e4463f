package pages

import (
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/policy"
)

// maxChanges are told one by one.
const maxChanges = 50

// changes says what differs between two settings, a line for each thing.
func (l lang) changes(old, new policy.Settings) []string {
	var lines []string
	say := func(key string, args ...any) { lines = append(lines, l.say(key, args...)) }
	if old.Access != new.Access {
		say("change.access." + new.Access.String())
	}
	if old.Outside != new.Outside {
		say("change.outside." + new.Outside.String())
	}
	gained, lost := differences(l.entries(old), l.entries(new))
	for _, text := range lost {
		say("change.entry.removed", text)
	}
	for _, text := range gained {
		say("change.entry.added", text)
	}
	gained, lost = differences(l.exceptions(old), l.exceptions(new))
	for _, text := range lost {
		say("change.exception.removed", text)
	}
	for _, text := range gained {
		say("change.exception.added", text)
	}
	if old.Overseas.Block != new.Overseas.Block {
		say("change.overseas." + map[bool]string{true: "on", false: "off"}[new.Overseas.Block])
	}
	countries := func(key string, c geo.Countries) {
		if c.Len() > 0 {
			say(key, countryNames(l, c))
		}
	}
	countries("change.country.added", new.Overseas.Exempt.Minus(old.Overseas.Exempt))
	countries("change.country.removed", old.Overseas.Exempt.Minus(new.Overseas.Exempt))
	if more := len(lines) - maxChanges; more > 0 {
		lines = append(lines[:maxChanges], l.say("change.more", more))
	}
	return lines
}

func (l lang) entries(s policy.Settings) []string {
	var texts []string
	for _, d := range s.Designated {
		texts = append(texts, l.described(d.Range.String(), d.Label, d.Until))
	}
	return texts
}

func (l lang) exceptions(s policy.Settings) []string {
	var texts []string
	for _, x := range s.Exceptions {
		where := l.say("except.anywhere")
		if x.Ranges != nil {
			where = ranges(x.Ranges)
		}
		texts = append(texts, l.described(string(x.Member)+", "+where, x.Note, x.Until))
	}
	return texts
}

func (l lang) described(what, label string, until time.Time) string {
	parts := []string{what}
	if label != "" {
		parts = append(parts, label)
	}
	if !until.IsZero() {
		parts = append(parts, l.say("change.until", lastDay(until)))
	}
	return strings.Join(parts, ", ")
}

// differences are the texts that one list has and the other has not, counted.
func differences(old, new []string) (gained, lost []string) {
	count := make(map[string]int)
	for _, text := range old {
		count[text]++
	}
	for _, text := range new {
		if count[text]--; count[text] < 0 {
			gained = append(gained, text)
		}
	}
	for _, text := range old {
		if count[text] > 0 {
			count[text]--
			lost = append(lost, text)
		}
	}
	return gained, lost
}

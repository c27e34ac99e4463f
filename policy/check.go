package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/session"
)

// Bounds of the texts in settings, in bytes.
const (
	MaxLabel  = 500 // of a label or a note
	MaxMember = 256 // of a member's id
)

// check returns everything that is wrong with the meaning of s under p.
func check(s Settings, p *Profile, loc geo.Locator) problems {
	c := checker{Profile: p}
	if p == nil {
		c.add("profile", "no-profile", "", errors.New("there is no profile"))
		return c.problems
	}
	if p.Clients&session.AllClients == 0 {
		c.add("profile.clients", "no-clients", "", errors.New("the profile knows no client, so nobody could log in"))
	} else {
		c.clients("profile.clients", p.Clients)
	}
	c.clients("profile.list_exempt", p.ListExempt)
	c.clients("profile.overseas_exempt", p.OverseasExempt)
	c.clients("profile.sign_out", p.SignOut.Designate|p.SignOut.Narrow|p.SignOut.Overseas|p.SignOut.Exception)
	if _, err := s.Access.MarshalText(); err != nil {
		c.add("access", "unknown-access", s.Access.String(), fmt.Errorf("there is no %v", s.Access))
	}
	if s.Outside != Deny && s.Outside != Verify {
		c.add("outside", "unknown-outside", s.Outside.String(), fmt.Errorf("%v is not for addresses off the list", s.Outside))
	}
	c.amount(s)
	c.designated(s.Designated)
	c.exceptions(s.Exceptions)
	if s.Overseas.Block {
		if !p.Overseas {
			c.add("overseas.block", "no-overseas-blocking", "", fmt.Errorf("%s has no overseas blocking", p.name()))
		} else if noLocator(loc) {
			c.add("overseas.block", "no-locator", "", errors.New("there is no country database to tell where logins come from"))
		}
	}
	return c.problems
}

// noLocator also sees the nil pointers that an interface can hide.
func noLocator(loc geo.Locator) bool {
	switch l := loc.(type) {
	case nil:
		return true
	case *geo.DB:
		return l == nil
	case *geo.Live:
		return l.DB() == nil
	case interface{ Unwrap() geo.Locator }: // a coat over one of them
		return noLocator(l.Unwrap())
	}
	return false
}

func (p *Profile) name() string {
	if p.Name == "" {
		return "the product"
	}
	return p.Name
}

type checker struct {
	*Profile
	problems
}

// clients tells of bits that are no client. They mean nothing, but the mistake
// that sets them may have set others.
func (c *checker) clients(path string, set session.Clients) {
	if unknown := set &^ session.AllClients; unknown != 0 {
		c.add(path, "unknown-clients", "", fmt.Errorf("the profile has a set with %v", unknown))
	}
}

func (c *checker) amount(s Settings) {
	most := c.MaxEntries
	if most <= 0 {
		most = DefaultMaxEntries
	}
	n := len(s.Designated)
	for _, x := range s.Exceptions {
		n += max(1, len(x.Ranges))
	}
	if n > most {
		c.add("designated", "too-many", "", fmt.Errorf("%d designated entries and ranges of exceptions where %s takes %d", n, c.name(), most))
	}
}

func (c *checker) designated(entries []Entry) {
	ranges := make([]ipset.Range, len(entries))
	alone := false
	for i, e := range entries {
		path := fmt.Sprintf("designated[%d]", i)
		ranges[i] = e.Range
		alone = c.entry(path+".range", "whole-family", e.Range) || alone
		c.text(path+".label", e.Label)
		c.end(path+".until", e.Until)
	}
	if family := wholeFamily(ipset.Of(ranges...).Covers); family != "" && !alone {
		c.add("designated", "whole-family", "", fmt.Errorf("the entries together hold every %s address", family))
	}
}

func (c *checker) exceptions(exceptions []Exception) {
	if len(exceptions) > 0 && !c.Exceptions {
		c.add("exceptions", "no-exceptions", "", fmt.Errorf("%s has no exceptions", c.name()))
	}
	first := make(map[member.ID]int, len(exceptions))
	for i, x := range exceptions {
		path := fmt.Sprintf("exceptions[%d]", i)
		if id := string(x.Member); id == "" || len(id) > MaxMember || !plainText(id) {
			c.add(path+".member", "bad-member", id, fmt.Errorf("%s is no member's id", quote(id)))
		} else if j, ok := first[x.Member]; ok {
			c.add(path+".member", "repeated-member", id, fmt.Errorf("%s is an exception in exceptions[%d] already", quote(id), j))
		} else {
			first[x.Member] = i
		}
		if x.Ranges != nil && len(x.Ranges) == 0 {
			c.add(path+".ranges", "empty-ranges", "", errors.New("an exception that holds nowhere"))
		}
		alone := false
		for j, r := range x.Ranges {
			alone = c.entry(fmt.Sprintf("%s.ranges[%d]", path, j), "whole-family-excepted", r) || alone
		}
		if family := wholeFamily(ipset.Of(x.Ranges...).Covers); family != "" && !alone {
			c.add(path+".ranges", "whole-family-excepted", "", fmt.Errorf("the ranges together hold every %s address", family))
		}
		c.text(path+".note", x.Note)
		c.end(path+".until", x.Until)
	}
}

// entry tells the first thing that is wrong with a range, and reports whether
// it is that r holds a whole family.
func (c *checker) entry(path, wholeCode string, r ipset.Range) (whole bool) {
	if r.IsZero() {
		c.add(path, "no-range", "", errors.New("there is no range"))
		return false
	}
	if family := wholeFamily(r.Covers); family != "" {
		c.add(path, wholeCode, r.String(), fmt.Errorf("%v holds every %s address", r, family))
		return true
	}
	if !c.SpecialPurpose && !ipset.PublicSpace().Covers(r) {
		if block, name := ipset.SpecialPurposeBlock(r); name != "" {
			c.add(path, "special-purpose", r.String(), fmt.Errorf("%v touches %v (%s)", r, block, name))
		} else {
			c.add(path, "not-public", r.String(), fmt.Errorf("%v is not public", r))
		}
		return false
	}
	_, isPrefix := r.Prefix()
	switch {
	case c.IPv4Only && !r.From().Is4():
		c.add(path, "ipv4-only", r.String(), fmt.Errorf("%v is IPv6, which %s does not take", r, c.name()))
	case c.NoRanges && !isPrefix:
		c.add(path, "no-from-to", r.String(), fmt.Errorf("%v is neither an address nor a prefix, and %s takes nothing else", r, c.name()))
	}
	return false
}

// wholeFamily returns the family of which covers leaves no public address out,
// or "".
func wholeFamily(covers func(ipset.Range) bool) string {
	leavesOut := func(r ipset.Range) bool { return !covers(r) }
	switch public := publicRanges(); {
	case !slices.ContainsFunc(public.ipv4, leavesOut):
		return "IPv4"
	case !slices.ContainsFunc(public.ipv6, leavesOut):
		return "IPv6"
	}
	return ""
}

// publicRanges returns what ipset.PublicSpace holds, by families.
var publicRanges = sync.OnceValue(func() (public struct{ ipv4, ipv6 []ipset.Range }) {
	for r := range ipset.PublicSpace().All() {
		if r.From().Is4() {
			public.ipv4 = append(public.ipv4, r)
		} else {
			public.ipv6 = append(public.ipv6, r)
		}
	}
	return public
})

func (c *checker) text(path, s string) {
	if len(s) > MaxLabel || !plainText(s) {
		c.add(path, "bad-label", s, fmt.Errorf("%s is too long or not plain text", quote(s)))
	}
}

func (c *checker) end(path string, until time.Time) {
	if y := until.UTC().Year(); !until.IsZero() && (y < 1 || y > 9999) {
		c.add(path, "bad-end", "", fmt.Errorf("an end in the year %d", y))
	}
}

// plainText reports whether s can be shown as it is: UTF-8 without control
// characters, those included that turn the direction of what follows.
func plainText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == utf8.RuneError
	})
}

package engine_test

import (
	"context"
	"errors"
	"testing"

	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

// guessFailures says once what a Failures answers.
type guessFailures struct {
	locked bool
	err    error
	calls  int
}

func (f *guessFailures) Count(context.Context, session.TenantID, member.ID, bool) (bool, error) {
	f.calls++
	return f.locked, f.err
}

// TestGuarantee32GuessesThatNobodyCountsAreNotAnswered: inside, a right password is told
// from a wrong one only by what was counted, whatever the member's status.
func TestGuarantee32GuessesThatNobodyCountsAreNotAnswered(t *testing.T) {
	own := map[member.Status]policy.Reason{
		member.Pending: policy.ReasonMemberPending, member.Active: policy.ReasonAllAddresses, member.OnLeave: policy.ReasonAllAddresses,
		member.Suspended: policy.ReasonMemberSuspended, member.Locked: policy.ReasonMemberLocked, member.Deleted: policy.ReasonMemberDeleted,
	}
	for status, reason := range own {
		locked := reason
		if reason == policy.ReasonAllAddresses {
			locked = policy.ReasonMemberLocked
		}
		for _, tt := range []struct {
			why          string
			failures     guessFailures
			membersDown  bool
			right, wrong policy.Reason
		}{
			{why: "counted", right: reason, wrong: policy.ReasonBadCredentials},
			{why: "locked", failures: guessFailures{locked: true}, right: locked, wrong: policy.ReasonBadCredentials},
			{why: "guessed", failures: guessFailures{locked: true, err: member.ErrGuessed}, right: policy.ReasonBadCredentials, wrong: policy.ReasonBadCredentials},
			{why: "not counted", failures: guessFailures{err: errors.New("down")}, right: policy.ReasonMemberStale, wrong: policy.ReasonMemberStale},
			{why: "not read", membersDown: true, right: policy.ReasonMemberStale, wrong: policy.ReasonMemberStale},
		} {
			h := decideSmall(t)
			m := decideMember("acme", "lee")
			m.Status = status
			h.set(m)
			e := decideEngine(t, h, &engine.Options{Failures: &tt.failures})
			if tt.membersDown {
				h.down("Member")
			}
			for right, want := range map[bool]policy.Reason{true: tt.right, false: tt.wrong} {
				before := tt.failures.calls
				l := decideLee
				l.Authenticated = right
				d, _, err := e.Admit(t.Context(), l)
				if d.Reason != want || (err != nil) != (want == policy.ReasonMemberStale) {
					t.Errorf("%v, %s, right %v: %v, %v; want [%v]", status, tt.why, right, d, err, want)
				}
				if counted := tt.failures.calls - before; (counted != 1) != tt.membersDown {
					t.Errorf("%v, %s, right %v: counted %d times", status, tt.why, right, counted)
				}
			}
		}
	}
}

// guessUnknown counts for nobody too.
type guessUnknown struct {
	guessFailures
	unknown []member.ID
}

func (f *guessUnknown) CountUnknown(_ context.Context, t session.TenantID, id member.ID) error {
	f.unknown = append(f.unknown, id)
	return f.err
}

// TestGuarantee32NobodyIsCountedFor: where a member's wrong password is counted, which takes a
// time, one is for a member who is not there; and where that does not answer, neither tells.
func TestGuarantee32NobodyIsCountedFor(t *testing.T) {
	lost := errors.New("lost")
	for _, tt := range []struct {
		why     string
		outside bool // where the network refuses ordinary members
		right   bool
		member  member.ID
		err     error
		counted bool
		want    policy.Reason
	}{
		{why: "not there", member: "nobody", counted: true, want: policy.ReasonBadCredentials},
		{why: "there", member: "lee", want: policy.ReasonBadCredentials},
		{why: "not there, and nothing answers", member: "nobody", err: lost, counted: true, want: policy.ReasonMemberStale},
		{why: "there, and nothing answers", member: "lee", err: lost, want: policy.ReasonMemberStale},
		{why: "proved, and not there any more", member: "nobody", right: true, want: policy.ReasonBadCredentials},
		{why: "not there, outside", outside: true, member: "nobody", err: lost, want: policy.ReasonAddressNotDesignated},
		{why: "there, outside", outside: true, member: "lee", err: lost, want: policy.ReasonAddressNotDesignated},
	} {
		h := decideSmall(t)
		if tt.outside {
			h.put(t, policy.Record{Tenant: "acme", Settings: policy.Settings{
				Access: policy.DesignatedAddresses, Designated: []policy.Entry{{Range: ipset.MustParseRange("9.9.9.9")}},
			}})
		}
		f := &guessUnknown{guessFailures: guessFailures{err: tt.err}}
		e := decideEngine(t, h, &engine.Options{Failures: f})
		l := decideLee
		l.Member, l.Authenticated = tt.member, tt.right
		d, _, err := e.Admit(t.Context(), l)
		if d.Reason != tt.want || (err != nil) != (tt.want == policy.ReasonMemberStale) {
			t.Errorf("%s: %v, %v; want [%v]", tt.why, d, err, tt.want)
		}
		if (len(f.unknown) == 1 && f.unknown[0] == tt.member) != tt.counted || !tt.counted && f.unknown != nil {
			t.Errorf("%s: counted for %q", tt.why, f.unknown)
		}
		if f.calls != 0 && (tt.member != "lee" || tt.outside) {
			t.Errorf("%s: counted for the member", tt.why)
		}
	}
}

// A host's Failures need not count for nobody, and is not asked to.
func TestOnlyWhoCanCountsForNobody(t *testing.T) {
	f := &guessFailures{err: errors.New("lost")}
	e := decideEngine(t, decideSmall(t), &engine.Options{Failures: f})
	l := decideLee
	l.Member, l.Authenticated = "nobody", false
	if d, _, err := e.Admit(t.Context(), l); d.Reason != policy.ReasonBadCredentials || err != nil || f.calls != 0 {
		t.Errorf("%v, %v, counted %d times", d, err, f.calls)
	}
}

package engine_test

import (
	"context"
	"errors"
	"testing"

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

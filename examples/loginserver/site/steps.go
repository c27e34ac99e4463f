package site

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// step is a login that waits: for a code, or for a new password. Its member has proved the
// password. It belongs to the client, the country and the versions of the decision that
// asked for it. It is kept in the stores, so that it goes on at any process, under the hash
// of what the member shows.
type step struct {
	Tenant session.TenantID `json:"tenant"`
	Member member.ID        `json:"member"`
	Effect policy.Effect    `json:"effect"` // what is asked for
	Stamp  session.Stamp    `json:"stamp"`
	Used   bool             `json:"used,omitempty"` // it goes on no more; kept so that who sends a form twice is told so
}

const (
	stepLife = 10 * time.Minute
	maxSteps = 5 // of one member: then the one that began first makes room
)

// begin keeps a step under token.
func (s *Site) begin(ctx context.Context, st step, token string) error {
	b, err := json.Marshal(st)
	if err != nil {
		return err
	}
	owner := whose(st.Tenant, st.Member)
	open, err := s.stores.Values.List(ctx, "step", owner)
	if err != nil {
		return err
	}
	for _, old := range open[min(maxSteps-1, len(open)):] {
		if _, err := s.stores.Values.Take(ctx, "step", old.Name); err != nil {
			return err
		}
	}
	return s.stores.Values.Put(ctx, Value{
		Kind: "step", Name: session.IDOf(token).String(), Owner: owner, Body: b, Until: time.Now().Add(stepLife),
	})
}

// find returns the step of a tenant that waits for what effect asks. ok is false if there
// is none, and st is zero then but for Used; the error is that there is no answer.
func (s *Site) find(ctx context.Context, t session.TenantID, token string, effect policy.Effect) (st step, ok bool, err error) {
	_, st, err = s.step(ctx, token)
	switch {
	case errors.Is(err, session.ErrNotFound):
		return step{}, false, nil
	case err != nil || st.Tenant != t || st.Effect != effect:
		return step{}, false, err
	case st.Used:
		return step{Used: true}, false, nil
	}
	return st, true, nil
}

func (s *Site) step(ctx context.Context, token string) (v Value, st step, err error) {
	v, err = s.stores.Values.Get(ctx, "step", session.IDOf(token).String())
	if err == nil {
		err = json.Unmarshal(v.Body, &st)
	}
	return v, st, err
}

// use marks a step as used, or gives one back, and reports whether it was not so before: of
// many at once, one does it.
func (s *Site) use(ctx context.Context, token string, used bool) (bool, error) {
	v, st, err := s.step(ctx, token)
	if errors.Is(err, session.ErrNotFound) || err == nil && st.Used == used {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	st.Used = used
	if v.Body, err = json.Marshal(st); err != nil {
		return false, err
	}
	err = s.stores.Values.Put(ctx, v)
	if errors.Is(err, session.ErrConflict) {
		return false, nil
	}
	return err == nil, err
}

func newStepToken() string { return rand.Text() }

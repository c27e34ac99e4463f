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

	token string // of the verification: what the member shows
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
// is none; the error is that there is no answer.
func (s *Site) find(ctx context.Context, t session.TenantID, token string, effect policy.Effect) (st step, ok bool, err error) {
	v, err := s.stores.Values.Get(ctx, "step", session.IDOf(token).String())
	if errors.Is(err, session.ErrNotFound) {
		return step{}, false, nil
	}
	if err == nil {
		err = json.Unmarshal(v.Body, &st)
	}
	if err != nil || st.Tenant != t || st.Effect != effect {
		return step{}, false, err
	}
	st.token = token
	return st, true, nil
}

// end takes a step away and reports whether it was there: of many at once, one takes it.
func (s *Site) end(ctx context.Context, token string) (bool, error) {
	return s.stores.Values.Take(ctx, "step", session.IDOf(token).String())
}

func newStepToken() string { return rand.Text() }

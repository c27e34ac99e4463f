package engine

import (
	"time"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// Stand is settings with the plan and the profile that they are under.
type Stand struct {
	Settings policy.Settings
	Profile  *policy.Profile
	Plan     policy.Plan
}

func (s Stand) stand() stand { return stand{s.Settings, s.Profile, s.Plan} }

func Widens(old, new Stand, at time.Time) bool         { return widens(old.stand(), new.stand(), at) }
func Judge(old, new Stand, at time.Time) policy.Change { return judge(old.stand(), new.stand(), at) }

func LinkToken(key []byte, t session.TenantID, v session.Version, ends time.Time) string {
	return linkToken(key, t, v, ends)
}

func ReadToken(keys [][]byte, t session.TenantID, token string) (session.Version, time.Time, bool) {
	return readToken(keys, t, token)
}

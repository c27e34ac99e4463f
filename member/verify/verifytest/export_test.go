package verifytest

import (
	"context"

	"github.com/sallyport-go/sallyport/member/verify"
)

// Check runs one check by name, or reports that there is none.
func Check(ctx context.Context, name string, s verify.Store) (err error, found bool) {
	for _, c := range checks {
		if c.name == name {
			return c.check(ctx, s), true
		}
	}
	return nil, false
}

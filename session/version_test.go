package session_test

import (
	"math"
	"testing"

	"github.com/sallyport-go/sallyport/session"
)

func TestVersionNext(t *testing.T) {
	for _, tt := range []struct {
		number, want uint64
		ok           bool
		why          string
	}{
		{0, 1, true, "the first save"},
		{41, 42, true, "the number grows by one"},
		{session.MaxNumber - 1, session.MaxNumber, true, "the last number is a number"},
		{session.MaxNumber, 0, false, "a signed column could not hold the next"},
		{session.MaxNumber + 1, 0, false, "a negative number of a signed column"},
		{math.MaxUint64, 0, false, "numbers never wrap"},
	} {
		next, err := session.Version{Line: 7, Number: tt.number}.Next()
		want := session.Version{}
		if tt.ok {
			want = session.Version{Line: 7, Number: tt.want}
		}
		if (err == nil) != tt.ok || next != want {
			t.Errorf("after %d: %v, %v; want %v: %s", tt.number, next, err, want, tt.why)
		}
	}
	if session.MaxNumber != math.MaxInt64 {
		t.Errorf("MaxNumber is %d; databases store int64", session.MaxNumber)
	}
}

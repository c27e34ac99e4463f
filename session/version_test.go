package session_test

import (
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/session"
)

func TestParseVersion(t *testing.T) {
	for _, v := range []session.Version{{}, {Line: 1}, {Line: 7, Number: 4}, {Line: math.MaxUint32, Number: session.MaxNumber}, session.NewLine()} {
		if got, err := session.ParseVersion(v.String()); err != nil || got != v {
			t.Errorf("%v reads back as %v: %v", v, got, err)
		}
	}
	for _, bad := range []string{
		"", ".", "7", "7.", ".4", "7.4.", "7.4.1", "+7.4", "7.-4", "07.4", "7.04", "7.A", "Y.4", "7.4 ", " 7.4", "7_0.4", "7,4",
		"1z141z4.4",        // a line above 32 bits
		"7.1y2p0ij32e8e8",  // a number above MaxNumber
		"7.zzzzzzzzzzzzzz", // one above 64 bits
	} {
		if v, err := session.ParseVersion(bad); err == nil || v != (session.Version{}) {
			t.Errorf("%q is read as %v, %v", bad, v, err)
		} else if !strings.Contains(err.Error(), strconv.Quote(bad)) {
			t.Errorf("%q: the error does not quote it: %v", bad, err)
		}
	}
}

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

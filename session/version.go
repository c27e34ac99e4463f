package session

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// MaxNumber is the highest number a [Version] can have, so that it fits a signed column
// of a database. At a thousand saves a second it lasts 292 million years.
const MaxNumber uint64 = 1<<63 - 1

// Version is a place in the life of a record, which is the settings of a tenant or a
// member. Number grows by one with each save. Line is drawn at random, and is never
// zero, when the record is made, or made again after a restore or under a reused id.
//
// Compare the numbers of two versions only if their lines are equal; versions of two
// lines have no order. Versions can be compared with ==.
//
// The zero Version is on no line. It is what sessions carry that were admitted before
// stamps were kept, and what records have that nobody versions. No line tells such
// sessions apart, so a record that is made again must begin with a cut of [AllClients] at
// its first number, or those that were ended in its former life are alive again.
type Version struct {
	Line   uint32 `json:"line"`
	Number uint64 `json:"number"`
}

// NewLine returns the first version of a new life of a record: number 1 on a line drawn
// at random.
func NewLine() Version {
	var b [4]byte
	for binary.BigEndian.Uint32(b[:]) == 0 {
		rand.Read(b[:]) // which never fails
	}
	return Version{Line: binary.BigEndian.Uint32(b[:]), Number: 1}
}

// String returns line and number as a stamp has them, in base 36: "1z141z3.4".
func (v Version) String() string {
	return strconv.FormatUint(uint64(v.Line), 36) + "." + strconv.FormatUint(v.Number, 36)
}

// ParseVersion reads what String returns, and nothing else, so that equal versions have
// equal texts: the version of settings goes to a browser and comes back, as an ETag does.
func ParseVersion(s string) (Version, error) {
	line, number, _ := strings.Cut(s, ".")
	l, errLine := strconv.ParseUint(line, 36, 32)
	n, err := strconv.ParseUint(number, 36, 63)
	if v := (Version{Line: uint32(l), Number: n}); errLine == nil && err == nil && v.String() == s {
		return v, nil
	}
	return Version{}, fmt.Errorf("session: %s is no version; one is written as 1z141z3.4", quote(s))
}

// Next returns the version of the save that follows v, on the same line. If v is at
// [MaxNumber] or above, it returns an error: numbers never wrap, since a session of the
// highest number would then outlive every cut.
func (v Version) Next() (Version, error) {
	if v.Number >= MaxNumber {
		return Version{}, fmt.Errorf("no number follows %d; draw a new line", v.Number)
	}
	return Version{Line: v.Line, Number: v.Number + 1}, nil
}

//go:build !race

package policy_test

// evalRace tells that the race detector is on, which makes everything slow.
const evalRace = false

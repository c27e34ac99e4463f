//go:build race

package engine_test

// underRace says that the race detector is on, which takes memory and ten times as long:
// what is asked again and again without other goroutines is asked less often then.
const underRace = true

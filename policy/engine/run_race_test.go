//go:build race

package engine_test

const runRace = true // the race detector takes memory and time

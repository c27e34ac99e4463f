//go:build !race

package engine_test

const runRace = false

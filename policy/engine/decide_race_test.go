//go:build race

package engine_test

const decideRace = true

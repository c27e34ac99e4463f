//go:build !race

package engine_test

const decideRace = false

package policytest_test

import (
	"testing"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/policytest"
)

func TestMemStore(t *testing.T) {
	policytest.Run(t, func(t *testing.T) policy.Store { return policy.NewMemStore() })
}

// A Store that can do nothing but what it must passes too.
func TestMemStoreAlone(t *testing.T) {
	policytest.Run(t, func(t *testing.T) policy.Store { return struct{ policy.Store }{policy.NewMemStore()} })
}

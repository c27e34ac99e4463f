package directory_test

import (
	"testing"

	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/member/directory/directorytest"
)

func TestMemStore(t *testing.T) {
	directorytest.Run(t, func(t *testing.T) directory.Store { return directory.NewMemStore() })
}

func TestMemStoreCounts(t *testing.T) {
	directorytest.RunCounter(t, func(t *testing.T) directory.Counter { return directory.NewMemStore() })
}

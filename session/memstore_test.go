package session_test

import (
	"testing"

	"github.com/sallyport-go/sallyport/session"
	"github.com/sallyport-go/sallyport/session/sessiontest"
)

func TestMemStore(t *testing.T) {
	sessiontest.Run(t, func(t *testing.T) session.Store { return session.NewMemStore() })
}

func TestZeroMemStore(t *testing.T) {
	sessiontest.Run(t, func(t *testing.T) session.Store { return new(session.MemStore) })
}

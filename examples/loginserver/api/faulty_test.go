package api_test

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/sallyport-go/sallyport/examples/loginserver/site"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

var errDown = errors.New("the store is down")

// faulty are stores in memory that can be down.
type faulty struct{ down atomic.Bool }

func (f *faulty) err() error {
	if f.down.Load() {
		return errDown
	}
	return nil
}

func (f *faulty) stores() *site.Stores {
	s := site.InMemory()
	s.Values = values{s.Values, f}
	s.Sessions = sessions{session.NewMemStore(), f}
	s.Policies = policies{policy.NewMemStore(), f}
	s.Members = members{directory.NewMemStore(), f}
	return s
}

type values struct {
	site.Values
	*faulty
}

func (v values) Get(ctx context.Context, kind, name string) (site.Value, error) {
	if err := v.err(); err != nil {
		return site.Value{}, err
	}
	return v.Values.Get(ctx, kind, name)
}

func (v values) List(ctx context.Context, kind, owner string) ([]site.Value, error) {
	if err := v.err(); err != nil {
		return nil, err
	}
	return v.Values.List(ctx, kind, owner)
}

type sessions struct {
	*session.MemStore
	*faulty
}

func (s sessions) Find(ctx context.Context, t session.TenantID, id session.ID) (session.Session, error) {
	if err := s.err(); err != nil {
		return session.Session{}, err
	}
	return s.MemStore.Find(ctx, t, id)
}

func (s sessions) End(ctx context.Context, t session.TenantID, id session.ID, at time.Time, why string) error {
	if err := s.err(); err != nil {
		return err
	}
	return s.MemStore.End(ctx, t, id, at, why)
}

type policies struct {
	*policy.MemStore
	*faulty
}

func (p policies) Load(ctx context.Context, t session.TenantID) (policy.Record, error) {
	if err := p.err(); err != nil {
		return policy.Record{}, err
	}
	return p.MemStore.Load(ctx, t)
}

func (p policies) Version(ctx context.Context, t session.TenantID) (session.Version, error) {
	if err := p.err(); err != nil {
		return session.Version{}, err
	}
	return p.MemStore.Version(ctx, t)
}

type members struct {
	*directory.MemStore
	*faulty
}

func (m members) Load(ctx context.Context, t session.TenantID, id session.MemberID) (directory.Account, error) {
	if err := m.err(); err != nil {
		return directory.Account{}, err
	}
	return m.MemStore.Load(ctx, t, id)
}

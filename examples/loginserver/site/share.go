package site

import (
	"context"
	"sync"
	"time"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// share lets engines of several products share one store of policies. An engine takes the
// orders of all tenants of its store, and would judge those of another product by its own
// rules; so what is taken is handed to the engine of its tenant. A service of one product
// needs none of this.
type share struct {
	policy.Store
	mu      sync.Mutex
	product map[session.TenantID]string
	taken   map[string][]leased // by product, until its engine asks
}

type leased struct {
	session.Order
	until time.Time
}

func newShare(s policy.Store) *share {
	return &share{Store: s, product: make(map[session.TenantID]string), taken: make(map[string][]leased)}
}

func (s *share) belongs(t session.TenantID, product string) { s.product[t] = product }

// of returns the store for the engine of a product, with what else the store can do.
func (s *share) of(product string) policy.Store {
	p := part{s, product}
	h, historian := s.Store.(policy.Historian)
	w, watcher := s.Store.(policy.Watcher)
	l, log := s.Store.(session.Log)
	if historian && watcher && log {
		return struct {
			part
			policy.Historian
			policy.Watcher
			session.Log
		}{p, h, w, l}
	}
	return p
}

// part is the store of one product.
type part struct {
	*share
	name string
}

// Take returns orders of this product. Those of others wait for their engines, and after
// their lease the store gives them out again.
func (p part) Take(ctx context.Context, n int, lease time.Duration) ([]session.Order, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	all, err := p.Store.Take(ctx, n, lease)
	for _, o := range all {
		name := p.product[o.Tenant]
		p.taken[name] = append(p.taken[name], leased{o, now.Add(lease / 2)})
	}
	var mine []session.Order
	waiting := p.taken[p.name]
	for len(waiting) > 0 && len(mine) < n {
		if now.Before(waiting[0].until) {
			mine = append(mine, waiting[0].Order)
		}
		waiting = waiting[1:]
	}
	p.taken[p.name] = waiting
	if len(mine) > 0 {
		err = nil // the next call meets it again
	}
	return mine, err
}

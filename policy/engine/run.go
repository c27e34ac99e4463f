package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// How Run works.
const (
	pause     = time.Second      // between looks for what is due
	lease     = time.Minute      // for which an order is taken
	patience  = lease / 2        // that the host has for it, and the store for an answer
	firstWait = time.Second      // after the first failure; then twice as long each time
	longWait  = 10 * time.Minute // at most, before an order comes again
	storeWait = time.Minute      // at most, before the store is asked again
	maxTries  = 20               // then an order is parked: some two hours
	hands     = 16               // orders at a time
	maxStuck  = 64               // orders that the host has not returned from
	listeners = 4                // that read what a Watcher told of
)

// Run does what need not happen at once, until ctx ends, and returns when all of it has
// stopped: it delivers orders, reads changes that the store tells of, takes provisional
// saves back, and calls the Observer. Without it the engine decides as well: changes of
// other processes are seen within MaxStale, a provisional save returns when its time has
// come, sessions die at their next check; but nobody is mailed, told or dropped. Run it
// once at a time in each process. The error is ctx's.
//
// Revoker and Mailer have 30 seconds for each call, and are called again, to go on where
// they were, after a second, two, four, at most ten minutes; after 20 failures, some two
// hours, the order is parked: see [Engine.Waiting]. What happened before the end of ctx is
// told to the Observer, which Run waits for.
func (e *Engine) Run(ctx context.Context) error {
	if ctx == nil {
		return errNoContext
	}
	var work, tell sync.WaitGroup
	stopped := make(chan struct{})
	tell.Go(func() { e.pump(stopped) })
	work.Go(func() { e.returning(ctx) })
	work.Go(func() { e.delivering(ctx) })
	if w, ok := e.store.(policy.Watcher); ok {
		work.Go(func() { e.watch(ctx, w) })
		for range listeners {
			work.Go(func() { e.listen(ctx) })
		}
	}
	work.Wait()
	close(stopped) // after them, for they have something to tell too
	tell.Wait()
	return ctx.Err()
}

// pump calls the observer until stopped, and then for what was told before.
func (e *Engine) pump(stopped <-chan struct{}) {
	tell := func(o Observation) {
		defer func() { _ = recover() }() // it harms itself alone
		e.o.Observer.Observe(o)
	}
	for {
		select {
		case o := <-e.queue:
			tell(o)
			continue
		case <-stopped:
		}
		for range len(e.queue) { // and not what comes meanwhile, which may never end
			select {
			case o := <-e.queue:
				tell(o)
			default:
			}
		}
		return
	}
}

// returning looks for provisional saves that are due.
func (e *Engine) returning(ctx context.Context) {
	for ctx.Err() == nil {
		e.comeBack(ctx)
		sleep(ctx, pause)
	}
}

// comeBack takes provisional saves back whose time is over.
func (e *Engine) comeBack(ctx context.Context) {
	for _, id := range e.dueReturns(e.clock.at(time.Now())) {
		t := e.tenant(id)
		s, err := e.current(ctx, t)
		if err == nil && s.back == nil {
			e.unnoteReturn(id) // somebody was there before
		} else if err == nil {
			_, err = e.due(ctx, t, s)
		}
		if errors.Is(err, session.ErrNotFound) {
			e.unnoteReturn(id)
		}
	}
}

// watch has the store tell of changes, again after it has broken down.
func (e *Engine) watch(ctx context.Context, w policy.Watcher) {
	changed := func(t session.TenantID, v session.Version) {
		if cached := e.tenants.get(e.tenantHash(t), t); cached == nil {
			return
		} else if s := cached.copy.Load(); s != nil && s.version == v {
			return
		}
		select {
		case e.told <- t:
		default: // it is found out within MaxStale
		}
	}
	for wait := firstWait; ; wait = min(2*wait, storeWait) {
		began := time.Now()
		err := func() (err error) {
			defer func() {
				if r := recover(); r != nil {
					err = fmt.Errorf("engine: the store panicked: %.200q", fmt.Sprint(r))
				}
			}()
			return w.Watch(ctx, changed)
		}()
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = errors.New("it returned without an error")
		}
		e.alarm("", "", fmt.Errorf("engine: the store has stopped telling of changes: %w", err))
		if time.Since(began) > storeWait {
			wait = firstWait
		}
		sleep(ctx, wait)
	}
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// listen reads what was told of.
func (e *Engine) listen(ctx context.Context) {
	for {
		select {
		case id := <-e.told:
			if t := e.tenants.get(e.tenantHash(id), id); t != nil {
				_, _ = e.current(ctx, t) // what fails here is tried at the next request
			}
		case <-ctx.Done():
			return
		}
	}
}

// knock says that there are new orders.
func (e *Engine) knock(orders []session.Order) {
	if len(orders) == 0 {
		return
	}
	select {
	case e.kick <- struct{}{}:
	default:
	}
}

var errStuck = fmt.Errorf("the host has not returned from %d of them", maxStuck)

// delivering takes orders that are due, as many as there are hands for, and has them done.
func (e *Engine) delivering(ctx context.Context) {
	var work sync.WaitGroup
	defer work.Wait()
	busy := make(chan struct{}, hands)
	stuck := make(chan struct{}, maxStuck)
	t := time.NewTicker(pause)
	defer t.Stop()
	for wait := firstWait; ; {
		select {
		case busy <- struct{}{}:
			<-busy // a hand is free, and is left to nobody else
		case <-ctx.Done():
			return
		}
		n, err := min(hands-len(busy), maxStuck-len(stuck)), errStuck
		var orders []session.Order
		if n > 0 {
			orders, err = call(ctx, e, patience, func(ctx context.Context) ([]session.Order, error) { return e.store.Take(ctx, n, lease) })
		}
		for _, o := range orders {
			busy <- struct{}{}
			work.Go(func() {
				defer func() { <-busy }()
				e.settle(ctx, stuck, o)
			})
		}
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			e.alarm("", "", fmt.Errorf("engine: no orders are taken: %w", err))
			sleep(ctx, wait)
			wait = min(2*wait, storeWait)
			continue
		case len(orders) < n: // no more are due
			select {
			case <-t.C:
			case <-e.kick:
			case <-ctx.Done():
			}
		}
		wait = firstWait
	}
}

// settle has one order done, and says so to the store. What the store does not hear comes
// again, which harms nothing.
func (e *Engine) settle(ctx context.Context, stuck chan struct{}, o session.Order) {
	err := e.hand(ctx, stuck, o)
	if ctx.Err() != nil {
		return
	}
	park := o.Tries >= maxTries-1
	_, unheard := call(ctx, e, e.o.LoadTimeout, func(ctx context.Context) (struct{}, error) {
		if err == nil {
			return struct{}{}, e.store.Done(ctx, o.ID)
		}
		wait := min(firstWait<<min(max(o.Tries, 0), maxTries), longWait)
		return struct{}{}, e.store.Failed(ctx, o.ID, wait, park, err.Error())
	})
	if err != nil && unheard == nil && park {
		e.alarm(o.Tenant, o.Member, fmt.Errorf("engine: order %s (%s) is parked after %d failures: %w", o.ID, o.Kind, maxTries, err))
	}
}

// hand gives an order to the host. If that takes too long, the order counts as failed. A
// host that never returns uses up maxStuck, and nothing that decisions need.
func (e *Engine) hand(ctx context.Context, stuck chan struct{}, o session.Order) error {
	select {
	case stuck <- struct{}{}:
	default:
		return errStuck
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		defer func() { <-stuck }()
		err := errors.New("engine: the host ended the goroutine that called it")
		defer func() {
			if r := recover(); r != nil && o.Kind == session.ResetLink {
				err = fmt.Errorf("engine: the host panicked: %T", r) // whose text may have the token
			} else if r != nil {
				err = fmt.Errorf("engine: the host panicked: %.200q", fmt.Sprint(r))
			}
			done <- err
		}()
		err = e.carryOut(ctx, o)
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (e *Engine) carryOut(ctx context.Context, o session.Order) error {
	switch o.Kind {
	case session.SignOut:
		if e.o.Revoker == nil {
			return nil
		}
		return e.o.Revoker.Revoke(ctx, o)
	case session.ResetLink, session.Notice:
		if e.o.Mailer == nil {
			return errors.New("engine: there is no Mailer")
		}
		return e.mail(ctx, o)
	}
	return fmt.Errorf("engine: this program knows no order of the kind %q", o.Kind)
}

// Waiting returns the orders of a tenant that are not done, oldest first, at most n: those
// that are parked wait for a person.
func (e *Engine) Waiting(ctx context.Context, t session.TenantID, n int) ([]session.Order, error) {
	return call(ctx, e, 0, func(ctx context.Context) ([]session.Order, error) { return e.store.Waiting(ctx, t, n) })
}

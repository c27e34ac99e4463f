package directory

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sallyport-go/sallyport/session"
)

// Delivery of orders.
const (
	leased   = time.Minute // how long an order that was taken is not taken by another
	pollEach = time.Second // how often Run looks where nothing is due
	atOnce   = 16          // orders that Run takes together
	mostWait = 10 * time.Minute
	parkAt   = 12 // failures, after about half an hour
	mostTold = 64 // calls of the host that are under way at once
)

var (
	errBusy     = errors.New("directory: too many calls of the host are under way, none of which returns")
	errVanished = errors.New("directory: the host ended the goroutine that called it")
)

// Run delivers the orders of all tenants until ctx ends, and returns its error. Sessions
// that an order means are ended in Options.Sessions, then the Revoker or the Wiper is
// told; the order is done when both have succeeded. What fails comes again after a while
// that doubles, and is parked after 12 failures: Store.Waiting shows it. Any number of
// processes may run it, or none: what an act could not deliver at once waits then. Where
// acts join transactions of the host, one process at least must run it, outside of them,
// for such an act tells nobody: see Options.Sessions. A panic of the host's code is a
// failure, and so is a call that does not return when its context ends. The store's outbox
// is this Directory's alone.
func (d *Directory) Run(ctx context.Context) error {
	if d.joins() {
		return errors.New("directory: what is not committed is not delivered; Run a Directory whose stores are outside of the transaction")
	}
	for ctx.Err() == nil {
		taken, err := d.take(ctx)
		var all sync.WaitGroup // at once, so that the host's slowest holds up no other for longer than itself
		for _, o := range taken {
			all.Go(func() { d.deliver(ctx, o) })
		}
		all.Wait()
		if err != nil || len(taken) == 0 {
			sleep(ctx, pollEach)
		}
	}
	return ctx.Err()
}

func (d *Directory) take(ctx context.Context) (orders []session.Order, err error) {
	defer recovered(&err)
	return d.store.Take(ctx, atOnce, leased)
}

// promptly tries to deliver orders that were just stored, one time and for a short while.
// What it does not get to is Run's.
func (d *Directory) promptly(ctx context.Context, orders []session.Order) {
	if d.o.Prompt < 0 || len(orders) == 0 || d.joins() {
		return // the host may yet take back an act that joins its transaction, and no wiped device with it
	}
	ctx, cancel := context.WithTimeout(ctx, d.o.Prompt)
	defer cancel()
	for _, o := range orders {
		if ctx.Err() != nil {
			return
		}
		d.deliver(ctx, o)
	}
}

// endWithin ends what an act signs out, as a part of it, where both the act and the sessions
// join a transaction of the host: some acts end sessions by their orders alone, which a Run
// may take much later. It has no deadline but the caller's, for on SQLite a statement that is
// cut off takes the whole transaction with it. The orders stay, for who else is to be told.
func (d *Directory) endWithin(ctx context.Context, orders []session.Order) error {
	if d.o.Prompt < 0 || !uncommitted(d.store) || !uncommitted(d.o.Sessions) {
		return nil
	}
	for _, o := range orders {
		if o.Kind != session.SignOut {
			continue
		}
		if _, err := d.o.Sessions.EndAll(ctx, o, now()); err != nil {
			return fmt.Errorf("directory: the act is written and its sessions have not ended; roll the transaction back: %w", err)
		}
	}
	return nil
}

// joins reports whether the host may yet take back what is written.
func (d *Directory) joins() bool { return uncommitted(d.store) || uncommitted(d.o.Sessions) }

func uncommitted(store any) bool {
	u, ok := store.(session.Uncommitted)
	return ok && u.Uncommitted()
}

// deliver carries out one order and settles it. An order that cannot be settled, for the
// store does not answer or ctx has ended, is taken again after its lease.
func (d *Directory) deliver(ctx context.Context, o session.Order) {
	err := d.carryOut(ctx, o)
	if ctx.Err() != nil {
		return
	}
	defer recovered(new(error))
	if err == nil {
		d.store.Done(ctx, o.ID)
		return
	}
	wait := min(time.Second<<min(o.Tries, 20), mostWait)
	d.store.Failed(ctx, o.ID, wait, o.Tries+1 >= parkAt, err.Error())
}

func (d *Directory) carryOut(ctx context.Context, o session.Order) (err error) {
	ctx, cancel := context.WithTimeout(ctx, leased)
	defer cancel()
	defer recovered(&err)
	switch o.Kind {
	case session.SignOut:
		if d.o.Sessions != nil {
			if _, err := d.o.Sessions.EndAll(ctx, o, now()); err != nil {
				return fmt.Errorf("directory: ending sessions: %w", err)
			}
		}
		if d.o.Revoker != nil {
			return d.tell(ctx, o, d.o.Revoker.Revoke)
		}
		return nil
	case session.WipeApp, session.WipeAll:
		if d.o.Wiper != nil {
			return d.tell(ctx, o, d.o.Wiper.Wipe)
		}
		return errors.New("directory: there is no Options.Wiper")
	}
	return fmt.Errorf("directory: an order of kind %s is not this directory's", quote(string(o.Kind)))
}

// tell calls the host on a goroutine of its own. If it does not return by the end of ctx,
// the caller goes on and the order comes again. A host that never returns costs no more
// than mostTold goroutines.
func (d *Directory) tell(ctx context.Context, o session.Order, host func(context.Context, session.Order) error) error {
	select {
	case d.telling <- struct{}{}:
	case <-ctx.Done():
		return errors.Join(errBusy, ctx.Err())
	}
	told := make(chan error, 1)
	go func() {
		err := errVanished
		defer func() {
			<-d.telling
			told <- err
		}()
		defer recovered(&err)
		err = host(ctx, o)
	}()
	select {
	case err := <-told:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

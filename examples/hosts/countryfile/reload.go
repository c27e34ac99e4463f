// Package countryfile keeps a country file current while the service runs. Copy Reload. The
// host must give the *geo.Live to the engine (Options.Locator), put new files in place by
// renaming them, and look at what Reload tells: a file that is refused leaves the old one in
// use, and an old one decides by what was true then.
package countryfile

import (
	"context"
	"log/slog"
	"time"

	"github.com/sallyport-go/sallyport/geo"
)

// Reload reads the file again at each tick of every, until ctx ends. It tells log of a file
// that is refused, of one that is taken and, at each tick, of one that is older than maxAge.
func Reload(ctx context.Context, live *geo.Live, every, maxAge time.Duration, log *slog.Logger) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		changed, err := live.Reload()
		built := live.DB().BuildTime()
		switch {
		case err != nil:
			log.ErrorContext(ctx, "country file refused", "err", err, "in use", built)
		case changed:
			log.InfoContext(ctx, "country file taken", "built", built)
		}
		if age := time.Since(built); age > maxAge {
			log.WarnContext(ctx, "country file is old", "built", built, "age", age)
		}
	}
}

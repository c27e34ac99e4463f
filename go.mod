module github.com/sallyport-go/sallyport

go 1.26.0

require (
	github.com/google/go-cmp v0.7.0
	github.com/oschwald/maxminddb-golang/v2 v2.9.0
	go4.org/netipx v0.0.0-20260823151212-3075585bcbeb
)

require golang.org/x/sys v0.49.0 // indirect

// Package nodes tests what holds across the processes of a service that share one
// PostgreSQL, and across those that share one PostgreSQL and one Redis. It is a module of
// its own, so that hosts with one of the two need no client of the other, and it has nothing
// to import.
//
//	go test -v ./policy/sqlstore/nodes
//	SALLYPORT_RUN=10m go test -v -timeout 20m -run NothingDeadLives ./policy/sqlstore/nodes
package nodes

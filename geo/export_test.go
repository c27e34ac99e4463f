package geo

// ReadUnchanged is here because no real file changes at the moment that a test
// needs.
var ReadUnchanged = readUnchanged

package api

import (
	"maps"
	"slices"
)

// Routes returns the patterns of a.
func Routes(a *API) []string { return slices.Sorted(maps.Keys(a.routes())) }

// Document is openapi.yaml.
var Document = openAPI

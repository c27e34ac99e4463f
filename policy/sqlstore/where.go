package sqlstore

import (
	"strconv"
	"strings"
)

// where is a condition of a query with its arguments. Nothing from outside becomes text of
// a query: values are arguments always.
type where struct {
	conditions []string
	args       []any
}

// arg adds an argument and returns its place.
func (w *where) arg(value any) string {
	w.args = append(w.args, value)
	return "$" + strconv.Itoa(len(w.args))
}

// text adds a condition without an argument.
func (w *where) text(condition string) { w.conditions = append(w.conditions, condition) }

// and adds a condition that ends with an argument.
func (w *where) and(condition string, value any) { w.text(condition + w.arg(value)) }

// in adds that a column has one of some values.
func (w *where) in(column string, values []string) {
	places := make([]string, len(values))
	for i, v := range values {
		places[i] = w.arg(v)
	}
	if len(values) == 0 {
		places = []string{"NULL"} // none does
	}
	w.text(column + " IN (" + strings.Join(places, ", ") + ")")
}

// String returns the condition, with the word WHERE before it.
func (w *where) String() string { return " WHERE " + strings.Join(w.conditions, " AND ") }

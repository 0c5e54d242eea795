package intake

import (
	"fmt"
	"slices"

	"github.com/payloom/payloom/pkg/service"
)

// Faults are what is wrong with a request, field by field. The first fault of a
// field stands for all of them.
type Faults struct{ List []service.FieldError }

// Add notes what is wrong with a field.
func (f *Faults) Add(field, code, format string, args ...any) {
	if !f.Has(field) {
		f.List = append(f.List, service.FieldError{Field: field, Code: code, Detail: fmt.Sprintf(format, args...)})
	}
}

// Has tells whether something is wrong with a field.
func (f *Faults) Has(field string) bool {
	return slices.ContainsFunc(f.List, func(e service.FieldError) bool { return e.Field == field })
}

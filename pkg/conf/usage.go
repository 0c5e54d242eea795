package conf

import (
	"fmt"
	"io"
	"net/url"
	"reflect"
	"text/tabwriter"
	"time"
)

// Usage writes a table of every variable that [Load] would read into dst: name,
// type, default and description, in the order of the source. Values of Secret
// and PII are not shown, not even as defaults.
func Usage(dst any, w io.Writer) error {
	root, err := rootOf(dst)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "VARIABLE\tTYPE\tDEFAULT\tDESCRIPTION")
	for _, v := range root.all() {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", v.name, typeName(v.field.Type), v.shownDefault(), v.field.Tag.Get("desc"))
	}
	return table.Flush()
}

// shownDefault is what the variable is when nobody sets it.
func (v variable) shownDefault() string {
	def, ok := v.field.Tag.Lookup("envDefault")
	switch {
	case v.hasOption("required"), v.hasOption("notEmpty") && def == "":
		return "(required)"
	case ok && def != "" && isHidden(v.field.Type):
		return shownSecret
	case ok && def != "":
		return def
	case !v.value.IsZero():
		return fmt.Sprint(v.value.Interface())
	}
	return "-"
}

// typeName is the type in the words of somebody who sets variables.
func typeName(t reflect.Type) string {
	switch t {
	case secretType:
		return "secret"
	case piiType:
		return "personal"
	case reflect.TypeFor[time.Duration]():
		return "duration"
	case reflect.TypeFor[url.URL]():
		return "url"
	}
	if reflect.PointerTo(t).Implements(textType) {
		return "text"
	}
	switch t.Kind() {
	case reflect.Pointer:
		return typeName(t.Elem())
	case reflect.Slice:
		return "list of " + typeName(t.Elem())
	case reflect.Map:
		return "list of " + typeName(t.Key()) + ":" + typeName(t.Elem())
	case reflect.Bool:
		return "bool"
	case reflect.String:
		return "text"
	case reflect.Float32, reflect.Float64:
		return "number"
	}
	return "integer"
}

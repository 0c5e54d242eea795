package main

import (
	"bytes"
	_ "embed" // the page
	"html/template"
	"net/http"
)

//go:embed index.html
var indexHTML string

var indexPage = template.Must(template.New("index").Parse(indexHTML))

// index tells a person who came to the root what there is.
func index(all mounts, shop bool) http.HandlerFunc {
	view := struct {
		Providers []string
		Shop      bool
	}{Shop: shop}
	for _, m := range all {
		view.Providers = append(view.Providers, string(m.provider))
	}
	return func(w http.ResponseWriter, _ *http.Request) {
		var out bytes.Buffer
		if err := indexPage.Execute(&out, view); err != nil {
			http.Error(w, "internal error", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'")
		_, _ = out.WriteTo(w)
	}
}

package shop

import (
	"net"
	"net/http"
	"net/url"
	"strings"
)

// maxForm is the longest form that is read, in bytes.
const maxForm = 16 << 10

// visitor is whoever sent a request.
type visitor struct {
	id string // of the session
	session
}

// handler serves a request of a visitor.
type handler func(w http.ResponseWriter, r *http.Request, v visitor)

// contentPolicy allows the shop's own files, the script of the button, and
// nothing inline. Amazon's own checkout.js loads more from Amazon: a shop that
// uses it adds the hosts that Amazon's documentation lists.
func contentPolicy(script string) string {
	host := ""
	if u, err := url.Parse(script); err == nil && u.Host != "" {
		host = " " + u.Scheme + "://" + u.Host
	}
	return strings.Join([]string{
		"default-src 'none'", "script-src 'self'" + host, "style-src 'self'", "img-src 'self'", "connect-src 'self'",
		"form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'",
	}, "; ")
}

// page serves a GET.
func (s *Shop) page(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.protect(w)
		if s.elsewhere(r) {
			// The session's cookie and the addresses that Payloom knows belong to one host.
			http.Redirect(w, r, s.public.ResolveReference(&url.URL{Path: r.URL.Path, RawQuery: r.URL.RawQuery}).String(), http.StatusTemporaryRedirect)
			return
		}
		id := s.memory.visit(w, r, s.public.Scheme == "https")
		h(w, r, visitor{id, s.memory.look(id)})
	})
}

// form serves a POST, if it comes from a page of ours: by what the browser says
// of where it comes from, and by the session's token.
func (s *Shop) form(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.protect(w)
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		id := s.memory.visit(w, r, s.public.Scheme == "https")
		token := r.Header.Get("X-CSRF-Token")
		if token == "" {
			token = r.PostFormValue("csrf")
		}
		if s.origins.Check(r) != nil || !s.memory.genuine(id, token) {
			s.problem(w, http.StatusForbidden, "This form has expired", "Please go back, reload the page and try again.")
			return
		}
		h(w, r, visitor{id, s.memory.look(id)})
	})
}

// protect sets the headers of every page.
func (s *Shop) protect(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Security-Policy", s.policy)
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
}

// elsewhere tells whether the browser calls the shop on this machine by another
// of its names than the one that Payloom sends buyers back to.
func (s *Shop) elsewhere(r *http.Request) bool {
	return !strings.EqualFold(r.Host, s.public.Host) && isHere(r.Host) && isHere(s.public.Host)
}

// isHere tells whether host, with or without a port, is a name of this machine.
func isHere(host string) bool {
	u := url.URL{Host: host}
	name := strings.ToLower(u.Hostname())
	ip := net.ParseIP(name)
	return name == "localhost" || strings.HasSuffix(name, ".localhost") || ip != nil && ip.IsLoopback()
}

package signature

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/dunglas/httpsfv"
)

// The header fields of a signed request.
const (
	headerInput     = "Signature-Input"
	headerSignature = "Signature"
	headerDigest    = "Content-Digest"
)

// Covered returns the components that a signature of r has to cover: what is to be
// done, where, under which request id, and to which body.
func Covered(r *http.Request) []string {
	all := []string{"@method", "@authority", "@path", "@query"}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return all
	}
	return append(all, "idempotency-key", "content-digest")
}

// base returns the text that is signed (RFC 9421 §2.5). params are the covered
// components with their parameters, as Signature-Input holds them.
func base(r *http.Request, params httpsfv.InnerList) (string, error) {
	var b strings.Builder
	for _, item := range params.Items {
		name, ok := item.Value.(string)
		if !ok || len(item.Params.Names()) > 0 {
			return "", fmt.Errorf("%w: a covered component is no plain name", ErrMalformed)
		}
		value, err := component(r, name)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "%q: %s\n", name, value)
	}
	text, err := httpsfv.Marshal(httpsfv.List{params})
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return b.String() + `"@signature-params": ` + text, nil
}

// component returns the value of a covered component (RFC 9421 §2.1, §2.2).
func component(r *http.Request, name string) (string, error) {
	switch name {
	case "@method":
		return r.Method, nil
	case "@authority":
		return authority(r), nil
	case "@path":
		return pathOf(r), nil
	case "@query":
		return "?" + r.URL.RawQuery, nil
	}
	if strings.HasPrefix(name, "@") || name != strings.ToLower(name) {
		return "", fmt.Errorf("%w: component %.40q is not taken here", ErrMalformed, name)
	}
	values := r.Header.Values(name)
	if len(values) == 0 {
		return "", fmt.Errorf("%w: the header field %.40q is covered and not there", ErrMalformed, name)
	}
	trimmed := make([]string, len(values))
	for i, v := range values {
		trimmed[i] = strings.Trim(v, " \t")
	}
	return strings.Join(trimmed, ", "), nil
}

// authority returns the host, in lower case and without the port that is its
// scheme's own.
func authority(r *http.Request) string {
	host := r.Host
	if host == "" {
		host = r.URL.Host
	}
	host = strings.ToLower(host)
	return strings.TrimSuffix(strings.TrimSuffix(host, ":443"), ":80")
}

func pathOf(r *http.Request) string {
	if p := r.URL.EscapedPath(); p != "" {
		return p
	}
	return "/"
}

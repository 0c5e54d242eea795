package provider

import (
	"errors"
	"net/url"
)

// CheckURL checks a configured address that others are made from. At an account
// that is live it must be https. The error begins with a verb, as what is wrong
// with a field does.
func CheckURL(text string, live bool) error {
	u, err := url.Parse(text)
	switch {
	case text == "":
		return errors.New("is empty")
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return errors.New("must be a URL such as https://pay.example.com")
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return errors.New("must hold no user, query or fragment")
	case live && u.Scheme != "https":
		return errors.New("must be https for a live account")
	}
	return nil
}

package signature

import "net/http"

// VerifyUncovered is Verify without the profile's demands.
func VerifyUncovered(s Signature, r *http.Request, k Key) error {
	text, err := base(r, s.params)
	if err != nil {
		return err
	}
	if !k.matches(s, text) {
		return ErrWrong
	}
	return nil
}

package doctor

import (
	"fmt"
	"time"
)

// maxSecretAge is how long a secret is good for.
const maxSecretAge = 90 * 24 * time.Hour

// The marks of how long a certificate is still good.
const (
	warnCert = 30 * 24 * time.Hour
	failCert = 7 * 24 * time.Hour
)

var fileChecks = []check{
	{
		"accounts.file", "payctl accounts check says line by line what is wrong; services go on with the accounts they have, and do not start without",
		func(v Vitals) (Level, string) {
			switch {
			case v.Accounts == "":
				return verdict(Warn, "not looked at: PAYLOOM_ACCOUNTS is not set")
			case v.AccountsErr != nil:
				return verdict(Fail, "%v", v.AccountsErr)
			}
			return verdict(OK, "nothing wrong in %s", v.Accounts)
		},
	}, {
		"secrets.age", "have a new one made, put it first in its list beside the old one, and take the old one out after a day",
		func(v Vitals) (Level, string) {
			var wrong []string
			for _, s := range v.Secrets {
				if age := v.Now.Sub(s.Changed); age > maxSecretAge {
					wrong = append(wrong, fmt.Sprintf("%s is %s old", s.Path, short(age)))
				}
			}
			return either(Warn, wrong, fmt.Sprintf("none of %d files is older than 90 days", len(v.Secrets)))
		},
	}, {
		"certificates.expiry", "payctl broker init renews what it made; then have the servers reload and restart the services",
		judgeCerts,
	},
}

func judgeCerts(v Vitals) (Level, string) {
	level := OK
	var wrong []string
	for _, c := range v.Certs {
		left := c.NotAfter.Sub(v.Now)
		switch {
		case c.Err != nil:
			level, wrong = Fail, append(wrong, fmt.Sprintf("%s: %v", c.Path, c.Err))
		case left < failCert:
			level, wrong = Fail, append(wrong, fmt.Sprintf("%s is good for %s", c.Path, short(left)))
		case left < warnCert:
			wrong = append(wrong, fmt.Sprintf("%s is good for %s", c.Path, short(left)))
			if level == OK {
				level = Warn
			}
		}
	}
	return either(level, wrong, fmt.Sprintf("%d certificate(s), none about to expire", len(v.Certs)))
}

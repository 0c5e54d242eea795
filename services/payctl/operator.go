package main

import (
	"os"
	"os/user"
	"regexp"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/payloom/payloom/pkg/wire"
)

// operator is who gives an order and why, as the audit is to know it.
type operator struct {
	actor  string
	reason string
}

// operatorFlags adds the flags of a command that changes something.
func operatorFlags(cmd *cobra.Command, o *operator) {
	cmd.Flags().StringVar(&o.actor, "actor", defaultActor(), "your id, as the audit is to know it")
	cmd.Flags().StringVar(&o.reason, "reason", "", "why, for the audit; no personal data")
}

// defaultActor is the user of this machine; empty where there is none to be known.
func defaultActor() string {
	u, err := user.Current()
	if err != nil {
		return ""
	}
	host, err := os.Hostname()
	if err != nil {
		return u.Username
	}
	return u.Username + "@" + host
}

var actorPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}$`)

// maxReason is the longest reason in bytes; evidence may be four times that long.
const maxReason = 500

// check returns what is wrong with what the operator says.
func (o operator) check() error {
	if !actorPattern.MatchString(o.actor) {
		return misuse("--actor: %q must match %s", o.actor, actorPattern)
	}
	if strings.TrimSpace(o.reason) == "" {
		return misuse("--reason: say why; the audit keeps it")
	}
	return plainText("--reason", o.reason, maxReason)
}

// plainText refuses what is too long for the audit, or no line of text.
func plainText(flag, text string, limit int) error {
	if len(text) > limit {
		return misuse("%s: %d bytes, at most %d", flag, len(text), limit)
	}
	if strings.ContainsFunc(text, unicode.IsControl) {
		return misuse("%s: it must be one line of text", flag)
	}
	if wire.CardNumber(text) {
		return misuse("%s: it holds what may be a card number", flag)
	}
	return nil
}

// record returns the beginning of a record of action.
func (o operator) record(action string) wire.AuditRecord {
	return wire.AuditRecord{Actor: o.actor, Action: action, Reason: o.reason}
}

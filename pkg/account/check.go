package account

import (
	"errors"
	"fmt"
	"slices"
)

// Exam is a provider's own check of one of its accounts: settings it cannot do
// without, secrets that are missing.
type Exam func(a *Account) []Problem

// Check returns what is likely to be wrong with a file that can be read: what a
// merchant would notice only when the first payment is refused. Exams see every
// account and look at those they know.
func Check(b *Book, exams ...Exam) []Problem {
	var all []Problem
	for _, m := range b.merchants {
		all = append(all, m.check(b.path)...)
	}
	all = append(all, b.sharedSecrets()...)
	all = append(all, b.webhookProblems()...)
	for a := range b.Accounts() {
		all = append(all, a.rotations()...)
		for _, exam := range exams {
			all = append(all, exam(a)...)
		}
	}
	return all
}

func (m *Merchant) check(path string) []Problem {
	var all []Problem
	report := func(format string, args ...any) {
		all = append(all, Problem{path, m.Line, string(m.ID), fmt.Sprintf(format, args...)})
	}
	if len(m.Keys) == 0 {
		report("has no api_keys: nobody can call for it")
	}
	if len(m.Accounts) == 0 {
		report("has no accounts: none of its payments can be carried out")
	}
	for i, a := range m.Accounts {
		at := m.at(a.Provider)
		if _, err := choose(at); errors.Is(err, ErrNoDefault) && slices.Index(m.Accounts, at[0]) == i {
			report("has %d accounts at %s and no default: commands must name one", len(at), a.Provider)
		}
	}
	return all
}

// sharedSecrets finds secrets that serve both real money and tests: what leaks
// from a test system must not open the other.
func (b *Book) sharedSecrets() []Problem {
	test := map[string]*Account{}
	for a := range b.Accounts() {
		for _, v := range a.values() {
			if !a.Live {
				test[v] = a
			}
		}
	}
	var all []Problem
	for a := range b.Accounts() {
		for name, list := range a.Secrets.sorted() {
			for _, e := range list {
				if other, shared := test[e.Value.Reveal()]; shared && a.Live {
					all = append(all, a.problem("secrets.%s, id %s: the test account %s of %s has the same secret", name, e.ID, other.Name, other.Merchant))
				}
			}
		}
	}
	return all
}

func (a *Account) values() []string {
	var all []string
	for _, list := range a.Secrets {
		for _, e := range list {
			all = append(all, e.Value.Reveal())
		}
	}
	return all
}

// rotations finds lists of secrets that a rotation was left half done in.
func (a *Account) rotations() []Problem {
	var all []Problem
	for name, list := range a.Secrets.sorted() {
		if len(list) > 2 {
			all = append(all, a.problem("secrets.%s: %d are valid at once; a rotation needs two", name, len(list)))
		}
		for i, e := range list {
			if slices.ContainsFunc(list[:i], func(o Secret) bool { return o.Value == e.Value }) {
				all = append(all, a.problem("secrets.%s, id %s: is the same secret as another of the list", name, e.ID))
			}
		}
	}
	return all
}

func (a *Account) problem(format string, args ...any) Problem {
	return Problem{a.settings.path, a.Line, string(a.Merchant) + "/" + string(a.Provider) + "/" + a.Name, fmt.Sprintf(format, args...)}
}

package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/services/internal/providers"
	"github.com/payloom/payloom/services/payctl/internal/console"
)

func (a *app) accountsCommand() *cobra.Command {
	check := &cobra.Command{
		Use:   "check [FILE]",
		Short: "Say what is wrong with an accounts file before a service does",
		Long: `Check reads the file of merchants and accounts, follows every reference to a secret, and
reports what services would refuse and what a merchant would notice only later. It shows
no secret. Without FILE it takes PAYLOOM_ACCOUNTS.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			path, err := a.accountsFile(args)
			if err != nil {
				return err
			}
			return a.checkAccounts(path)
		},
	}
	return group("accounts", "Merchants' accounts and API keys", check, a.keyCommand(), a.signCommand())
}

func (a *app) accountsFile(args []string) (string, error) {
	if len(args) > 0 {
		return args[0], nil
	}
	s, err := a.settings()
	if err != nil {
		return "", err
	}
	if s.Accounts == "" {
		return "", misuse("name the file, or set PAYLOOM_ACCOUNTS")
	}
	return s.Accounts, nil
}

func (a *app) checkAccounts(path string) error {
	book, err := account.Load(path, nil)
	invalid, bad := errors.AsType[*account.Invalid](err)
	if err != nil && !bad {
		return err
	}
	problems := []account.Problem{}
	if bad {
		problems = append(problems, invalid.Problems...)
	} else {
		problems = append(problems, account.Check(book, providers.Exam)...)
	}
	if err := a.printProblems(path, book, problems); err != nil {
		return err
	}
	if len(problems) > 0 {
		return errSaid
	}
	return nil
}

// problemView is a problem as JSON.
type problemView struct {
	File  string `json:"file"`
	Line  int    `json:"line,omitempty"`
	Field string `json:"field,omitempty"`
	What  string `json:"what"`
}

func (a *app) printProblems(path string, book *account.Book, problems []account.Problem) error {
	if a.asJSON {
		views := []problemView{}
		for _, p := range problems {
			views = append(views, problemView{p.Path, p.Line, p.Field, p.What})
		}
		return a.console.Object(map[string]any{"ok": len(views) == 0, "problems": views})
	}
	for _, p := range problems {
		a.console.Printf("%s\n", p)
	}
	if len(problems) > 0 {
		a.console.Printf("%s\n", a.console.Paint(console.Red, "the file needs work: see above"))
		return nil
	}
	accounts := 0
	for range book.Accounts() {
		accounts++
	}
	a.console.Printf("%s: %d merchant(s), %d account(s), nothing wrong\n", path, len(book.Merchants()), accounts)
	return nil
}
